"""The rate limit of one route, and which requests it counts together."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil

from gateway.limits.rate import Rate, TooSoon
from gateway.limits.table import RateTable
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import Identity
from gateway.settings.schema import RateLimitSettings

# The prefix that one subscriber gets (RFC 6177, section 2): its addresses are one client.
_IPV6_PREFIX_BITS = 64


@dataclass(frozen=True, slots=True)
class Counted:
    """Where a client stands after one of its requests.

    Attributes:
        wait_s: Whole seconds until a request may go on; 0 if this one may.
        fields: What the client is told (draft-ietf-httpapi-ratelimit-headers-10): requests left,
            and the seconds until all are back, or until the next if none is left.
    """

    wait_s: int
    fields: FieldList


class RateLimiter:
    """Applies the rate limit of one route."""

    def __init__(self, table: RateTable, route: str, settings: RateLimitSettings) -> None:
        """Count in `table`; a limit that is changed, or moved to another route, starts at zero."""
        self._table = table
        self._by = settings.by
        self._rate = Rate(settings.requests, settings.per)
        # Named by what is counted: the name of a route is not the client's business.
        policy = f'"{self._by}";q={settings.requests};w={ceil(settings.per)}'
        self._policy = ("RateLimit-Policy", policy)
        self._prefix = f"{route}\0{settings.requests}\0{settings.per}\0"

    def count(self, request: Request, identity: Identity) -> Counted:
        """Count `request`, and say whether it may go on."""
        whose = self._prefix + whose_request(self._by, request.client, identity)
        now = request.received_at
        taken = self._table.take(whose.encode("utf-8", "replace"), self._rate, now)
        if isinstance(taken, TooSoon):
            return Counted(ceil(taken.wait_s), self._fields(0, taken.wait_s))
        left = self._rate.left(taken.full_at, now)
        return Counted(0, self._fields(left, taken.full_at - now))

    def _fields(self, left: int, reset_s: float) -> FieldList:
        return self._policy, ("RateLimit", f'"{self._by}";r={left};t={ceil(reset_s)}')


def whose_request(by: str, client: str, identity: Identity) -> str:
    """The key under which a request is counted.

    Anonymous requests are counted by address, whatever `by` says: by the IPv4 address, or by the
    IPv6 network of one subscriber.
    """
    if by == "ip" or identity.is_anonymous:
        return f"ip\0{_network(client)}"
    account = identity.account_id or f"{identity.issuer}\0{identity.subject}"
    if by == "key":
        return (
            f"key\0{identity.credential}\0{account}\0{identity.key_id or identity.session_id or ''}"
        )
    return f"user\0{account}"


def _network(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - _IPV6_PREFIX_BITS):x}/{_IPV6_PREFIX_BITS}"
