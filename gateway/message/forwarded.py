"""Client address, host and scheme as reported by proxies in front of the gateway.

Proxies send ``X-Forwarded-*`` or ``Forwarded`` (RFC 7239).  Any client can send both, so they
count only if the peer is one of `trusted_proxies`, and only back to the first hop that is not.

Only one kind is read: ``X-Forwarded-*`` if any of it is present, else ``Forwarded``.  A request
with both is refused if they disagree on client, host or scheme: a proxy that writes one and passes
on the other would let its clients choose their address and host.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from gateway.errors import MalformedRequestError
from gateway.message.fields import Fields
from gateway.message.request_head import canonical_host

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

# The peer of a Unix socket has no address; file permissions decide who may connect.
UNIX_PEER = "unix"
# The client if the proxies do not give an address (RFC 7239, section 6.2).
UNKNOWN_CLIENT = "unknown"
_LOOPBACK = IPv4Address("127.0.0.1")

_PORT = r"(?::[0-9]{1,5})?"
_IPV4_NODE = re.compile(r"([0-9.]+)" + _PORT)
_IPV6_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._~-]+)?\]" + _PORT)
_BARE_IPV6_NODE = re.compile(r"([0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._~-]+)?")

# RFC 7239, section 4, without commas in quoted strings: no address, host or scheme contains one.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110, section 5.6.2
_PAIR = rf'{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\,]|\\[^,])*")'
_ELEMENT = re.compile(rf"{_PAIR}(?:[ \t]*;[ \t]*{_PAIR})*;?")
_ONE_PAIR = re.compile(rf"({_TOKEN})=({_TOKEN}|\"(?:[^\"\\]|\\.)*\")")
_QUOTED_PAIR = re.compile(r"\\(.)")

# Enough for UUIDs, ULIDs, base64 and trace ids; nothing that a log line would have to escape.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:@/+=-]{1,128}")
_PORT_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
# Plain segments: the app puts this before the links in its pages.
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)+")
# W3C Trace Context, level 1, section 3.2.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trusted_address(peer: str, trusted: Networks) -> Address | None:
    """The address of `peer` if its forwarding fields count; None if they do not.

    `peer` is the address at the other end of the connection, or ``"unix"``, which counts as
    127.0.0.1.
    """
    address = _LOOPBACK if peer == UNIX_PEER else parse_address(peer)
    return address if address is not None and _covers(trusted, address) else None


def client_address(proxy: Address, fields: Fields, trusted: Networks) -> str:
    """The address of the client: the rightmost hop that is not one of `trusted`.

    `proxy` is as from `trusted_address`.  If a hop is not an address, or is empty, the client is
    ``"unknown"``.  IPv4-mapped IPv6 addresses are returned as IPv4 (RFC 4291, section 2.5.5.2).

    Raises:
        MalformedRequestError: The two kinds of fields disagree.
    """
    if not fields.has(b"forwarded"):
        return _last_untrusted(proxy, _elements(fields, b"x-forwarded-for"), trusted)
    client = _last_untrusted(proxy, _forwarded_for(fields), trusted)
    if _speaks_x_forwarded(fields):
        told = _last_untrusted(proxy, _elements(fields, b"x-forwarded-for"), trusted)
        _agree("client", told, client)
    return client


def canonical_address(peer: str) -> str:
    """`peer` in canonical form: 127.0.0.1 for a Unix socket, IPv4 for IPv4-mapped IPv6."""
    address = _LOOPBACK if peer == UNIX_PEER else parse_address(peer)
    return peer if address is None else _text(address)


@lru_cache(maxsize=1024)
def parse_address(node: str) -> Address | None:
    """The address in `node`, with or without port, brackets and zone; None if it is not one."""
    found = (
        _IPV4_NODE.fullmatch(node) or _IPV6_NODE.fullmatch(node) or _BARE_IPV6_NODE.fullmatch(node)
    )
    if found is None:
        return None
    try:
        address = ip_address(found[1])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def forwarded_host(fields: Fields, asked: str) -> str:
    """The requested host according to a trusted proxy, as `canonical_host` returns it.

    `asked` is the host in the Host field, used if the proxy names no host, or several.  The caller
    must check that the peer is trusted; so for the functions below.

    Raises:
        MalformedRequestError: The two kinds of fields disagree on host or scheme, or contain an
            invalid host.
    """
    if not _speaks_x_forwarded(fields):
        return _host(_nearest(fields, "host"), asked)
    host = _host(_repeated(fields, b"x-forwarded-host"), asked)
    if fields.has(b"forwarded"):
        _agree("host", host, _host(_nearest(fields, "host"), host))
        proto, other = _repeated(fields, b"x-forwarded-proto"), _nearest(fields, "proto")
        if proto and other:
            _agree("scheme", proto.lower(), other.lower())
    return host


def forwarded_scheme(fields: Fields) -> str:
    """The scheme that clients use according to a trusted proxy; ``""`` if it names none or several.

    Nothing is decided by it, because the public URL says which one it is.
    """
    if _speaks_x_forwarded(fields):
        return _repeated(fields, b"x-forwarded-proto").lower()
    return _nearest(fields, "proto").lower()


def with_port(fields: Fields, host: str) -> str:
    """`host` with the port that a trusted proxy names in ``X-Forwarded-Port``.

    Unchanged if `host` has a port, or the proxy names none, several or the default one.
    """
    port = fields.text(b"x-forwarded-port")
    if host.rpartition("]")[2].count(":") or _PORT_NUMBER.fullmatch(port) is None:
        return host
    return host if port in ("80", "443") else f"{host}:{port}"


def _host(said: str, asked: str) -> str:
    if not said:
        return asked
    host = canonical_host(said.encode("latin-1"))
    if host is None:
        raise MalformedRequestError("the proxy sent an invalid host")
    return host


def _agree(what: str, told: str, other: str) -> None:
    if told != other:
        raise MalformedRequestError(f"X-Forwarded-* and Forwarded disagree on the {what}")


def request_id_of(fields: Fields) -> str | None:
    """The ``X-Request-Id`` of a trusted proxy; None if absent, repeated or not token-like."""
    if not fields.has(b"x-request-id"):
        return None
    value = fields.text(b"x-request-id")
    return value if _REQUEST_ID.fullmatch(value) is not None else None


def forwarded_prefix(fields: Fields) -> str:
    """The path that a trusted proxy has stripped; ``""`` if it names none, several or no path."""
    value = fields.text(b"x-forwarded-prefix").removesuffix("/")
    return value if _PREFIX.fullmatch(value) is not None else ""


def traceparent_of(fields: Fields) -> str | None:
    """The ``traceparent`` of a trusted proxy; None unless it is valid (W3C Trace Context 1)."""
    value = fields.text(b"traceparent")
    return value if _TRACEPARENT.fullmatch(value) is not None else None


def forwarded_for_value(address: str) -> str:
    """`address` as a value of ``for=`` or ``by=`` (RFC 7239, section 6)."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    return f'"[{parsed}]"' if parsed.version == 6 else str(parsed)  # noqa: PLR2004 - IPv6


def forwarded_element(address: str, *, host: str, proto: str) -> str:
    """One ``Forwarded`` element: the client's `address`, the `host` asked for, and `proto`."""
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    return f'for={forwarded_for_value(address)};host="{quoted}";proto={proto}'


def append_hop(values: Iterable[bytes], hop: str) -> bytes:
    """One field value: `values` in order, then `hop`."""
    return b", ".join([value for value in values if value] + [hop.encode("ascii", "replace")])


def forwarded_so_far(fields: Fields, client: str, peer: str) -> list[bytes]:
    """The ``Forwarded`` values to send before the hop of `peer`, a trusted proxy.

    A malformed field is replaced by the client's address, because an open quote would swallow what
    the gateway appends.
    """
    values = fields.all(b"forwarded")
    if values and all(_parameters(element) for element in _elements(fields, b"forwarded")):
        return values
    return [] if client == peer else [f"for={forwarded_for_value(client)}".encode()]


@lru_cache(maxsize=1024)
def _text(address: Address) -> str:
    return str(address)


def _covers(trusted: Networks, address: Address) -> bool:
    for network in trusted:  # noqa: SIM110 - half the time of any(), on every request
        if address in network:
            return True
    return False


def _last_untrusted(peer: Address, hops: Iterable[str], trusted: Networks) -> str:
    """The first untrusted hop in `hops`, nearest first, else the last one; `peer` is trusted."""
    last = peer
    for hop in hops:
        address = parse_address(hop)
        if address is None:
            return UNKNOWN_CLIENT
        last = address
        if not _covers(trusted, address):
            break
    return _text(last)


def _elements(fields: Fields, name: bytes) -> list[str]:
    """The comma-separated elements of `name`, the nearest hop first; empty if absent."""
    values = fields.all(name)
    if not values:
        return []
    parts = b",".join(values).decode("latin-1").split(",")
    return [part.strip(" \t") for part in reversed(parts)]


def _speaks_x_forwarded(fields: Fields) -> bool:
    return (
        fields.has(b"x-forwarded-for")
        or fields.has(b"x-forwarded-host")
        or fields.has(b"x-forwarded-proto")
    )


def _forwarded_for(fields: Fields) -> Iterable[str]:
    # Split at commas from the right, so that a quote left open by a client cannot swallow a hop.
    return (_parameters(element).get("for", "") for element in _elements(fields, b"forwarded"))


def _parameters(element: str) -> dict[str, str]:
    """The parameters of one ``Forwarded`` element, names in lower case; empty if malformed."""
    if _ELEMENT.fullmatch(element) is None:
        return {}
    pairs: dict[str, str] = {}
    for name, value in _ONE_PAIR.findall(element):
        if name.lower() in pairs:  # RFC 7239, section 4: each parameter at most once.
            return {}
        pairs[name.lower()] = _unquote(value)
    return pairs


def _unquote(value: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _nearest(fields: Fields, parameter: str) -> str:
    """`parameter` in the nearest hop's ``Forwarded`` element; ``""`` if absent."""
    elements = _elements(fields, b"forwarded")
    return _parameters(elements[0]).get(parameter, "") if elements else ""


def _repeated(fields: Fields, name: bytes) -> str:
    """The value that all hops give in the field `name`; ``""`` if they differ."""
    said = set(_elements(fields, name))
    return said.pop() if len(said) == 1 else ""
