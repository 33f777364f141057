"""One worker's cache of values in the store, with a limited size, and of recently ended ones."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from gateway.storage.contact import Remembered

E = TypeVar("E", bound=Remembered)


class WorkerCache(Generic[E]):
    """Entries by the digest of their credential; when full, drops the least recently used.

    Each value also has a name, by which messages refer to it: the id of a session or of a key.
    """

    def __init__(
        self, max_entries: int, remember_ended_s: float, name_of: Callable[[E], str]
    ) -> None:
        self._max_entries = max_entries
        self._remember_ended_s = remember_ended_s
        self._name_of = name_of
        self._entries: OrderedDict[bytes, E] = OrderedDict()
        self._digests: dict[str, bytes] = {}
        self._ended: dict[str, float] = {}

    def get(self, digest: bytes) -> E | None:
        """The entry of the credential with this digest, or None if it is not cached."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def of(self, name: str) -> E | None:
        """The entry with this name, or None if it is not cached."""
        digest = self._digests.get(name)
        return None if digest is None else self._entries[digest]

    def add(self, digest: bytes, entry: E) -> None:
        """Cache an entry; replaces an earlier entry of the same value."""
        name = self._name_of(entry)
        self.drop(name)
        while len(self._entries) >= self._max_entries:
            _, oldest = self._entries.popitem(last=False)
            del self._digests[self._name_of(oldest)]
        self._entries[digest] = entry
        self._digests[name] = digest

    def drop(self, name: str) -> None:
        """Remove an entry, so that the store is asked at its next use."""
        digest = self._digests.pop(name, None)
        if digest is not None:
            del self._entries[digest]

    def holds(self, entry: E) -> bool:
        """Whether `entry` is still the cached entry of its value."""
        return self.of(self._name_of(entry)) is entry

    def end(self, name: str, now: float) -> None:
        """Remove the entry of a value that has ended.

        The end is remembered for a while, so that a read of the store that was in progress cannot
        bring the value back.
        """
        self.drop(name)
        self._ended[name] = now

    def has_ended(self, name: str) -> bool:
        """Whether the value ended recently."""
        return name in self._ended

    def forget_ended(self, now: float) -> None:
        """Forget ends so old that no read from before them can still be in progress."""
        for name, ended_at in list(self._ended.items()):
            if abs(now - ended_at) >= self._remember_ended_s:
                del self._ended[name]

    def remembered(self) -> Iterable[E]:
        """All cached entries."""
        return self._entries.values()

    def __len__(self) -> int:
        return len(self._entries)
