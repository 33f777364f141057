"""A part of a store, in which every name begins with a prefix."""

from collections.abc import Collection

from gateway.storage.store import Handler, Lock, OnGap, OnLoss, Store, Unsubscribe


class NamespacedStore:
    """Adds `prefix` to all names and passes every operation on to `store`; see Store.

    `sweep` and `aclose` affect the whole store.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def _name(self, name: str) -> str:
        return self._prefix + name

    def _indexes(self, names: Collection[str]) -> list[str]:
        return [self._prefix + name for name in names]

    async def get(self, key: str) -> bytes | None:
        """See Store."""
        return await self._store.get(self._name(key))

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store."""
        names = self._indexes(indexes)
        await self._store.put(self._name(key), value, ttl_s=ttl_s, indexes=names)

    async def delete(self, key: str) -> bool:
        """See Store."""
        return await self._store.delete(self._name(key))

    async def take(self, key: str) -> bytes | None:
        """See Store."""
        return await self._store.take(self._name(key))

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store."""
        found = await self._store.find(self._name(index))
        return [(key.removeprefix(self._prefix), value) for key, value in found]

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store."""
        found = await self._store.page(self._name(index), after=self._name(after), limit=limit)
        return [(key.removeprefix(self._prefix), value) for key, value in found]

    async def count(self, index: str) -> int:
        """See Store."""
        return await self._store.count(self._name(index))

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store."""
        return await self._store.add_once(self._name(key), ttl_s=ttl_s)

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
        return await self._store.compare_and_swap(
            self._name(key), expected, value, ttl_s=ttl_s, indexes=self._indexes(indexes)
        )

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store."""
        return await self._store.lock(self._name(name), ttl_s=ttl_s)

    async def unlock(self, lock: Lock) -> bool:
        """See Store."""
        return await self._store.unlock(lock)

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store."""
        await self._store.publish(self._name(channel), message)

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store."""
        return await self._store.subscribe(self._name(channel), handler, on_gap, on_loss)

    async def ping(self) -> None:
        """See Store."""
        await self._store.ping()

    async def sweep(self, now: float) -> int:
        """See Store."""
        return await self._store.sweep(now)

    async def aclose(self) -> None:
        """See Store."""
        await self._store.aclose()
