"""A store whose operations are timed for the metrics."""

from collections.abc import Awaitable, Collection
from time import perf_counter
from typing import Protocol, TypeVar

from gateway.storage.store import Handler, Lock, OnGap, OnLoss, Store, Unsubscribe

T = TypeVar("T")


class Timing(Protocol):
    """Records durations in seconds."""

    def observe(self, duration_s: float) -> None:
        """Record one duration."""


class Timings(Protocol):
    """Timings by store and operation."""

    def __getitem__(self, key: tuple[str, str], /) -> Timing:
        """The timing of one operation of one store."""


class MeasuredStore:
    """Times every operation of `store`; see Store."""

    def __init__(self, store: Store, name: str, timings: Timings) -> None:
        """Use the scheme of `name` as the label."""
        self._store = store
        self._name = name.partition(":")[0]
        self._timings = timings

    async def _timed(self, operation: str, call: Awaitable[T]) -> T:
        began = perf_counter()
        try:
            return await call
        finally:
            self._timings[self._name, operation].observe(perf_counter() - began)

    async def get(self, key: str) -> bytes | None:
        """See Store."""
        return await self._timed("get", self._store.get(key))

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store."""
        await self._timed("put", self._store.put(key, value, ttl_s=ttl_s, indexes=indexes))

    async def delete(self, key: str) -> bool:
        """See Store."""
        return await self._timed("delete", self._store.delete(key))

    async def take(self, key: str) -> bytes | None:
        """See Store."""
        return await self._timed("take", self._store.take(key))

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store."""
        return await self._timed("find", self._store.find(index))

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store."""
        return await self._timed("page", self._store.page(index, after=after, limit=limit))

    async def count(self, index: str) -> int:
        """See Store."""
        return await self._timed("count", self._store.count(index))

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store."""
        return await self._timed("add_once", self._store.add_once(key, ttl_s=ttl_s))

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """See Store."""
        call = self._store.compare_and_swap(key, expected, value, ttl_s=ttl_s, indexes=indexes)
        return await self._timed("compare_and_swap", call)

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store."""
        return await self._timed("lock", self._store.lock(name, ttl_s=ttl_s))

    async def unlock(self, lock: Lock) -> bool:
        """See Store."""
        return await self._timed("unlock", self._store.unlock(lock))

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store."""
        await self._timed("publish", self._store.publish(channel, message))

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store."""
        return await self._timed(
            "subscribe", self._store.subscribe(channel, handler, on_gap, on_loss)
        )

    async def ping(self) -> None:
        """See Store."""
        await self._timed("ping", self._store.ping())

    async def sweep(self, now: float) -> int:
        """See Store."""
        return await self._timed("sweep", self._store.sweep(now))

    async def aclose(self) -> None:
        """See Store."""
        await self._store.aclose()
