"""The keys under one index of the memory store, in order once somebody asks for the order."""

from bisect import bisect_right, insort
from collections.abc import Iterator


class OrderedKeys:
    """A set of keys; the order of code points is also that of their bytes in UTF-8."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        # Made for the first page: most indexes are never read in pages.
        self._sorted: list[str] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def add(self, key: str) -> None:
        """Add `key` unless it is there."""
        if key not in self._keys:
            self._keys.add(key)
            if self._sorted is not None:
                insort(self._sorted, key)

    def remove(self, key: str) -> None:
        """Remove `key`, which must be there."""
        self._keys.remove(key)
        if self._sorted is not None:
            del self._sorted[bisect_right(self._sorted, key) - 1]

    def after(self, key: str) -> Iterator[str]:
        """The keys that come after `key`, sorted; change nothing meanwhile."""
        if self._sorted is None:
            self._sorted = sorted(self._keys)
        ordered = self._sorted
        return (ordered[at] for at in range(bisect_right(ordered, key), len(ordered)))
