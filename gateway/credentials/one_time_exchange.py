"""Exchanges a code or token once, and again for half a minute in case the response was lost."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.credentials.tokens import Issued
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.sealing.sealer import Sealer, structured
from gateway.storage.store import Clock, Lock, Store

AGAIN_S = 30.0
_PURPOSE = "traded"
# A provider may take 30 s to answer for a code, and its keys may have to be fetched.
_LOCK_S = 60.0
_POLL_S = 0.1
_POLLS = 200

# Issues the tokens: the first time, or instead of the session with this ticket.
First = Callable[[], Awaitable[Issued]]
Again = Callable[[str], Awaitable[Issued | None]]


class UsedBeforeError(GatewayError):
    """The code or token was already exchanged."""

    reason = "used-before"
    status = 400


@dataclass(frozen=True, slots=True)
class Brought:
    """A code or token that an app exchanges.

    Attributes:
        client: The app; if another app may exchange the same, it gets a session of its own.
        kind: The kind of code or token.
        name: Distinguishes it from others of its kind.
        proof: Everything sent with it.  Exchanging it again requires the same.
    """

    client: str
    kind: str
    name: str = field(repr=False)
    proof: tuple[str, ...] = field(repr=False)

    @property
    def store_key(self) -> str:
        """The key in the store for the result of the exchange."""
        named = structured(*map(_bytes, (self.client, self.kind, self.name)))
        return f"traded:{sha256(named).hexdigest()}"

    @property
    def extra_key(self) -> bytes:
        """The key that seals the ticket, besides the server's secret."""
        return structured(*map(_bytes, self.proof))


def _bytes(text: str) -> bytes:
    # A form may hold a lone surrogate; with surrogatepass, different texts give different bytes.
    return text.encode("utf-8", "surrogatepass")


class OneTimeExchange:
    """See the module.

    The store keeps the ticket of the new session under `Brought.store_key`.  It is sealed under
    what was exchanged as well as the server's secret, so only the same app can continue.
    """

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._under_way: set[asyncio.Task[Issued]] = set()

    async def redeem(
        self, brought: Brought, first: First, again: Again, *, keep_s: float
    ) -> Issued:
        """The result of `first`, or of `again` if the exchange happened a moment ago.

        Args:
            brought: The code or token to exchange.
            first: Called the first time.
            again: Called with the ticket of the session that `first` created; returns None if that
                session has ended.
            keep_s: For how many seconds it could be presented again.

        Raises:
            UsedBeforeError: It was exchanged too long ago for a lost response.
            StoreUnavailableError: The store cannot answer; nothing was exchanged.
        """
        # A phone that loses its connection retries, but a provider accepts a code only once.  So
        # an exchange that has started is finished even if no caller waits any more.
        begun = self._redeem(brought, first, again, keep_s)
        task = asyncio.get_running_loop().create_task(begun)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def _redeem(self, brought: Brought, first: First, again: Again, keep_s: float) -> Issued:
        key = brought.store_key
        # One at a time, because some apps send several requests at once and a code works once.
        lock = await self._alone(key)
        try:
            now = self._clock()
            kept = await self._store.get(key)
            if kept is None:
                issued = await first()
                traded_at = now
            else:
                found = self._read(brought, kept)
                if found is None:
                    raise UsedBeforeError("exchanged before, with different parameters")
                traded_at, ticket = found
                # abs(): a clock that was set back must not extend the time.
                is_soon = abs(now - traded_at) < AGAIN_S
                given = await again(ticket) if is_soon else None
                if given is None:
                    raise UsedBeforeError(f"exchanged {now - traded_at:.0f} s ago")
                issued = given
            sealed = self._write(brought, traded_at, issued)
            await self._store.put(key, sealed, ttl_s=max(keep_s, 2 * AGAIN_S))
        finally:
            with contextlib.suppress(StoreUnavailableError):  # The lock expires by itself.
                await self._store.unlock(lock)
        return issued

    def _done(self, task: asyncio.Task[Issued]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # Callers get it, if any still wait; this avoids a warning otherwise.

    async def _alone(self, key: str) -> Lock:
        for _ in range(_POLLS):
            lock = await self._store.lock(key, ttl_s=_LOCK_S)
            if lock is not None:
                return lock
            await asyncio.sleep(_POLL_S)
        raise StoreUnavailableError("too many concurrent exchanges of the same code or token")

    def _write(self, brought: Brought, traded_at: float, issued: Issued) -> bytes:
        data = json.dumps([traded_at, issued.ticket]).encode()
        return self._sealer().seal(
            _PURPOSE, data, context=brought.store_key.encode(), extra_key=brought.extra_key
        )

    def _read(self, brought: Brought, kept: bytes) -> tuple[float, str] | None:
        """The time of the exchange and the ticket; None if the proof differs."""
        data = self._sealer().open_sealed(
            _PURPOSE, kept, context=brought.store_key.encode(), extra_key=brought.extra_key
        )
        if data is None:
            return None
        traded_at, ticket = json.loads(data)
        return traded_at, ticket
