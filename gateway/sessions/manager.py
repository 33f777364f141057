"""The life cycle of sessions: load, create, replace, list and end them."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from gateway.errors import AccountDisabledError
from gateway.model import Identity
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.sessions import record as records
from gateway.sessions.cache import SessionCache
from gateway.sessions.directory import Directory
from gateway.sessions.endings import Ended, Endings, Unregister
from gateway.sessions.keeper import ReadAccount, SessionKeeper
from gateway.sessions.loading import Loader
from gateway.sessions.record import SessionInfo
from gateway.sessions.refresher import Ask, OnOutcome, Refresher
from gateway.sessions.session import Limits, Origin, ProviderTokens, Session, new_session
from gateway.sessions.ticket import (
    COOKIE_CHARS,
    cookie_digest,
    new_ticket,
    parse_ticket,
    storage_key,
)
from gateway.sessions.upkeep import SessionUpkeep
from gateway.storage.contact import CHECK_S, MAX_UNCHECKED_S, Contact
from gateway.storage.store import Clock, Store

# Names of this module, because `recall` would look others up in a dict each time (decision 0006).
_CHECK_S: Final = CHECK_S
_MAX_UNCHECKED_S: Final = MAX_UNCHECKED_S
_digest_of: Final = cookie_digest


class SessionManager:
    """All sessions of this gateway, as one worker sees them.

    Attributes:
        limits: How long sessions may live; replaced when the configuration changes.
        sealer: Opens and seals records; replaced when the secret is rotated.
        contact: Decides how long cached sessions may be used while the store is down.
        refresher: Refreshes sessions whose access tokens expire.
        before_replacing: Called with the id of a session and the one that is about to replace it.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        limits: Limits,
        *,
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
        max_cached: int = 10_000,
    ) -> None:
        self.limits = limits
        self.sealer = sealer
        self.before_replacing: Callable[[str, Session], Awaitable[None]] | None = None
        self._store = store
        self._random = random
        self._cache = SessionCache(max_cached, remember_ended_s=2 * MAX_UNCHECKED_S)
        wake = asyncio.Event()
        self.contact = Contact(clock, wake.set)
        self.contact.rule_on(self._cache.remembered)
        self._endings = Endings(store, self._cache, self.contact, clock)
        self._upkeep = SessionUpkeep(
            self, store, self._cache, self.contact, self._endings, clock, wake
        )
        self._directory = Directory(self, store, clock)
        self._keeper = SessionKeeper(self, store, self._cache, self.contact, self._endings, clock)
        self.refresher = Refresher(self._keeper, store, clock)
        self._endings.on_news(self.refresher.tell)
        touch = self._upkeep.task.call
        self._loader = Loader(
            self, store, self._cache, self.contact, self._keeper, self.refresher, touch
        )

    def recall(self, cookie: str, now: float) -> Session | None:
        """The live session of a cookie if this worker has it cached; if None, ask `load`.

        Counts as a use at `now`.  Never waits: background tasks write to the store and ask the
        provider.
        """
        if len(cookie) != COOKIE_CHARS:
            return None
        entry = self._cache.get(_digest_of(cookie))
        if entry is None:
            return None
        unchecked_s = abs(now - entry.trusted_from)
        if unchecked_s >= _MAX_UNCHECKED_S or not entry.is_live(now, self.limits):
            return None
        if now >= entry.refresh_due_at and not self.refresher.ahead(entry, now):
            return None
        entry.last_seen_at = now
        if unchecked_s >= _CHECK_S or abs(now - entry.written_at) >= self.limits.touch_s:
            self._upkeep.task.call(entry)
        return entry.session

    async def load(self, cookie: str, now: float) -> Session | None:
        """The live session of a cookie according to the store; None if there is none.

        Counts as a use at `now`.  Concurrent calls for one cookie share one read.  If the access
        token has expired and there is a refresh token, waits for new tokens.

        Raises:
            StoreUnavailableError: The store could not answer, and this worker has not cached the
                session, or too long ago for the grace period.
        """
        return await self._loader.load(cookie, now)

    def peek(self, cookie: str, now: float) -> Session | None:
        """As `recall`, without counting as a use: nothing is noted, written or refreshed."""
        entry = self._cache.get(cookie_digest(cookie)) if len(cookie) == COOKIE_CHARS else None
        if entry is None or abs(now - entry.trusted_from) >= MAX_UNCHECKED_S:
            return None
        return entry.session if entry.is_live(now, self.limits) else None

    async def look_up(self, cookie: str, now: float) -> Session | None:
        """As `load`, without counting as a use: nothing is noted, written or refreshed.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return await self._loader.look_up(cookie, now)

    async def create(
        self,
        identity: Identity,
        tokens: ProviderTokens,
        *,
        provider_sid: str | None,
        ip: str,
        device: str,
        now: float,
        replaces: str | tuple[str, ...] | None = None,
        client: str | None = None,
        resources: tuple[str, ...] = (),
        sign_in: tuple[str, str] | None = None,
    ) -> tuple[str, Session]:
        """Create a session; returns the value of its cookie and the session.

        `device` is as returned by `device_name`; `now` is in seconds since the epoch.  `replaces`
        are the session cookies that the browser sent: their sessions end, which prevents session
        fixation.  `client` is the client that will get tokens for it, and `resources` what they are
        for; None for a browser.  `sign_in` are the ``sid`` and ``iss`` of its ID tokens.

        Raises:
            AccountDisabledError: The account was disabled meanwhile.
            StoreUnavailableError: The session could not be stored, or a replaced one not ended.
        """
        ticket = new_ticket(self._random)
        sid, issuer = sign_in or (None, None)
        origin = Origin(
            ip=ip,
            device=device,
            provider_sid=provider_sid,
            client=client,
            resources=resources,
            sign_in=sid,
            sign_in_issuer=issuer,
        )
        session = new_session(ticket.session_id, identity, tokens, origin, now)
        record = await self._keeper.add(ticket, session, now)
        olds = (replaces,) if isinstance(replaces, str) else replaces or ()
        await self._end_replaced(olds, session)
        if self.limits.max_per_user:
            await self._end_the_oldest(session)
        # Read after the session is stored: disabling the account from now on ends the session.
        known = await self._keeper.with_account(session)
        if known is None:
            await self._endings.end([session.session_id], self.sealer, "ended")
            raise AccountDisabledError(f"account {identity.account_id}")
        return ticket.cookie, self._keeper.remember(ticket, known, record, now).session

    async def replace(self, cookie: str, session: Session, successor: Session) -> bool:
        """Replace `session` with `successor` for the same cookie.

        Returns False if the session has ended or has other tokens by now: another change was
        first, and `load` returns its result.

        Raises:
            StoreUnavailableError: The store could not answer; the change may or may not be made.
        """
        return await self._keeper.replace(cookie, session, successor)

    async def list_for(self, user: str) -> list[SessionInfo]:
        """The live sessions of `user`, last used first."""
        return await self._directory.list(records.user_indexes(self.sealer, user))

    async def list_of(self, issuer: str, subject: str) -> list[SessionInfo]:
        """The live sessions of the issuer's subject, last used first."""
        return await self._directory.list(records.subject_indexes(self.sealer, issuer, subject))

    async def list_by_sid(self, issuer: str, provider_sid: str) -> list[SessionInfo]:
        """The live sessions that come from the provider's session `provider_sid`."""
        return await self._directory.list(records.sid_indexes(self.sealer, issuer, provider_sid))

    async def list_all(self) -> list[SessionInfo]:
        """All live sessions, last used first."""
        return await self._directory.list((records.EVERY_SESSION,))

    async def page(self, after: str, limit: int) -> tuple[list[SessionInfo], str | None]:
        """The live ones of the first `limit` sessions after the id `after`, and where to go on."""
        return await self._directory.page(after, limit)

    async def find(self, session_id: str) -> SessionInfo | None:
        """The live session with this id, without its cookie; None if there is none."""
        return await self._directory.find(session_id)

    async def count(self) -> int:
        """The number of sessions in the store."""
        return await self._store.count(records.EVERY_SESSION)

    async def end(self, which: Session | str) -> Ended | None:
        """End a session, given as itself or by its cookie; None if there was none to end.

        This and the other ways to end a session take effect on every worker within a second.  They
        call the listeners of `on_end` on all workers, and those of `on_revoke` on this one.

        Raises:
            StoreUnavailableError: The session was not ended.
        """
        if isinstance(which, Session):
            return await self.end_by_id(which.session_id)
        ticket = parse_ticket(which)
        if ticket is None:
            return None
        # An unknown cookie is only looked up, so that strangers cannot make the store write.
        is_known = self._cache.get(cookie_digest(which)) is not None
        if not is_known and await self._store.get(storage_key(ticket.session_id)) is None:
            return None
        return await self.end_by_id(ticket.session_id)

    async def end_by_id(self, session_id: str) -> Ended | None:
        """End the session with this id; the caller has checked its owner."""
        ended = await self._endings.end([session_id], self.sealer, "ended")
        return ended[0] if ended else None

    async def end_these(self, infos: Iterable[SessionInfo]) -> list[Ended]:
        """End the given sessions; returns those that still existed."""
        return await self._endings.end([i.session_id for i in infos], self.sealer, "ended")

    async def end_all(self, issuer: str, subject: str) -> list[Ended]:
        """End every session of the issuer's subject."""
        return await self._end_under(records.subject_indexes(self.sealer, issuer, subject))

    async def doubt_account(self, subjects: Iterable[tuple[str, str]]) -> None:
        """Make all workers read the accounts of these (issuer, subject) pairs again."""
        indexes = [i for it in subjects for i in records.subject_indexes(self.sealer, *it)]
        if ids := await self._directory.ids(indexes):
            await self._endings.doubt(list(ids))

    def doubt_cached(self, which: Callable[[Session], bool]) -> None:
        """Make this worker read again the accounts of the cached sessions that `which` names."""
        entries = [it.session for it in self._cache.remembered()]
        self._cache.doubt(it.session_id for it in entries if which(it))

    async def end_for(self, user: str) -> list[Ended]:
        """End every session of `user`."""
        return await self._end_under(records.user_indexes(self.sealer, user))

    async def end_every(self) -> list[Ended]:
        """End all sessions."""
        return await self._end_under((records.EVERY_SESSION,))

    async def exists(self, session_id: str) -> bool:
        """Whether the session is in the store.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return records.unpack(await self._store.get(storage_key(session_id))) is not None

    async def had_left(self, session_id: str, began_at: float, now: float) -> bool:
        """Whether the session was ended by a sign-out, here or elsewhere, and did not just expire.

        Also True if it began 90 days ago or longer, because then it is no longer known.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return await self._endings.had_left(session_id, began_at, now)

    def on_end(self, callback: Callable[[str], None]) -> Unregister:
        """Call `callback` with the id of each session that ends, on any worker."""
        return self._endings.on_end(callback)

    def on_revoke(self, callback: Callable[[Ended], None]) -> Unregister:
        """Call `callback` with each session that this worker ends, to revoke its token."""
        return self._endings.on_revoke(callback)

    def read_accounts(self, facts: ReadAccount) -> None:
        """Read account data with `facts` and judge sessions by it, from now on."""
        self._keeper.account_facts = facts
        self._upkeep.is_as_before = self._keeper.is_as_before

    def refresh_with(self, ask: Ask, on_outcome: OnOutcome) -> None:
        """Refresh sessions from now on.

        `ask` asks the provider.  `on_outcome` is called with the provider's name, and ``success``
        or the reason.
        """
        self.refresher.ask, self.refresher.on_outcome = ask, on_outcome
        self._keeper.refreshes = True

    def watch(self, uses: Callable[[], Mapping[str, float]]) -> None:
        """Check the sessions named by `uses` in the background, without requests.

        `uses` returns when each was last used without a request, in seconds since the epoch; 0 for
        never.  Sessions past their limits are passed to the listeners of `on_end`.
        """
        self._upkeep.watch(uses)

    async def start(self) -> None:
        """Listen to the other workers, and start writing times of use."""
        await self._upkeep.task.start()

    async def aclose(self) -> None:
        """Write what is pending and stop; safe to call twice."""
        await self.refresher.aclose()
        await self._upkeep.task.aclose()

    async def upkeep(self) -> None:
        """Run the background task once, now."""
        await self._upkeep.task.run_once()

    async def _end_under(self, indexes: Iterable[str]) -> list[Ended]:
        return await self._endings.end(await self._directory.ids(indexes), self.sealer, "ended")

    async def _end_replaced(self, cookies: Iterable[str], successor: Session) -> None:
        ids = [old.session_id for value in cookies if (old := parse_ticket(value)) is not None]
        if self.before_replacing is not None:
            for old_id in ids:
                await self.before_replacing(old_id, successor)
        await self._endings.end(ids, self.sealer, "replaced")

    async def _end_the_oldest(self, newest: Session) -> None:
        who = newest.identity
        found = await self.list_of(who.issuer, who.subject)
        found.sort(key=lambda info: (info.session_id == newest.session_id, info.created_at))
        await self.end_these(found[: max(0, len(found) - self.limits.max_per_user)])
