"""A provider's documents: cached as long as they allow, and fetched once for all callers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.errors import GatewayError
from gateway.storage.store import Clock

T = TypeVar("T")

# A provider that sends "no-cache" must not be asked at every sign-in, and one that sends a year
# must still be asked again when it rotates its keys.
MIN_FRESH_S = 60.0
MAX_FRESH_S = 3600.0
DEFAULT_FRESH_S = 900.0
# After a failure, callers fail at once for this long.  So a provider that is down is not hammered,
# and callers do not wait for its time-out one after another.
RETRY_S = 3.0


def freshness_s(cache_control: str) -> float:
    """Seconds that a response may be cached by its Cache-Control (RFC 9111, 5.2.2), bounded."""
    directives = [part.strip().lower() for part in cache_control.split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return MIN_FRESH_S
    for directive in directives:
        found = re.fullmatch(r'max-age="?([0-9]{1,10})"?', directive)
        if found:
            return min(max(float(found[1]), MIN_FRESH_S), MAX_FRESH_S)
    return DEFAULT_FRESH_S


class CachedDocument(Generic[T]):
    """One document: fetched at first use, refreshed when stale, kept while the refresh fails.

    `fetch` returns the document and the seconds it stays fresh, or raises GatewayError.

    Attributes:
        fetched_at: When it was fetched the last time; None if it never was.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[T, float]]],
        clock: Clock,
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._retry_s = retry_s
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self.fetched_at: float | None = None
        self._fresh_until = 0.0
        self._failed_at: float | None = None
        self._failure: GatewayError | None = None

    @property
    def failure(self) -> GatewayError | None:
        """Why the last fetch failed; None if it did not."""
        return self._failure

    async def get(self) -> T:
        """The document; stale only while it is being fetched or the provider is down.

        Raises:
            GatewayError: it was never fetched, and the fetch failed.
        """
        if self._value is not None and (self._clock() < self._fresh_until or self._lock.locked()):
            return self._value
        async with self._lock:
            return await self._fetched(forced=False)

    async def renewed(self) -> T:
        """Fetch the document again even if it is fresh; the old one if that fails.

        Raises:
            GatewayError: there is no old one.
        """
        async with self._lock:
            return await self._fetched(forced=True)

    async def settled(self) -> None:
        """Wait for a fetch in progress; return at once if there is none."""
        if self._lock.locked():
            async with self._lock:
                pass

    async def _fetched(self, *, forced: bool) -> T:
        now = self._clock()
        if self._value is not None and not forced and now < self._fresh_until:
            return self._value  # another caller fetched it while this one waited
        if self._failed_at is None or not 0 <= now - self._failed_at < self._retry_s:
            await self._try(now)
        if self._value is not None:
            return self._value
        if self._failure is None:  # pragma: no cover - _try sets one or the other
            raise AssertionError("neither a document nor a failure")
        # A new exception each time: one instance raised twice would grow its traceback.
        raise type(self._failure)(*self._failure.args) from self._failure

    async def _try(self, now: float) -> None:
        try:
            self._value, fresh_s = await self._fetch()
        except GatewayError as error:
            self._failed_at, self._failure = now, error
        else:
            self.fetched_at, self._fresh_until = now, now + fresh_s
            self._failed_at = self._failure = None
