"""What a store is: opaque bytes under a key, with a lifetime, indexes, locks and messages."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

Clock = Callable[[], float]
Handler = Callable[[bytes], None]
Unsubscribe = Callable[[], None]
OnGap = Callable[[], None]
OnLoss = Callable[[], None]

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Lock:
    """Proof that its holder took the lock `name`.

    Attributes:
        token: Grows with every lock taken in this store, whatever its name, and is never given
            out twice: what a late holder wrote can be told from what its successor wrote.
    """

    name: str
    token: int


class Store(Protocol):
    """Holds bytes under text keys; it knows nothing of what they mean.

    A lifetime `ttl_s` is in seconds from now and None means for ever; the last instant is
    already too late.  Keys, indexes and channels are short text without lone surrogates: make
    them of digests wherever a client has a say.  Every method raises StoreUnavailableError
    when the store cannot answer or is closed, and may be called again: a store that comes back
    is used again without a restart.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or past its lifetime."""

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """Set or replace the value, its lifetime and the indexes it is found under."""

    async def delete(self, key: str) -> bool:
        """Remove the value; whether there was one."""

    async def take(self, key: str) -> bytes | None:
        """Remove the value and give it back, in one step: of several callers one gets it."""

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """The keys and values under `index`, sorted by key; no snapshot of one instant."""

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """The first `limit` keys and values under `index` whose key comes after `after`.

        Sorted by key, in the byte order of UTF-8.  Fewer than `limit` are the last; the empty key
        is on no page.  It takes no longer with more values under the index.  Give the last key as
        the next `after`: every value that is there throughout is then on one page.
        """

    async def count(self, index: str) -> int:
        """How many values are under `index`; ones past their lifetime do not count."""

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """Remember `key`; False when it is already there (a replay).  Shares keys with `put`."""

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """Do as `put` if the value is `expected` (None: if there is none); whether it was."""

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """Take the lock, or None while another holds it; it falls free after `ttl_s`."""

    async def unlock(self, lock: Lock) -> bool:
        """Give the lock back; False when it fell free meanwhile, even if nobody took it."""

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell everyone now subscribed to `channel`, here and in other processes, within 1 s."""

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """Call `handler` in this event loop with each message published from now on.

        Messages are hints: one may come twice or, when the store fails, not at all.  `on_loss` is
        called when none come any more.  Whenever some may not have come, `on_gap` is called, as
        soon as those that follow do come again.
        """

    async def ping(self) -> None:
        """Return when the store can read and, as far as that can be told cheaply, write."""

    async def sweep(self, now: float) -> int:
        """Free what is past its lifetime at `now`; how many values that were."""

    async def aclose(self) -> None:
        """Finish what was accepted and release everything; safe to call twice."""
