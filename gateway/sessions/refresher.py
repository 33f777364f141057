"""Refreshes sessions: one call to the provider, however many requests, workers and machines wait.

A lock in the store allows one worker to ask.  The worker that gets it reads the record again,
because another may have been faster.  The others wait for the successor only if the access token
has expired.  A successor replaces exactly the tokens it was made from, so a late holder of the lock
overwrites nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from gateway.errors import StoreUnavailableError
from gateway.sessions.cache import CachedSession
from gateway.sessions.refresh import (
    Later,
    Over,
    Refreshed,
    RefreshOutcome,
    has_lapsed,
    pause_s,
    successor,
)
from gateway.sessions.refresh_pauses import Pauses
from gateway.sessions.session import Session
from gateway.sessions.ticket import Ticket
from gateway.storage.store import Clock, Lock, Store

_log = logging.getLogger(__name__)

# One call to a provider may take 30 s, and a refresh can need several calls.
_ASK_S = 50.0
LOCK_S = 60.0
# Waiting workers are told by message; they poll in case it comes late or not at all.
_POLL_S = 0.25
_POLLS_A_LOCK = 4
_STORE_RETRY_S = 5.0
_WRITE_RETRY_S = 1.0
_WRITE_TRIES = 600
_CLOSE_S = 5.0

Ask = Callable[[Session], Awaitable[RefreshOutcome]]
OnOutcome = Callable[[str, str], None]


class Keeper(Protocol):
    """Reads, replaces and ends sessions for the refresher."""

    async def reread(self, ticket: Ticket) -> CachedSession | None:
        """The session as now stored, cached on this worker; None if it has ended."""

    async def replace(self, cookie: str, session: Session, successor: Session) -> bool:
        """Replace `session` with `successor`; False if the store has something else."""

    async def end_refused(self, ticket: Ticket, session: Session, *, revoke: bool) -> bool:
        """End the session; False if it has other tokens by now."""

    def give_up(self, session: Session) -> None:
        """Revoke the tokens of `session`, which has ended meanwhile."""


class Refresher:
    """Refreshes the sessions of one worker.

    Attributes:
        ask: Asks the provider; None if sessions are not refreshed.
        on_outcome: Called with the provider's name, and ``success`` or the reason.
    """

    def __init__(self, keeper: Keeper, store: Store, clock: Clock) -> None:
        self.ask: Ask | None = None
        self.on_outcome: OnOutcome = _ignore
        self._keeper = keeper
        self._store = store
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[Session | None]] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._news: dict[str, asyncio.Event] = {}
        self._pauses = Pauses(store, clock)

    def ahead(self, entry: CachedSession, now: float) -> bool:
        """Refresh in the background; False if the access token has expired: then call `wait`."""
        tokens = entry.session.tokens
        if has_lapsed(tokens, now):
            return False
        # Until the token expires, requests need not start another refresh.
        entry.refresh_due_at = tokens.access_expires_at or float("inf")
        _ = self._start(entry)
        return True

    async def wait(self, entry: CachedSession) -> Session | None:
        """The successor; the session itself if it cannot be refreshed now; None if it has ended."""
        # Shielded: if the client of one caller disconnects, the others still need the result.
        return await asyncio.shield(self._start(entry))

    def tell(self, session_id: str) -> None:
        """Another worker changed or ended a session."""
        news = self._news.get(session_id)
        if news is not None:
            news.set()

    @property
    def under_way(self) -> set[asyncio.Task[Any]]:
        """Unfinished refreshes, and unfinished writes of their results."""
        return {*self._tasks.values(), *self._writing}

    async def aclose(self) -> None:
        """Wait some seconds for unfinished work, so that no new refresh token is lost."""
        if tasks := self.under_way:
            _, late = await asyncio.wait(tasks, timeout=_CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, entry: CachedSession) -> asyncio.Task[Session | None]:
        session_id = entry.session.session_id
        task = self._tasks.get(session_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._run(entry))
            self._tasks[session_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(session_id, None))
        return task

    async def _run(self, entry: CachedSession) -> Session | None:
        now = self._clock()
        until = self._pauses.of_provider(entry.session.provider)
        if now < until:
            return _put_off(entry, until)
        try:
            return await self._refresh(entry)
        except StoreUnavailableError as error:
            _log.warning("sessions: refresh delayed: %s", error)
            return _put_off(entry, now + _STORE_RETRY_S)
        except Exception:  # noqa: BLE001 - logged; our own defect must not end a session
            _log.exception("sessions: a refresh failed")
            return _put_off(entry, now + pause_s(1))
        finally:
            self._news.pop(entry.session.session_id, None)

    async def _refresh(self, entry: CachedSession) -> Session | None:
        session_id = entry.session.session_id
        name = f"session-refresh:{session_id}"
        news = self._news[session_id] = asyncio.Event()
        loop, polls = asyncio.get_running_loop(), 0
        until = loop.time() + LOCK_S + _ASK_S
        while True:
            news.clear()
            lock = None if polls % _POLLS_A_LOCK else await self._store.lock(name, ttl_s=LOCK_S)
            current = await self._reread(entry, lock)
            if current is None or current.session.tokens != entry.session.tokens:
                await self._unlock(lock)
                return None if current is None else current.session
            if lock is not None:
                return await self._ask(current, lock)
            if not has_lapsed(current.session.tokens, self._clock()):
                # Another worker is refreshing it, and the current access token is still valid.
                return _put_off(current, current.session.tokens.access_expires_at or float("inf"))
            if loop.time() >= until:
                return _put_off(current, self._clock() + pause_s(1))
            polls += 1
            try:
                async with asyncio.timeout(_POLL_S):
                    await news.wait()
                polls = 0
            except TimeoutError:
                pass

    async def _reread(self, entry: CachedSession, lock: Lock | None) -> CachedSession | None:
        try:
            return await self._keeper.reread(entry.ticket)
        except BaseException:
            await self._unlock(lock)
            raise

    async def _ask(self, entry: CachedSession, lock: Lock) -> Session | None:
        """Ask the provider while holding the lock, and apply its answer."""
        kept = False
        try:
            failures, until = await self._pauses.of_session(entry.session)
            if self._clock() < until:
                return _put_off(entry, until)
            match outcome := await self._outcome(entry.session):
                case Refreshed():
                    found, kept = await self._succeed(entry, outcome, lock)
                    return found
                case Over():
                    return await self._end(entry, outcome)
                case Later():
                    return await self._pause(entry, outcome, failures + 1)
        finally:
            if not kept:
                await self._unlock(lock)

    async def _outcome(self, session: Session) -> RefreshOutcome:
        provider = session.provider
        failures = self._pauses.trying(provider)
        outcome: RefreshOutcome = Later("provider-unavailable")
        try:
            async with asyncio.timeout(_ASK_S):
                if self.ask is not None:
                    outcome = await self.ask(session)
        except TimeoutError:
            pass
        fails = isinstance(outcome, Later) and outcome.provider_fails
        self._pauses.tried(provider, failures + 1 if fails else 0)
        self.on_outcome(provider, "success" if isinstance(outcome, Refreshed) else outcome.reason)
        return outcome

    async def _succeed(
        self, entry: CachedSession, outcome: Refreshed, lock: Lock
    ) -> tuple[Session | None, bool]:
        """The successor, and whether it still has to be written, so that the lock stays held."""
        session = entry.session
        after = successor(session, outcome, self._clock())
        after = replace(after, last_seen_at=max(after.last_seen_at, entry.last_seen_at))
        try:
            return await self._replaced(entry, session, after), False
        except StoreUnavailableError:
            # The old refresh token may be used up, and until the store is back only this worker
            # has the new one.
            entry.session = after
            entry.refresh_due_at = self._clock() + pause_s(1)
            task = asyncio.get_running_loop().create_task(self._write(entry, session, lock))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
            return after, True

    async def _replaced(
        self, entry: CachedSession, session: Session, after: Session
    ) -> Session | None:
        if await self._keeper.replace(entry.ticket.cookie, session, after):
            return after
        current = await self._keeper.reread(entry.ticket)
        if current is None:
            self._keeper.give_up(after)
            return None
        return current.session

    async def _write(self, entry: CachedSession, session: Session, lock: Lock) -> None:
        for _ in range(_WRITE_TRIES):
            await asyncio.sleep(_WRITE_RETRY_S)
            try:
                await self._replaced(entry, session, entry.session)
                break
            except StoreUnavailableError:
                continue
        else:
            _log.error("sessions: a refreshed session could not be written")
        await self._unlock(lock)

    async def _end(self, entry: CachedSession, outcome: Over) -> Session | None:
        session = entry.session
        _log.info("session %.12s is over: %s", session.session_id, outcome.reason)
        revoke = outcome.reason != "refresh-refused"
        if await self._keeper.end_refused(entry.ticket, session, revoke=revoke):
            return None
        current = await self._keeper.reread(entry.ticket)
        return None if current is None else current.session

    async def _pause(self, entry: CachedSession, outcome: Later, failures: int) -> Session:
        """Pause this session for all workers, longer after each failure."""
        session = entry.session
        _log.warning("session %.12s was not refreshed: %s", session.session_id, outcome.reason)
        return _put_off(entry, await self._pauses.pause_session(session, failures))

    async def _unlock(self, lock: Lock | None) -> None:
        if lock is None:
            return
        with contextlib.suppress(StoreUnavailableError):  # It expires by itself.
            await self._store.unlock(lock)


def _put_off(entry: CachedSession, until: float) -> Session:
    entry.refresh_due_at = until
    return entry.session


def _ignore(_provider: str, _outcome: str) -> None:
    """The default: do not count refreshes."""
