"""One worker's memory of values in the store, bounded, and of those that ended lately."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from gateway.storage.contact import Remembered

E = TypeVar("E", bound=Remembered)


class WorkerCache(Generic[E]):
    """Entries by the digest of their credential; the one unused for longest goes first when full.

    Each value also has a name, by which others speak of it: the id of a session or of a key.
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
        """The entry of the credential with that digest, if it is here."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def of(self, name: str) -> E | None:
        """The entry of that name, if it is here."""
        digest = self._digests.get(name)
        return None if digest is None else self._entries[digest]

    def add(self, digest: bytes, entry: E) -> None:
        """Remember an entry in place of what was known of its value."""
        name = self._name_of(entry)
        self.drop(name)
        while len(self._entries) >= self._max_entries:
            _, oldest = self._entries.popitem(last=False)
            del self._digests[self._name_of(oldest)]
        self._entries[digest] = entry
        self._digests[name] = digest

    def drop(self, name: str) -> None:
        """Forget a value, so that the store is asked about it next."""
        digest = self._digests.pop(name, None)
        if digest is not None:
            del self._entries[digest]

    def holds(self, entry: E) -> bool:
        """Whether `entry` is still what is known of its value."""
        return self.of(self._name_of(entry)) is entry

    def end(self, name: str, now: float) -> None:
        """Forget a value for good.

        It is remembered as ended for a while: a read of the store that was under way when it
        ended must not bring it back.
        """
        self.drop(name)
        self._ended[name] = now

    def has_ended(self, name: str) -> bool:
        """Whether the value ended lately."""
        return name in self._ended

    def forget_ended(self, now: float) -> None:
        """Forget the endings that no read can be under way from any more."""
        for name, ended_at in list(self._ended.items()):
            if abs(now - ended_at) >= self._remember_ended_s:
                del self._ended[name]

    def remembered(self) -> Iterable[E]:
        """Every entry that is here."""
        return self._entries.values()

    def __len__(self) -> int:
        return len(self._entries)
