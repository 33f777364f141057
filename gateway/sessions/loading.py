"""Reads sessions from the store into a worker's cache, once for all requests that wait."""

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256

from gateway.errors import StoreUnavailableError
from gateway.sessions import record as records
from gateway.sessions.cache import CachedSession, SessionCache
from gateway.sessions.keeper import SessionKeeper
from gateway.sessions.record import Record
from gateway.sessions.refresher import Refresher
from gateway.sessions.session import Session
from gateway.sessions.ticket import Ticket, cookie_digest, parse_ticket, storage_key
from gateway.sessions.upkeep import Terms
from gateway.storage.contact import Contact
from gateway.storage.store import Store


class Loader:
    """Asks the store about cookies, for a session manager."""

    def __init__(
        self,
        terms: Terms,
        store: Store,
        cache: SessionCache,
        contact: Contact,
        keeper: SessionKeeper,
        refresher: Refresher,
        touch: Callable[[CachedSession], None],
    ) -> None:
        """`touch` schedules a write of the time of last use."""
        self._terms = terms
        self._store = store
        self._cache = cache
        self._contact = contact
        self._keeper = keeper
        self._refresher = refresher
        self._touch = touch
        self._loading: dict[bytes, asyncio.Task[Session | None]] = {}

    async def load(self, cookie: str, now: float) -> Session | None:
        """See SessionManager.load."""
        ticket = parse_ticket(cookie)
        if ticket is None:
            return None
        digest = cookie_digest(cookie)
        task = self._loading.get(digest)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(digest, ticket, now))
            self._loading[digest] = task
            task.add_done_callback(partial(self._loaded, digest))
        # Shielded: if the client of one caller disconnects, the others still need the result.
        return await asyncio.shield(task)

    async def look_up(self, cookie: str, now: float) -> Session | None:
        """See SessionManager.look_up."""
        ticket = parse_ticket(cookie)
        if ticket is None:
            return None
        record = records.unpack(await self._store.get(storage_key(ticket.session_id)))
        session = await self._keeper.open(ticket, record)
        if record is None or session is None or self._cache.has_ended(session.session_id):
            return None
        entry = self._cache.get(cookie_digest(cookie))
        if entry is None:
            entry = self._keeper.remember(ticket, session, record, now)
        elif entry.body_digest == sha256(record.body).digest():
            self._contact.answered(entry, now)
        # Another worker may have seen a later use.
        entry.last_seen_at = max(entry.last_seen_at, session.last_seen_at)
        return session if entry.is_live(now, self._terms.limits) else None

    async def _load(self, digest: bytes, ticket: Ticket, now: float) -> Session | None:
        session_id = ticket.session_id
        try:
            record, session = await self._read(ticket)
        except StoreUnavailableError:
            known = self._cache.get(digest)
            if (
                known is None
                or not known.is_live(now, self._terms.limits)
                or not self._contact.grant_grace(known, now)
            ):
                raise
            known.last_seen_at = now
            return known.session
        if record is None or self._cache.has_ended(session_id):
            self._cache.drop(session_id)
            return None
        if session is None:
            return None
        admitted = self._admit(digest, ticket, session, record, now)
        entry = self._cache.get(digest)
        if admitted is None or entry is None or now < entry.refresh_due_at:
            return admitted
        return admitted if self._refresher.ahead(entry, now) else await self._refresher.wait(entry)

    async def _read(self, ticket: Ticket) -> tuple[Record | None, Session | None]:
        while True:
            doubts = self._contact.doubts, self._cache.doubts
            record = records.unpack(await self._store.get(storage_key(ticket.session_id)))
            session = await self._keeper.open(ticket, record)
            if doubts == (self._contact.doubts, self._cache.doubts):
                return record, session
            # Read again: meanwhile it may have ended without a message, or its account changed.

    def _admit(
        self, digest: bytes, ticket: Ticket, session: Session, record: Record, now: float
    ) -> Session | None:
        known = self._cache.get(digest)
        # This worker may have seen uses that are not written yet.
        seen_at = session.last_seen_at if known is None else known.last_seen_at
        last_seen_at = max(seen_at, session.last_seen_at)
        if not self._terms.limits.allow(session.created_at, last_seen_at, now):
            return None
        entry = self._keeper.remember(ticket, session, record, now)
        entry.last_seen_at = now
        if abs(now - entry.written_at) >= self._terms.limits.touch_s:
            self._touch(entry)
        return entry.session

    def _loaded(self, digest: bytes, task: asyncio.Task[Session | None]) -> None:
        del self._loading[digest]
        if not task.cancelled():
            task.exception()  # Marks it as retrieved; the callers get it, if any still wait.
