"""How often one address may be wrong.  Pure but for what it remembers.

What is already known to be right never comes here, so that a flood of guesses from an address that
many share, a proxy or an office, is slowed down without those who are known there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from cachetools import LRUCache

from gateway.errors import GatewayError

# What one subscriber is given (RFC 6177, section 2): more than one address is not more clients.
_IPV6_PREFIX_BITS = 64
_MOST_ADDRESSES = 8192


@dataclass(slots=True)
class Turn:
    """One try; `is_bad` until something else is known."""

    is_bad: bool = True


class Throttle:
    """A bucket for each address: `allowed` tries at once, refilled evenly over `per_s`.

    At most 8,192 addresses are remembered, the one that tried last longest.
    """

    def __init__(self, allowed: int = 20, per_s: float = 60.0) -> None:
        self._interval_s = per_s / allowed
        self._per_s = per_s
        self._full_at: LRUCache[str, float] = LRUCache(_MOST_ADDRESSES)

    def wait_s(self, client: str, now: float) -> float:
        """The seconds that `client` has to wait at `now`, 0 for none; counts nothing."""
        return self._over_s(self._behind_s(_network(client), now))

    def take(self, client: str, now: float) -> float:
        """Count one try of `client` at `now`; 0 where it may, else the seconds to wait."""
        key = _network(client)
        behind_s = self._behind_s(key, now)
        over_s = self._over_s(behind_s)
        if over_s:
            return over_s
        self._full_at[key] = now + behind_s + self._interval_s
        return 0.0

    def _behind_s(self, key: str, now: float) -> float:
        # A bucket is never further from full than empty: if it seems so, the clock was set back.
        return min(max(self._full_at.get(key, 0.0) - now, 0.0), self._per_s)

    def _over_s(self, behind_s: float) -> float:
        over_s = behind_s + self._interval_s - self._per_s
        return over_s if over_s > self._interval_s / 2 else 0.0

    @contextmanager
    def weigh(self, client: str, *, counts: bool) -> Iterator[Turn]:
        """Keep a `take`, where it `counts`, only if the try turns out to be a bad one.

        It does not where nobody could tell; a client that leaves before it is known has used it up.
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
        """Undo one `take`: the try was a good one."""
        key = _network(client)
        if key in self._full_at:
            self._full_at[key] -= self._interval_s


def _network(client: str) -> str:
    if ":" not in client:
        return client
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address) or address.ipv4_mapped is not None:
        return str(getattr(address, "ipv4_mapped", None) or address)
    return f"{int(address) >> (128 - _IPV6_PREFIX_BITS):x}/{_IPV6_PREFIX_BITS}"
