"""Exchanges a code or token for tokens once, and again for half a minute if the answer got lost."""

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
# A provider may take 30 s over a code, and its keys may have to be fetched.
_LOCK_S = 60.0
_POLL_S = 0.1
_POLLS = 200

# Makes the tokens: for the first time, or in place of the session with this ticket.
First = Callable[[], Awaitable[Issued]]
Again = Callable[[str], Awaitable[Issued | None]]


class UsedBeforeError(GatewayError):
    """It was exchanged before."""

    reason = "used-before"
    status = 400


@dataclass(frozen=True, slots=True)
class Brought:
    """What an app brings to exchange.

    Attributes:
        client: The app; another that may bring the same begins a session of its own.
        kind: Of what kind it is.
        name: Tells it from others of its kind.
        proof: All that was brought with it; an app that has less cannot exchange it again.
    """

    client: str
    kind: str
    name: str = field(repr=False)
    proof: tuple[str, ...] = field(repr=False)

    @property
    def store_key(self) -> str:
        """Where the store has what became of it."""
        named = structured(*map(_bytes, (self.client, self.kind, self.name)))
        return f"traded:{sha256(named).hexdigest()}"

    @property
    def extra_key(self) -> bytes:
        """What the ticket is sealed under."""
        return structured(*map(_bytes, self.proof))


def _bytes(text: str) -> bytes:
    # A form may hold a lone surrogate; two texts never give the same bytes.
    return text.encode("utf-8", "surrogatepass")


class OneTimeExchange:
    """See the module.

    The store has, under `Brought.store_key`, the ticket of the session that began, sealed under
    what was exchanged besides the server's secret, so that only the same app can continue.
    """

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._under_way: set[asyncio.Task[Issued]] = set()

    async def redeem(
        self, brought: Brought, first: First, again: Again, *, keep_s: float
    ) -> Issued:
        """What `first` gives, or `again` where that was given a moment ago.

        Args:
            brought: What is traded.
            first: Called for the first time.
            again: Called with the ticket of the session that `first` began; None where it is over.
            keep_s: For how long it could be brought again.

        Raises:
            UsedBeforeError: It was traded before, too long ago to be a lost answer.
            StoreUnavailableError: The store cannot answer; nothing was traded.
        """
        # A phone whose connection breaks comes again, and a provider takes no code twice: what was
        # begun is finished, even if no caller still waits.
        begun = self._redeem(brought, first, again, keep_s)
        task = asyncio.get_running_loop().create_task(begun)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def _redeem(self, brought: Brought, first: First, again: Again, keep_s: float) -> Issued:
        key = brought.store_key
        # One at a time: some apps ask several times at once, and a code is good once.
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
                    raise UsedBeforeError("traded before, and with something else")
                traded_at, ticket = found
                # A clock that was set back makes the while no longer.
                is_soon = abs(now - traded_at) < AGAIN_S
                given = await again(ticket) if is_soon else None
                if given is None:
                    raise UsedBeforeError(f"traded {now - traded_at:.0f} s ago")
                issued = given
            sealed = self._write(brought, traded_at, issued)
            await self._store.put(key, sealed, ttl_s=max(keep_s, 2 * AGAIN_S))
        finally:
            with contextlib.suppress(StoreUnavailableError):  # It falls free by itself.
                await self._store.unlock(lock)
        return issued

    def _done(self, task: asyncio.Task[Issued]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # The callers see it, if any still wait.

    async def _alone(self, key: str) -> Lock:
        for _ in range(_POLLS):
            lock = await self._store.lock(key, ttl_s=_LOCK_S)
            if lock is not None:
                return lock
            await asyncio.sleep(_POLL_S)
        raise StoreUnavailableError("the same is being traded all the time")

    def _write(self, brought: Brought, traded_at: float, issued: Issued) -> bytes:
        data = json.dumps([traded_at, issued.ticket]).encode()
        return self._sealer().seal(
            _PURPOSE, data, context=brought.store_key.encode(), extra_key=brought.extra_key
        )

    def _read(self, brought: Brought, kept: bytes) -> tuple[float, str] | None:
        """When it was traded, and the ticket; None where not all of it was brought again."""
        data = self._sealer().open_sealed(
            _PURPOSE, kept, context=brought.store_key.encode(), extra_key=brought.extra_key
        )
        if data is None:
            return None
        traded_at, ticket = json.loads(data)
        return traded_at, ticket
