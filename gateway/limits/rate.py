"""Decides when the next request is in time, by the generic cell rate algorithm.  Pure.

A bucket of `requests` refills evenly over `per_s`.  A client that was quiet may send them all at
once, and then one whenever the bucket has room.  All that is stored for a client is the time at
which its bucket will be full again (ITU-T I.371, virtual scheduling algorithm).
"""

from dataclasses import dataclass

# Times are seconds since the epoch as floats, exact to a quarter of a microsecond.  Over thousands
# of requests the errors add up.
_ROUNDING_S = 1e-3


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests in a period.

    Attributes:
        requests: At least 1.
        per_s: The period in seconds, more than 0.
    """

    requests: int
    per_s: float

    @property
    def interval_s(self) -> float:
        """Seconds in which the bucket gains room for one request."""
        return self.per_s / self.requests

    def left(self, full_at: float, now: float) -> int:
        """How many requests may follow at once on a bucket that is full at `full_at`."""
        return int((self.per_s - (full_at - now) + _ROUNDING_S) / self.interval_s)


@dataclass(frozen=True, slots=True)
class Taken:
    """The request is in time; the bucket will be full again at `full_at`."""

    full_at: float


@dataclass(frozen=True, slots=True)
class TooSoon:
    """The request is over the limit; one in `wait_s` seconds would be in time."""

    wait_s: float


def take(rate: Rate, full_at: float, now: float) -> Taken | TooSoon:
    """Take one request at `now` from a bucket that is full at `full_at`; 0 for a new bucket."""
    # A bucket is never more than `per_s` away from full; if it seems so, the clock was set back.
    behind_s = min(max(full_at - now, 0.0), rate.per_s)
    over_s = behind_s + rate.interval_s - rate.per_s
    if over_s > min(_ROUNDING_S, rate.interval_s / 2):
        return TooSoon(over_s)
    return Taken(now + behind_s + rate.interval_s)
