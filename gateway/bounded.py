"""What is remembered for the next request, in mappings that cannot fill the memory."""

from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def remember(known: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    """Put `value` under `key` in `known`, which is emptied first if it has `most` entries.

    Whoever makes up keys can only make it forget.  `known` is a plain dict, so that a look-up costs
    nothing more: neither a method of ours nor a note of what was used last.
    """
    if len(known) >= most:
        known.clear()
    known[key] = value
