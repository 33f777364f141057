"""The rate limit of one route: whose requests are counted together."""

from ipaddress import IPv6Address, ip_address

from gateway.limits.rate import Rate
from gateway.limits.table import RateTable
from gateway.message.request import Request
from gateway.model import Identity
from gateway.settings.schema import RateLimitSettings

# What one subscriber is given (RFC 6177, section 2): more than one address is not more clients.
_IPV6_PREFIX_BITS = 64


class RateLimiter:
    """See the module."""

    def __init__(self, table: RateTable, route: str, settings: RateLimitSettings) -> None:
        """Count in `table`; a limit that is changed, or moved to another route, starts anew."""
        self._table = table
        self._by = settings.by
        self._rate = Rate(settings.requests, settings.per)
        self._prefix = f"{route}\0{settings.requests}\0{settings.per}\0"

    def wait_s(self, request: Request, identity: Identity) -> float:
        """Count `request`; 0 if it may go on, else the seconds after which one may."""
        whose = self._prefix + whose_request(self._by, request.client, identity)
        return self._table.wait_s(whose.encode("utf-8", "replace"), self._rate, request.received_at)


def whose_request(by: str, client: str, identity: Identity) -> str:
    """What is the same for all requests that count together.

    Nobody signed in is told apart by address, whatever `by` says.  An address is the whole of
    IPv4, and the network of IPv6 that one subscriber has.
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
