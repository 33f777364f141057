"""Which addresses a stranger may have the gateway call: those of the public internet.  Pure."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Besides what `ipaddress` knows; what that calls global differs between versions of Python.
_CLOSED = tuple(
    ip_network(it)
    for it in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # Shared by carriers (RFC 6598); of Alibaba's metadata too.
        "192.0.0.0/24",
        "192.88.99.0/24",  # The former relays of 6to4 (RFC 7526).
        "198.18.0.0/15",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's WireServer: of the public range, but of each machine's host.
    )
)
# The only global unicast there is (IANA's IPv6 address space).
_UNICAST = ip_network("2000::/3")
_CLOSED_6 = tuple(
    ip_network(it)
    for it in (
        "2001::/23",  # Teredo and other protocols: what is behind cannot be told.
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_LOW_32 = 0xFFFFFFFF


def is_public(text: str) -> bool:
    """Whether `text` is an address of the public internet.

    An address of IPv6 that only wraps one of IPv4 is as public as that.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return _is_public_6(address)
    return _is_public_4(address)


def _is_public_4(address: IPv4Address) -> bool:
    if any(address in network for network in _CLOSED):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_4(address.ipv4_mapped)
    if address in _NAT64:
        # Where there is only IPv6, names of IPv4 hosts get such addresses (RFC 6147).
        return _is_public_4(IPv4Address(int(address) & _LOW_32))
    if address.sixtofour is not None:
        return _is_public_4(address.sixtofour)
    if address not in _UNICAST or any(address in network for network in _CLOSED_6):
        return False
    return address.is_global
