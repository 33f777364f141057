"""State of rate-limited clients, in memory that workers share.

The table has a fixed size of about 1 MiB, whatever clients do.  A keyed digest of the client
selects a row, which has eight places.  If all are taken, a new client replaces the one whose
bucket is fullest, so that the least state is lost.

Workers read and write without a lock.  Two that count one client in the same microsecond may start
from the same state and let one more request pass, which a rate limit can tolerate.
"""

import mmap
import os
import secrets
from hashlib import blake2b
from struct import Struct

from gateway.limits.rate import Rate, Taken, take

_KEY_BYTES = 16
_ROWS = 8192
_PLACES = 8
_ROW = Struct("<" + "Qd" * _PLACES)
_PLACE = Struct("<Qd")
_BYTES = _KEY_BYTES + _ROWS * _ROW.size


def shared_memory() -> int:
    """The descriptor of new memory for a `RateTable`, to be inherited by other processes."""
    descriptor = os.memfd_create("gatepost-rates")
    os.ftruncate(descriptor, _BYTES)
    os.pwrite(descriptor, secrets.token_bytes(_KEY_BYTES), 0)
    return descriptor


class RateTable:
    """Counts requests by client."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Use the memory from `shared_memory`, or memory of this process alone."""
        if descriptor is None:
            self._memory = mmap.mmap(-1, _BYTES)
            self._memory[:_KEY_BYTES] = secrets.token_bytes(_KEY_BYTES)
        else:
            self._memory = mmap.mmap(descriptor, _BYTES)
        # Without the key, no one can choose client names that collide with another client's.
        self._key = bytes(self._memory[:_KEY_BYTES])

    def clear(self) -> None:
        """Forget all clients."""
        self._memory[_KEY_BYTES:] = bytes(_BYTES - _KEY_BYTES)

    def wait_s(self, client: bytes, rate: Rate, now: float) -> float:
        """Take one request of `client` at `now`; returns 0 if in time, else seconds to wait."""
        tag = int.from_bytes(blake2b(client, digest_size=8, key=self._key).digest(), "little")
        row = _KEY_BYTES + tag % _ROWS * _ROW.size
        kept = _ROW.unpack_from(self._memory, row)
        tags, times = kept[::2], kept[1::2]
        if tag in tags:
            place = tags.index(tag)
            taken = take(rate, times[place], now)
        else:
            place = times.index(min(times))
            taken = take(rate, 0.0, now)
        if not isinstance(taken, Taken):
            return taken.wait_s
        _PLACE.pack_into(self._memory, row + place * _PLACE.size, tag, taken.full_at)
        return 0.0
