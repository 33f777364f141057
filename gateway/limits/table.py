"""State of rate-limited clients, in memory that workers share.

The table has a fixed size of about 1 MiB, whatever clients do.  A keyed digest of the client
selects a row, which has eight places.  If all are taken, a new client replaces the one whose
bucket is fullest, so that the least state is lost.

Workers read and write without a lock.  Two that count one client in the same microsecond may start
from the same state and let one more request pass, which a rate limit can tolerate.
"""

import fcntl
import mmap
import os
import secrets
from hashlib import blake2b
from struct import Struct

from gateway.limits.rate import Rate, Taken, TooSoon, take

_KEY_BYTES = 16
_ROWS = 8192
_PLACES = 8
_ROW = Struct("<" + "Qd" * _PLACES)
_PLACE = Struct("<Qd")
# Clients whose requests are noted between two calls of `noted_takes`.
_MOST_NOTED = 10_000
_BYTES = _KEY_BYTES + _ROWS * _ROW.size


def shared_memory() -> int:
    """The descriptor of new memory for a `RateTable`, to be inherited by other processes."""
    descriptor = os.memfd_create("gatepost-rates")
    os.ftruncate(descriptor, _BYTES)
    os.pwrite(descriptor, secrets.token_bytes(_KEY_BYTES), 0)
    return descriptor


class RateTable:
    """Counts requests by client.

    Attributes:
        machine: Tells this memory, which all workers of a machine share, from others.
    """

    def __init__(self, descriptor: int | None = None, key: bytes = b"") -> None:
        """Use the memory from `shared_memory`, or memory of this process alone.

        Tables with the same `key` of at most 64 bytes know a client by the same tag.
        """
        if descriptor is None:
            self._memory = mmap.mmap(-1, _BYTES)
            self._memory[:_KEY_BYTES] = secrets.token_bytes(_KEY_BYTES)
        else:
            self._memory = mmap.mmap(descriptor, _BYTES)
        self.machine = bytes(self._memory[:_KEY_BYTES])
        self._descriptor = descriptor
        # Without the key, no one can choose client names that collide with another client's.
        self._key = key or self.machine
        self._noted: dict[tuple[int, Rate], int] | None = None

    def note_takes(self) -> None:
        """Note from now on what clients take, for `noted_takes`."""
        self._noted = {}

    def noted_takes(self) -> dict[tuple[int, Rate], int]:
        """How often each client, by its tag, took a request of a rate since the last call."""
        noted, self._noted = self._noted or {}, {}
        return noted

    def add(self, tag: int, rate: Rate, count: int, now: float) -> None:
        """Count requests that a client made at another machine."""
        row, place, full_at = self._find(tag)
        behind_s = min(max(full_at - now, 0.0) + count * rate.interval_s, rate.per_s)
        self._keep(row, place, tag, now + behind_s)

    def is_first(self) -> bool:
        """Whether this process, of those that share the memory, is the one that may `add`.

        Each hears what other machines tell, and the memory must count it once.  When the first one
        ends, another takes its place.
        """
        if self._descriptor is None:
            return True
        try:
            # A lock of the process, which the kernel releases when it ends, or unmaps the memory.
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Forget all clients."""
        self._memory[_KEY_BYTES:] = bytes(_BYTES - _KEY_BYTES)

    def take(self, client: bytes, rate: Rate, now: float) -> Taken | TooSoon:
        """Take one request of `client` at `now`."""
        tag = int.from_bytes(blake2b(client, digest_size=8, key=self._key).digest(), "little")
        row, place, full_at = self._find(tag)
        taken = take(rate, full_at, now)
        if isinstance(taken, Taken):
            self._keep(row, place, tag, taken.full_at)
            if self._noted is not None and len(self._noted) < _MOST_NOTED:
                self._noted[tag, rate] = self._noted.get((tag, rate), 0) + 1
        elif full_at > now + rate.per_s:
            # The clock was set back: without this, the client would wait until it has caught up.
            self._keep(row, place, tag, now + rate.per_s)
        return taken

    def _find(self, tag: int) -> tuple[int, int, float]:
        """The row and place of a client, and when its bucket is full; 0 if it is new."""
        row = _KEY_BYTES + tag % _ROWS * _ROW.size
        kept = _ROW.unpack_from(self._memory, row)
        tags, times = kept[::2], kept[1::2]
        if tag in tags:
            place = tags.index(tag)
            return row, place, times[place]
        return row, times.index(min(times)), 0.0

    def _keep(self, row: int, place: int, tag: int, full_at: float) -> None:
        _PLACE.pack_into(self._memory, row + place * _PLACE.size, tag, full_at)
