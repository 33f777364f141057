"""The format of an entry in Redis: a head with its end and its indexes, then the value.

Big-endian: the end as a double, the length of the whole head in two bytes, then for each index the
length of its name in two bytes and the name.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_FIXED = struct.Struct(">dH")


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry under a key; `end` is the first instant that is too late."""

    end: float
    indexes: frozenset[bytes]
    value: bytes


def pack_entry(end: float, indexes: Iterable[bytes], value: bytes) -> bytes:
    """The bytes to store."""
    names = b"".join(len(name).to_bytes(2, "big") + name for name in indexes)
    return _FIXED.pack(end, _FIXED.size + len(names)) + names + value


def live_value(packed: bytes | None, now: float) -> bytes | None:
    """The value, or None if there is none or it has expired."""
    if packed is None:
        return None
    end, size = _FIXED.unpack_from(packed)
    return packed[size:] if now < end else None


def unpack_entry(packed: bytes) -> Entry:
    """The inverse of `pack_entry`."""
    end, size = _FIXED.unpack_from(packed)
    indexes, at = set(), _FIXED.size
    while at < size:
        start = at + 2
        at = start + int.from_bytes(packed[at:start], "big")
        indexes.add(packed[start:at])
    return Entry(end, frozenset(indexes), packed[size:])
