"""What an app may trade for tokens once, and again within half a minute if the answer got lost."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256

from gateway.credentials.tokens import Issued
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.sessions.sealing import Sealer
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
    """It was traded before, by whoever had it then."""

    reason = "used-before"
    status = 400


class Once:
    """See the module.

    The store has ``traded:<name>`` with the ticket of the session that began, sealed under what
    was traded besides the server's secret, so that nobody else can go on from there.
    """

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._under_way: set[asyncio.Task[Issued]] = set()

    async def trade(
        self, name: str, secret: str, first: First, again: Again, *, keep_s: float
    ) -> Issued:
        """What `first` gives, or `again` where that was given a moment ago.

        Args:
            name: Names what is traded; no secret.
            secret: What is traded.
            first: Called for the first time.
            again: Called with the ticket of the session that `first` began; None where it is over.
            keep_s: For how long it could be brought again.

        Raises:
            UsedBeforeError: It was traded before, too long ago to be a lost answer.
            StoreUnavailableError: The store cannot answer; nothing was traded.
        """
        # A phone whose connection breaks comes again, and a provider takes no code twice: what was
        # begun is finished, whoever still waits for it.
        begun = self._trade(name, secret, first, again, keep_s)
        task = asyncio.get_running_loop().create_task(begun)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def _trade(
        self, name: str, secret: str, first: First, again: Again, keep_s: float
    ) -> Issued:
        key = f"traded:{sha256(name.encode('utf-8', 'replace')).hexdigest()}"
        # One at a time: some apps ask several times at once, and a code is good once.
        lock = await self._alone(key)
        try:
            now = self._clock()
            kept = await self._store.get(key)
            if kept is None:
                issued = await first()
                traded_at = now
            else:
                traded_at, ticket = self._read(key, kept, secret)
                given = None
                # A clock that was set back makes the while no longer.
                if ticket is not None and abs(now - traded_at) < AGAIN_S:
                    given = await again(ticket)
                if given is None:
                    raise UsedBeforeError(f"traded {now - traded_at:.0f} s ago")
                issued = given
            sealed = self._write(key, traded_at, issued, secret)
            await self._store.put(key, sealed, ttl_s=max(keep_s, 2 * AGAIN_S))
        finally:
            with contextlib.suppress(StoreUnavailableError):  # It falls free by itself.
                await self._store.unlock(lock)
        return issued

    def _done(self, task: asyncio.Task[Issued]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # Seen by whoever waits; nobody may be left waiting.

    async def _alone(self, key: str) -> Lock:
        for _ in range(_POLLS):
            lock = await self._store.lock(key, ttl_s=_LOCK_S)
            if lock is not None:
                return lock
            await asyncio.sleep(_POLL_S)
        raise StoreUnavailableError("the same is being traded all the time")

    def _write(self, key: str, traded_at: float, issued: Issued, secret: str) -> bytes:
        data = json.dumps([traded_at, issued.ticket]).encode()
        return self._sealer().seal(
            _PURPOSE, data, context=key.encode(), extra_key=secret.encode("utf-8", "replace")
        )

    def _read(self, key: str, kept: bytes, secret: str) -> tuple[float, str | None]:
        """When it was traded, and the ticket, where `secret` is what was traded."""
        data = self._sealer().open_sealed(
            _PURPOSE, kept, context=key.encode(), extra_key=secret.encode("utf-8", "replace")
        )
        if data is None:
            return 0.0, None
        traded_at, ticket = json.loads(data)
        return traded_at, ticket
