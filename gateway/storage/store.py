"""The protocol of a store: opaque bytes by key, with lifetimes, indexes, locks and messages."""

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
        token: Increases with every lock taken in this store, whatever its name, and is never given
            out twice, so that writes of a late holder can be told from those of its successor.
    """

    name: str
    token: int


class Store(Protocol):
    """Stores bytes under text keys, without knowing what they mean.

    A lifetime `ttl_s` is in seconds from now, None for ever; the last instant is already too late.
    Keys, indexes and channels are short text without lone surrogates: use digests wherever a client
    can influence them.  Every method raises StoreUnavailableError if the store cannot answer or is
    closed, and may be called again: a store that recovers is used again without a restart.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None if there is none or it has expired."""

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """Set or replace the value, its lifetime and its indexes."""

    async def delete(self, key: str) -> bool:
        """Remove the value; returns whether there was one."""

    async def take(self, key: str) -> bytes | None:
        """Remove and return the value in one step: only one of several callers gets it."""

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """The keys and values in `index`, sorted by key; not a snapshot of one instant."""

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """The first `limit` keys and values in `index` whose key comes after `after`.

        Sorted by key, in the byte order of UTF-8.  Fewer than `limit` mean that there are no more;
        the empty key is on no page.  The cost does not grow with the size of the index.  Pass the
        last key as the next `after`: every value that exists throughout is then on one page.
        """

    async def count(self, index: str) -> int:
        """The number of values in `index` that have not expired."""

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """Store `key`; False if it already exists (a replay).  Shares keys with `put`."""

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """As `put`, if the value is `expected` (None: there is none); returns whether it was."""

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """Take the lock, or None while another holds it; it is released after `ttl_s`."""

    async def unlock(self, lock: Lock) -> bool:
        """Release the lock; False if it had already expired, even if no one else took it."""

    async def publish(self, channel: str, message: bytes) -> None:
        """Send to all current subscribers of `channel`, in all processes, within 1 s."""

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """Call `handler` in this event loop with each message published from now on.

        Messages are hints: one may come twice or, when the store fails, not at all.  `on_loss` is
        called when messages stop arriving.  `on_gap` is called whenever messages may have been
        missed, as soon as new ones arrive again.
        """

    async def ping(self) -> None:
        """Return if the store can read and, as far as that is cheap to check, write."""

    async def sweep(self, now: float) -> int:
        """Delete what has expired at `now`; returns the number of values."""

    async def aclose(self) -> None:
        """Finish accepted work and release all resources; safe to call twice."""
