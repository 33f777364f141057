"""Limits failed credential lookups per address.  Pure apart from its counters.

Credentials already known to be good never get here.  So a flood of guesses from a shared address,
such as a proxy or an office, does not slow down users who are known there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from cachetools import LRUCache

from gateway.errors import GatewayError

# One subscriber gets a whole /64 (RFC 6177, section 2), so its addresses count as one client.
_IPV6_PREFIX_BITS = 64
_MOST_ADDRESSES = 8192


@dataclass(slots=True)
class Turn:
    """One attempt; it counts as bad until proven otherwise."""

    is_bad: bool = True


class Throttle:
    """A token bucket for each address: a burst of `allowed`, refilled evenly over `per_s` seconds.

    At most 8,192 addresses are kept; the least recently used one is dropped first.
    """

    def __init__(self, allowed: int = 20, per_s: float = 60.0) -> None:
        self._interval_s = per_s / allowed
        self._per_s = per_s
        self._full_at: LRUCache[str, float] = LRUCache(_MOST_ADDRESSES)

    def wait_s(self, client: str, now: float) -> float:
        """Seconds that `client` must wait at `now`, or 0.  Counts nothing."""
        return self._over_s(self._behind_s(network_of(client), now))

    def take(self, client: str, now: float) -> float:
        """Count an attempt of `client` at `now`; 0 if allowed, else the seconds to wait."""
        key = network_of(client)
        behind_s = self._behind_s(key, now)
        over_s = self._over_s(behind_s)
        if over_s:
            return over_s
        self._full_at[key] = now + behind_s + self._interval_s
        return 0.0

    def _behind_s(self, key: str, now: float) -> float:
        behind_s = max(self._full_at.get(key, 0.0) - now, 0.0)
        if behind_s > self._per_s + self._interval_s:
            # A bucket is at most `per_s` from full, so the clock was set back: start anew from
            # there, or nobody could come again before it is as late as it was.
            self._full_at[key] = now + self._per_s
            behind_s = self._per_s
        return behind_s

    def _over_s(self, behind_s: float) -> float:
        over_s = behind_s + self._interval_s - self._per_s
        return over_s if over_s > self._interval_s / 2 else 0.0

    @contextmanager
    def weigh(self, client: str, *, counts: bool) -> Iterator[Turn]:
        """After a `take` that `counts`, give it back unless the attempt was bad.

        It is given back if the lookup fails, and kept if the client disconnects before the result.
        """
        turn = Turn()
        try:
            yield turn
        except GatewayError:
            turn.is_bad = False
            raise
        finally:
            if counts and not turn.is_bad:
                self.give_back(client)

    def give_back(self, client: str) -> None:
        """Undo one `take`, because the attempt was good."""
        key = network_of(client)
        if key in self._full_at:
            self._full_at[key] -= self._interval_s


def network_of(client: str) -> str:
    """`client` as it is counted: an IPv6 address is its network."""
    if ":" not in client:
        return client
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address) or address.ipv4_mapped is not None:
        return str(getattr(address, "ipv4_mapped", None) or address)
    return f"{int(address) >> (128 - _IPV6_PREFIX_BITS):x}/{_IPV6_PREFIX_BITS}"
