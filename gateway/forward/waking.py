"""Waits for an app that accepts no connections yet: one retry loop, however many requests wait.

    request --wait--> Waking --probe, again and again--> the app
    request <-------- Waking <-------- it accepts

Nothing is retried while nobody waits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.errors import GatewayError
from gateway.forward.errors import (
    UpstreamRefusedError,
    UpstreamStartingError,
    UpstreamTimeoutError,
)

_log = logging.getLogger(__name__)

_RETRY_S = 0.2
# A page that a person opens loads in less, or they wonder whether anything happens.
_PAGE_AFTER_S = 1.5
# After giving up, pages fail at once for at least this long, so that those that reload themselves
# come back in that time and see it.
_GIVEN_UP_S = 10.0
# Each waiting request holds a client connection.  More are told to come back.
_WAITING = 1000

# How an app that is asleep fails a connect.  A TLS failure is UpstreamTlsError: the app is awake.
ASLEEP = (UpstreamRefusedError, UpstreamTimeoutError)


class Waking:
    """The waiting for one app, in one worker.  Times are the event loop's, in seconds.

    From the first failed connect, requests wait up to `wake_s`.  Those that can be answered with a
    page that reloads itself wait a moment, get the page, and come again.  The page has no memory,
    so `wake_s` is counted here, from the first failure.  After it, pages fail for as long again.

    Attributes:
        wake_s: How long the app may take to boot.
        most: How many requests may wait.
    """

    def __init__(self, name: str, wake_s: float, probe: Callable[[], Awaitable[None]]) -> None:
        """Connect with `probe`, which raises one of `ASLEEP` while the app accepts nothing."""
        self.wake_s = wake_s
        self.most = _WAITING
        self._name = name
        self._probe = probe
        self._since: float | None = None
        self._failure: GatewayError | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def patience_s(self, *, shows_page: bool) -> float:
        """How long a request that has just arrived waits at most."""
        return min(_PAGE_AFTER_S, self.wake_s) if shows_page else self.wake_s

    def is_asleep(self, now: float, *, shows_page: bool) -> bool:
        """Whether to wait without a connect of one's own; false for pages after giving up."""
        if self._since is None or self._is_old(now):
            return False
        return not shows_page or now < self._since + self.wake_s

    def fell_asleep(self, error: GatewayError, now: float) -> None:
        """A connect failed."""
        self._failure = error
        if self._since is None or self._is_old(now):
            self._since = now
            _log.info("upstream %s; waiting for it, up to %g s", error, self.wake_s)

    def _is_old(self, now: float) -> bool:
        """Whether the app was given up so long ago that the waiting begins anew."""
        over_s = self.wake_s + max(self.wake_s, _GIVEN_UP_S)
        return self._since is not None and now >= self._since + over_s

    def woke(self, now: float) -> None:
        """The app accepted a connection."""
        if self._since is not None:
            awake_s = now - self._since
            _log.info("upstream %s accepts connections again, after %.1f s", self._name, awake_s)
        self._since = self._failure = None

    async def wait(self, until: float, *, shows_page: bool) -> None:
        """Return as soon as the app may accept connections.

        Raises:
            UpstreamStartingError: Not yet, but the client may come again.
            UpstreamRefusedError, UpstreamTimeoutError: The app did not boot in time.
        """
        if len(self._waiting) >= self.most:
            raise UpstreamStartingError(f"{self._name}: {self.most} requests wait for it already")
        if shows_page and self._since is not None:
            until = min(until, self._since + self.wake_s)
        running = asyncio.get_running_loop()
        if running.time() < until:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._until_awake()
                return
        raise self._outcome(running.time(), shows_page=shows_page)

    def _outcome(self, now: float, *, shows_page: bool) -> GatewayError:
        # Whoever can wait no longer than until the page would come gets none.
        has_page = shows_page and self.wake_s > _PAGE_AFTER_S
        if has_page and self._since is not None and now < self._since + self.wake_s:
            return UpstreamStartingError(f"{self._name}: accepts no connections yet")
        failure = self._failure or UpstreamTimeoutError(f"{self._name}: no connection in time")
        # A new exception each time: one instance raised twice would grow its traceback.
        return type(failure)(*failure.args)

    async def _until_awake(self) -> None:
        running = asyncio.get_running_loop()
        turn = running.create_future()
        self._waiting.add(turn)
        if self._loop is None:
            self._loop = running.create_task(self._retry())
        try:
            await turn
        finally:
            self._waiting.discard(turn)
            if not self._waiting and self._loop is not None:
                self._loop.cancel()
                self._loop = None

    async def _retry(self) -> None:
        running = asyncio.get_running_loop()
        failure: Exception | None = None
        while True:
            try:
                await self._probe()
            except ASLEEP as error:
                self.fell_asleep(error, running.time())
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                failure = error
                break
            else:
                self.woke(running.time())
                break
            await asyncio.sleep(_RETRY_S)
        self._loop = None
        for turn in self._waiting:
            if turn.done():
                continue
            if failure is None:
                turn.set_result(None)
            else:
                turn.set_exception(failure)
