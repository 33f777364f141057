"""When the next request is in time: the generic cell rate algorithm.  Pure.

A bucket of `requests` that refills evenly over `per_s`: a client that was quiet may send them all
at once, and then one each time the bucket has room for it.  All that is remembered of a client is
one time, at which its bucket will be full again (ITU-T I.371, the virtual scheduling algorithm).
"""

from dataclasses import dataclass

# Times are seconds since the epoch as floats, good to a quarter of a microsecond; over thousands of
# requests that adds up.
_ROUNDING_S = 1e-3


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in a while.

    Attributes:
        requests: At least 1.
        per_s: Seconds, more than 0.
    """

    requests: int
    per_s: float

    @property
    def interval_s(self) -> float:
        """Seconds in which the bucket gains one request."""
        return self.per_s / self.requests


@dataclass(frozen=True, slots=True)
class Taken:
    """The request is in time; the bucket is full again at `full_at`."""

    full_at: float


@dataclass(frozen=True, slots=True)
class TooSoon:
    """The request is over the rate; one in `wait_s` seconds would not be."""

    wait_s: float


def take(rate: Rate, full_at: float, now: float) -> Taken | TooSoon:
    """Take one request at `now` from a bucket that is full again at `full_at`; 0 for a new one."""
    # A bucket is never further from full than empty: if it seems so, the clock was set back.
    behind_s = min(max(full_at - now, 0.0), rate.per_s)
    over_s = behind_s + rate.interval_s - rate.per_s
    if over_s > min(_ROUNDING_S, rate.interval_s / 2):
        return TooSoon(over_s)
    return Taken(now + behind_s + rate.interval_s)
