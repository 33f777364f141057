"""Background re-check of cached sessions, and writing of their times of use.

`gateway.storage.upkeep` runs this; `gateway.storage.contact` decides when.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from typing import Protocol

from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import Sealer
from gateway.sessions import record as records
from gateway.sessions.cache import CachedSession, SessionCache
from gateway.sessions.endings import Endings
from gateway.sessions.record import Record, SessionInfo
from gateway.sessions.session import Limits, Session
from gateway.sessions.ticket import storage_key
from gateway.storage.contact import MAX_UNCHECKED_S, Contact
from gateway.storage.store import Clock, Store
from gateway.storage.upkeep import ROUND_S, Upkeep
from gateway.storage.watch import Watch

_log = logging.getLogger(__name__)

_SHORTEST_ROUND_S = 0.5


class Terms(Protocol):
    """The current settings; they change when the configuration is reloaded."""

    limits: Limits
    sealer: Sealer


def round_s(limits: Limits) -> float:
    """How often the background task runs without being woken, in seconds."""
    return max(_SHORTEST_ROUND_S, min(ROUND_S, limits.touch_s))


def ttl_s(limits: Limits, created_at: float, now: float) -> float:
    """How long the store keeps a record that was used at `now`.

    Longer than the idle timeout, because times of use are written late.  The limits themselves are
    checked on each use.
    """
    idle_s = limits.idle_s + 2 * limits.touch_s + MAX_UNCHECKED_S
    return max(1.0, min(idle_s, created_at + limits.absolute_s - now))


async def swap(
    store: Store, data: bytes | None, sealed: Record, info: SessionInfo, terms: Terms, now: float
) -> bool:
    """Replace `data` with `sealed`; False if something else is stored by now."""
    return await store.compare_and_swap(
        storage_key(info.session_id),
        data,
        sealed.pack(),
        ttl_s=ttl_s(terms.limits, info.created_at, now),
        indexes=records.index_names(terms.sealer, info),
    )


async def _always(_session: Session) -> bool:
    return True


class SessionUpkeep:
    """Re-checks the cached and watched sessions of a session manager.

    Attributes:
        is_as_before: Whether the account of a cached session is still as it was read.
        task: The background task.
    """

    def __init__(
        self,
        terms: Terms,
        store: Store,
        cache: SessionCache,
        contact: Contact,
        endings: Endings,
        clock: Clock,
        wake: asyncio.Event,
    ) -> None:
        """Run the background task whenever `wake` is set."""
        self._terms = terms
        self._store = store
        self._cache = cache
        self._contact = contact
        self._endings = endings
        self._clock = clock
        self._watch = Watch(contact, clock, self._look_at, endings.interrupt)
        self.is_as_before: Callable[[Session], Awaitable[bool]] = _always
        self._ask_uses: Callable[[], Mapping[str, float]] = dict
        self._uses: Mapping[str, float] = {}
        self.task = Upkeep(
            "sessions",
            cache,
            contact,
            endings.news,
            self._watch,
            self._look_after,
            clock,
            wake,
            lambda: round_s(terms.limits),
        )

    def watch(self, uses: Callable[[], Mapping[str, float]]) -> None:
        """Check the sessions named by `uses` in the background, without requests.

        `uses` returns when each was last used without a request, in seconds since the epoch.
        """
        self._ask_uses = uses
        self._watch.names = self._read_uses

    def _read_uses(self) -> Iterable[str]:
        self._uses = self._ask_uses()
        return self._uses

    async def _look_after(self, entry: CachedSession) -> None:
        """Check whether a cached session still exists, and write when it was last used."""
        session_id, doubts = entry.session.session_id, self._contact.doubts
        data = await self._store.get(storage_key(session_id))
        if not self._cache.holds(entry) or doubts != self._contact.doubts:
            return
        record = records.unpack(data)
        info = records.open_info(self._terms.sealer, session_id, record)
        if data is None:
            self._endings.forget(session_id)
        elif record is None or info is None or sha256(record.body).digest() != entry.body_digest:
            self._cache.drop(session_id)
        elif not await self.is_as_before(entry.session):
            # The message about its account was lost.
            self._cache.drop(session_id)
            self._endings.interrupt(session_id)
        else:
            self._contact.answered(entry, self._clock())
            entry.written_at = info.last_seen_at
            await self._touch(entry, data, record, info)

    async def _look_at(self, session_id: str) -> float:
        """End a watched session on this worker if it is over, else write when it was used.

        Returns when to check again.
        """
        now = self._clock()
        data = await self._store.get(storage_key(session_id))
        record = records.unpack(data)
        info = records.open_info(self._terms.sealer, session_id, record)
        limits, used_at = self._terms.limits, self._uses.get(session_id, 0.0)
        known = self._cache.of(session_id)
        if known is not None:
            known.last_seen_at = max(known.last_seen_at, used_at)
        seen_at = max(self._last_seen(session_id, info), used_at)
        if data is None or (info is not None and not limits.allow(info.created_at, seen_at, now)):
            self._endings.forget(session_id)
        elif record is not None and info is not None and used_at:
            try:
                await self._write_use(seen_at, data, record, info)
            except StoreUnavailableError as error:
                _log.warning("sessions: a time of use was not written: %s", error)
            return min(now + limits.touch_s, seen_at + limits.idle_s)
        return seen_at + limits.idle_s

    def _last_seen(self, session_id: str, info: SessionInfo | None) -> float:
        known = self._cache.of(session_id)
        times = [] if known is None else [known.last_seen_at]
        return max(times if info is None else [*times, info.last_seen_at], default=self._clock())

    async def _touch(
        self, entry: CachedSession, data: bytes, record: Record, info: SessionInfo
    ) -> None:
        used_at = entry.last_seen_at
        if await self._write_use(used_at, data, record, info):
            entry.written_at = used_at

    async def _write_use(
        self, used_at: float, data: bytes, record: Record, info: SessionInfo
    ) -> bool:
        """Write a time of use, unless the stored one is recent; returns whether it was written."""
        if abs(used_at - info.last_seen_at) < self._terms.limits.touch_s:
            return False
        sealed = records.touched(self._terms.sealer, info, record, used_at)
        return await swap(self._store, data, sealed, info, self._terms, self._clock())
