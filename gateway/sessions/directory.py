"""Finds sessions without their cookies: by owner or by id."""

from collections.abc import Iterable

from gateway.sessions import record as records
from gateway.sessions.record import SessionInfo
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

    async def ids(self, indexes: Iterable[str]) -> tuple[str, ...]:
        """The ids of all sessions in any of `indexes`, even those that cannot be read."""
        found: dict[str, None] = {}
        for index in indexes:
            for key, _ in await self._store.find(index):
                found[key.removeprefix("session:")] = None
        return tuple(found)
