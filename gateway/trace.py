"""Names of exchanges: request ids, and the ids of W3C Trace Context."""

import itertools
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]

# A trace id of 16 bytes and a parent id of 8 (W3C Trace Context, section 3.2.2), as hexadecimal.
_DIGITS = 48
_TRACE_DIGITS = 32
_BATCH = 256


def request_ids(random: RandomBytes) -> Callable[[], str]:
    """Gives a new id at each call; none twice, in whichever process."""
    prefix, numbers = random(8).hex(), itertools.count(1)
    return lambda: f"{prefix}-{next(numbers):x}"


def traceparents(random: RandomBytes) -> Callable[[], str]:
    """Gives a new ``traceparent`` at each call; random digits are drawn for many at once."""

    def batch() -> list[str]:
        digits = random(_BATCH * _DIGITS // 2).hex()
        drawn = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
        return [f"00-{d[:_TRACE_DIGITS]}-{d[_TRACE_DIGITS:]}-01" for d in drawn]

    ready: list[str] = []

    def new() -> str:
        if not ready:
            ready.extend(batch())
        return ready.pop()

    return new
