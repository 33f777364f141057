"""Finds sessions without their cookies: by owner or by id."""

import builtins
from collections.abc import Iterable

from gateway.sessions import record as records
from gateway.sessions.record import SessionInfo
from gateway.sessions.ticket import storage_key
from gateway.sessions.upkeep import Terms
from gateway.storage.store import Clock, Store


class Directory:
    """Looks up sessions in their indexes; see `gateway.sessions.record`."""

    def __init__(self, terms: Terms, store: Store, clock: Clock) -> None:
        self._terms = terms
        self._store = store
        self._clock = clock

    async def list(self, indexes: Iterable[str]) -> list[SessionInfo]:
        """The live sessions in any of `indexes`, last used first."""
        now, terms = self._clock(), self._terms
        found = {}
        for index in indexes:
            for key, data in await self._store.find(index):
                session_id = key.removeprefix("session:")
                info = records.open_info(terms.sealer, session_id, records.unpack(data))
                if info is not None and terms.limits.allow(info.created_at, info.last_seen_at, now):
                    found[session_id] = info
        return sorted(found.values(), key=lambda info: info.last_seen_at, reverse=True)

    async def page(self, after: str, limit: int) -> tuple[builtins.list[SessionInfo], str | None]:
        """The live ones of the first `limit` sessions after the id `after`, and where to go on."""
        now, terms = self._clock(), self._terms
        cursor = storage_key(after) if after else ""
        listed = await self._store.page(records.EVERY_SESSION, after=cursor, limit=limit)
        found = []
        for key, data in listed:
            info = records.open_info(
                terms.sealer, key.removeprefix("session:"), records.unpack(data)
            )
            if info is not None and terms.limits.allow(info.created_at, info.last_seen_at, now):
                found.append(info)
        last = listed[-1][0].removeprefix("session:") if len(listed) == limit else None
        return found, last

    async def find(self, session_id: str) -> SessionInfo | None:
        """The session with this id; None if there is none, or it is over."""
        now, terms = self._clock(), self._terms
        data = await self._store.get(storage_key(session_id))
        info = records.open_info(terms.sealer, session_id, records.unpack(data))
        if info is None or not terms.limits.allow(info.created_at, info.last_seen_at, now):
            return None
        return info

    async def ids(self, indexes: Iterable[str]) -> tuple[str, ...]:
        """The ids of all sessions in any of `indexes`, even those that cannot be read."""
        found: dict[str, None] = {}
        for index in indexes:
            for key, _ in await self._store.find(index):
                found[key.removeprefix("session:")] = None
        return tuple(found)
