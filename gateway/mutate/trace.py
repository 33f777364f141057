"""Request ids, and ids of W3C Trace Context."""

import itertools
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]

# W3C Trace Context, section 3.2.2: digits of the ids of a trace and of its parent.
_TRACE_DIGITS, _DIGITS = 32, 48
_BATCH = 256
# The last two digits of 256 ids made at once, reversed because they are popped from the end.
_ENDS = [f"{number:02x}" for number in range(255, -1, -1)]


def request_ids(random: RandomBytes) -> Callable[[], str]:
    """A function that returns a new id at each call, unique across processes."""
    prefix, numbers = random(8).hex(), itertools.count(1)
    ready: list[str] = []

    def new() -> str:
        if not ready:
            start = f"{prefix}-{next(numbers):x}"
            ready.extend([start + end for end in _ENDS])
        return ready.pop()

    return new


def traceparents(random: RandomBytes) -> Callable[[str | None], str]:
    """A function that returns the ``traceparent`` it is given, or else a new one.

    It draws random bytes in batches.
    """

    def batch() -> list[str]:
        digits = random(_BATCH * _DIGITS // 2).hex()
        return [
            f"00-{digits[at : at + _TRACE_DIGITS]}-{digits[at + _TRACE_DIGITS : at + _DIGITS]}-01"
            for at in range(0, len(digits), _DIGITS)
        ]

    ready: list[str] = []

    def parent(given: str | None) -> str:
        if given is not None:
            return given
        if not ready:
            ready.extend(batch())
        return ready.pop()

    return parent
