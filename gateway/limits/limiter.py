"""The rate limit of one route, and which requests it counts together."""

from ipaddress import IPv6Address, ip_address

from gateway.limits.rate import Rate
from gateway.limits.table import RateTable
from gateway.message.request import Request
from gateway.model import Identity
from gateway.settings.schema import RateLimitSettings

# The prefix that one subscriber gets (RFC 6177, section 2): its addresses are one client.
_IPV6_PREFIX_BITS = 64


class RateLimiter:
    """Applies the rate limit of one route."""

    def __init__(self, table: RateTable, route: str, settings: RateLimitSettings) -> None:
        """Count in `table`; a limit that is changed, or moved to another route, starts at zero."""
        self._table = table
        self._by = settings.by
        self._rate = Rate(settings.requests, settings.per)
        self._prefix = f"{route}\0{settings.requests}\0{settings.per}\0"

    def wait_s(self, request: Request, identity: Identity) -> float:
        """Count `request`; returns 0 if it may go on, else the seconds until one may."""
        whose = self._prefix + whose_request(self._by, request.client, identity)
        return self._table.wait_s(whose.encode("utf-8", "replace"), self._rate, request.received_at)


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
