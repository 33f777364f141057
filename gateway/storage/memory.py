"""A store in this process only: for one worker, tests and the demo."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gateway.errors import StoreUnavailableError
from gateway.storage.ordered_keys import OrderedKeys
from gateway.storage.store import NEVER, Clock, Handler, Lock, OnGap, OnLoss, Unsubscribe
from gateway.storage.subscribers import Subscribers


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires_at: float
    indexes: frozenset[str]


class MemoryStore:
    """Dicts with lifetimes; lost when the process ends.  See Store for its methods."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed = False
        self._entries: dict[str, _Entry] = {}
        self._indexes: dict[str, OrderedKeys] = {}
        self._locks: dict[str, tuple[int, float]] = {}
        self._last_token = 0
        self._subscribers = Subscribers()

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        entry = self._live(key)
        return None if entry is None else entry.value

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store.put."""
        self._check()
        self._drop(key)
        self._entries[key] = _Entry(value, self._end(ttl_s), frozenset(indexes))
        for index in indexes:
            self._indexes.setdefault(index, OrderedKeys()).add(key)

    async def delete(self, key: str) -> bool:
        """See Store.delete."""
        return await self.take(key) is not None

    async def take(self, key: str) -> bytes | None:
        """See Store.take."""
        entry = self._live(key)
        self._drop(key)
        return None if entry is None else entry.value

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store.find."""
        self._check()
        keys = sorted(self._indexes.get(index, ()))
        return [(key, entry.value) for key in keys if (entry := self._live(key)) is not None]

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store.page."""
        self._check()
        keys = self._indexes.get(index, OrderedKeys()).after(after)
        live = ((key, entry.value) for key in keys if (entry := self._live(key)) is not None)
        return list(islice(live, limit))

    async def count(self, index: str) -> int:
        """See Store.count."""
        self._check()
        return sum(self._live(key) is not None for key in self._indexes.get(index, ()))

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store.add_once."""
        return await self.compare_and_swap(key, None, b"", ttl_s=ttl_s)

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """See Store.compare_and_swap."""
        if await self.get(key) != expected:
            return False
        await self.put(key, value, ttl_s=ttl_s, indexes=indexes)
        return True

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store.lock."""
        self._check()
        now = self._clock()
        if name in self._locks and now < self._locks[name][1]:
            return None
        self._last_token += 1
        self._locks[name] = (self._last_token, now + ttl_s)
        return Lock(name, self._last_token)

    async def unlock(self, lock: Lock) -> bool:
        """See Store.unlock."""
        self._check()
        token, expires_at = self._locks.get(lock.name, (0, 0.0))
        if token != lock.token:
            return False
        del self._locks[lock.name]
        return self._clock() < expires_at

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store.publish."""
        self._check()
        self._subscribers.deliver(channel, message)

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store.subscribe."""
        self._check()
        return self._subscribers.add(channel, handler, on_gap, on_loss)

    async def ping(self) -> None:
        """See Store.ping."""
        self._check()

    async def sweep(self, now: float) -> int:
        """See Store.sweep."""
        self._check()
        expired = [key for key, entry in self._entries.items() if now >= entry.expires_at]
        for key in expired:
            self._drop(key)
        for name in [name for name, (_, end) in self._locks.items() if now >= end]:
            del self._locks[name]
        return len(expired)

    async def aclose(self) -> None:
        """See Store.aclose."""
        self._closed = True
        self._entries.clear()
        self._indexes.clear()

    def _check(self) -> None:
        if self._closed:
            raise StoreUnavailableError("memory: closed")

    def _end(self, ttl_s: float | None) -> float:
        return NEVER if ttl_s is None else self._clock() + ttl_s

    def _live(self, key: str) -> _Entry | None:
        self._check()
        entry = self._entries.get(key)
        return entry if entry is not None and self._clock() < entry.expires_at else None

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for index in entry.indexes:
            keys = self._indexes[index]
            keys.remove(key)
            if not keys:
                del self._indexes[index]


def build(_location: str, _data_dir: Path, clock: Clock) -> MemoryStore:
    """A new, empty store."""
    return MemoryStore(clock)
