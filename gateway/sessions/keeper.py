"""Reads, caches, replaces and ends session records, for one worker."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256

from gateway.model import AccountFacts, Identity
from gateway.sessions import record as records
from gateway.sessions.cache import CachedSession, SessionCache
from gateway.sessions.endings import Cause, Ended, Endings
from gateway.sessions.record import Record
from gateway.sessions.refresh import NEVER, due_at
from gateway.sessions.session import Session, with_account
from gateway.sessions.ticket import Ticket, cookie_digest, parse_ticket, storage_key
from gateway.sessions.upkeep import Terms, swap, ttl_s
from gateway.storage.contact import Contact
from gateway.storage.store import Clock, Store

ReadAccount = Callable[[Identity], Awaitable[AccountFacts | None]]

# A swap can fail because another worker wrote a time of use; failing more often is unexpected.
_SWAP_ATTEMPTS = 5


class SessionKeeper:
    """The part of a session manager that a refresher works with (see Keeper).

    Attributes:
        refreshes: Whether sessions are refreshed at their provider.
        account_facts: Reads the account data of an identity.
    """

    def __init__(
        self,
        terms: Terms,
        store: Store,
        cache: SessionCache,
        contact: Contact,
        endings: Endings,
        clock: Clock,
    ) -> None:
        self.refreshes = False
        self.account_facts: ReadAccount | None = None
        self._terms = terms
        self._store = store
        self._cache = cache
        self._contact = contact
        self._endings = endings
        self._clock = clock

    def remember(
        self, ticket: Ticket, session: Session, record: Record, now: float
    ) -> CachedSession:
        """Cache a session that was read or written at `now`."""
        digest = cookie_digest(ticket.cookie)
        expires_at = int(session.created_at + self._terms.limits.absolute_s)
        body_digest = sha256(record.body).digest()
        known = self._cache.get(digest)
        # This worker may have seen uses that are not written yet.
        seen_at = session.last_seen_at if known is None else known.last_seen_at
        seen_at = max(seen_at, session.last_seen_at)
        if (
            known is not None
            and known.body_digest == body_digest
            and known.session.identity.expires_at == expires_at
        ):
            known.last_seen_at, known.written_at = seen_at, session.last_seen_at
            self._contact.answered(known, now)
            return known
        identity = replace(session.identity, expires_at=expires_at)
        entry = CachedSession(
            session=replace(session, identity=identity),
            ticket=ticket,
            last_seen_at=seen_at,
            written_at=session.last_seen_at,
            trusted_from=now,
            sure_until=now,
            body_digest=body_digest,
            refresh_due_at=due_at(session.tokens) if self.refreshes else NEVER,
        )
        self._contact.answered(entry, now)
        if not self._cache.has_ended(session.session_id):
            self._cache.add(digest, entry)
        return entry

    async def add(self, ticket: Ticket, session: Session, now: float) -> Record:
        """Store a new session, which begins at `now`.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        sealer = self._terms.sealer
        record = records.seal_session(sealer, ticket, session)
        await self._store.put(
            storage_key(session.session_id),
            record.pack(),
            ttl_s=ttl_s(self._terms.limits, now, now),
            indexes=records.index_names(sealer, records.describe(session)),
        )
        return record

    async def replace(self, cookie: str, session: Session, successor: Session) -> bool:
        """See SessionManager.replace."""
        ticket = parse_ticket(cookie)
        if ticket is None or ticket.session_id != session.session_id:
            return False
        for _ in range(_SWAP_ATTEMPTS):
            now = self._clock()
            data = await self._store.get(storage_key(ticket.session_id))
            current = records.open_session(self._terms.sealer, ticket, records.unpack(data))
            if current is None or current.tokens != session.tokens:
                return False
            latest = max(current.last_seen_at, successor.last_seen_at)
            kept = replace(successor, last_seen_at=latest)
            sealed = records.seal_session(self._terms.sealer, ticket, kept)
            info = records.describe(kept)
            if await swap(self._store, data, sealed, info, self._terms, now):
                # What is kept with the account may have changed since the session was read.
                known = await self.with_account(kept)
                if known is None:
                    self._endings.forget(kept.session_id)
                else:
                    self.remember(ticket, known, sealed, now)
                await self._endings.tell(changed=[kept.session_id])
                return True
        return False

    async def open(self, ticket: Ticket, record: Record | None) -> Session | None:
        """The session in `record`, with its account data.

        None if `ticket` does not open it, or its account is disabled.

        Raises:
            StoreUnavailableError: The account cannot be read.
        """
        session = records.open_session(self._terms.sealer, ticket, record)
        return None if session is None else await self.with_account(session)

    async def with_account(self, session: Session) -> Session | None:
        """As `open`, for a session that was already read or created."""
        if self.account_facts is None:
            return session
        while True:
            doubts = self._cache.doubts
            facts = await self.account_facts(session.as_proven)
            if doubts == self._cache.doubts:
                break
            # The account may have changed after it was read.
        if facts is not None and facts.is_refused:
            return None
        return with_account(session, facts)

    async def is_as_before(self, session: Session) -> bool:
        """Whether the account of a cached session is still as it was read.

        Raises:
            StoreUnavailableError: The account cannot be read.
        """
        if self.account_facts is None:
            return True
        return await self.account_facts(session.as_proven) == session.account

    async def reread(self, ticket: Ticket) -> CachedSession | None:
        """See Keeper.reread."""
        data = await self._store.get(storage_key(ticket.session_id))
        record = records.unpack(data)
        session = await self.open(ticket, record)
        if record is None or session is None or self._cache.has_ended(ticket.session_id):
            self._endings.forget(ticket.session_id)
            return None
        return self.remember(ticket, session, record, self._clock())

    async def end_refused(self, ticket: Ticket, session: Session, *, revoke: bool) -> bool:
        """See Keeper.end_refused."""
        for _ in range(_SWAP_ATTEMPTS):
            data = await self._store.get(storage_key(ticket.session_id))
            current = records.open_session(self._terms.sealer, ticket, records.unpack(data))
            if data is None or current is None:
                self._endings.forget(ticket.session_id)
                return True
            if current.tokens != session.tokens:
                return False
            cause: Cause = "ended" if revoke else "refused"
            sealer = self._terms.sealer
            if await self._endings.end_as_it_is(session.session_id, data, sealer, cause):
                return True
        return False

    def give_up(self, session: Session) -> None:
        """See Keeper.give_up."""
        info = records.describe(session)
        self._endings.give_up(Ended(session.session_id, info, session.tokens.refresh_token))
