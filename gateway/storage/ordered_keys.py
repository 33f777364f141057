"""The keys in one index of the memory store; sorted once a page of them is read."""

from bisect import bisect_right, insort
from collections.abc import Iterator


class OrderedKeys:
    """A set of keys; their order by code points is also that of their bytes in UTF-8."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        # Built for the first page: most indexes are never read in pages.
        self._sorted: list[str] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def add(self, key: str) -> None:
        """Add `key` unless it is present."""
        if key not in self._keys:
            self._keys.add(key)
            if self._sorted is not None:
                insort(self._sorted, key)

    def remove(self, key: str) -> None:
        """Remove `key`, which must be present."""
        self._keys.remove(key)
        if self._sorted is not None:
            del self._sorted[bisect_right(self._sorted, key) - 1]

    def after(self, key: str) -> Iterator[str]:
        """The keys after `key`, sorted; do not change the set while iterating."""
        if self._sorted is None:
            self._sorted = sorted(self._keys)
        ordered = self._sorted
        return (ordered[at] for at in range(bisect_right(ordered, key), len(ordered)))
