"""Parses listen addresses, URLs, hosts and networks."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from gateway.message.star import without_port
from gateway.settings.scalars import Address, as_text, join_host_port, quote, wrong

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# Segments that every server reads in one way (RFC 3986, section 3.3), none of them empty or dots.
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORTS = range(1, 65536)
_LONGEST_SOCKET_PATH = 107  # sun_path holds 108 bytes on Linux, the last one NUL (unix(7)).


def parse_network(value: object) -> Network:
    """Parse an address or a network in CIDR form; bits beyond the mask are an error."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    text = as_text(value, "an address or network")
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise wrong(f"{quote(text)} is not an address or network (write 10.0.0.0/8)") from None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        message = (
            f"{quote(text)} is an address inside a network (did you mean {quote(str(loose))}?)"
        )
        raise wrong(message) from None


def is_address(host: str) -> bool:
    """Whether `host` is a literal address, without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, is on the loopback interface."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3.
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_on_private_network(host: str) -> bool:
    """Whether `host`, without brackets, is this machine or in its private network."""
    if is_loopback(host):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        # A name without a dot is a container or machine in the same network.
        return "." not in host


def _port(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) in _PORTS else None


def split_host_port(text: str) -> tuple[str, int | None] | None:
    """Host (lower case, no brackets, no trailing dot) and port of `text`; None if malformed."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\s]+)(?::([0-9]+))?", text)
    if found is None:
        return None
    host, port = found[1].lower(), None
    if found[2] is not None and (port := _port(found[2])) is None:
        return None
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1])), port
        except ValueError:
            return None
    host = host.removesuffix(".")
    return (host, port) if _HOST_NAME.fullmatch(host) else None


def _split_url(text: str) -> SplitResult:
    # urlsplit silently drops tabs and line breaks.
    if not text.isprintable() or " " in text:
        raise wrong(f"{quote(text)} must be a URL without spaces and controls")
    try:
        return urlsplit(text)
    except ValueError:
        raise wrong(f"{quote(text)} is not a URL") from None


def parse_origin(value: object) -> str:
    """Scheme, host and port of an http(s) URL, in the form of a browser's Origin."""
    return _origin(as_text(value, "a URL"), may_have_path=False)


def parse_base_url(value: object) -> str:
    """An http(s) URL that paths are appended to: an origin, and a plain path or none."""
    text = as_text(value, "a URL")
    return _origin(text, may_have_path=True) + plain_path(_split_url(text).path)


def parse_public_url(value: object) -> str:
    """As `parse_base_url`; the host may have a star, as in `parse_served_host`."""
    text = as_text(value, "a URL")
    scheme, star, rest = text.partition("://*.")
    if not star:
        return parse_base_url(text)
    url = parse_base_url(f"{scheme}://{rest}")
    parse_served_host(f"*.{urlsplit(url).netloc}")
    return url.replace("://", star, 1)


def _origin(text: str, *, may_have_path: bool) -> str:
    parts = _split_url(text)
    if parts.scheme not in _DEFAULT_PORTS:
        raise wrong(f"{quote(text)} must start with https:// or http://")
    if "@" in parts.netloc:
        raise wrong("must not contain a user name or password")
    if not may_have_path and parts.path not in ("", "/"):
        raise wrong(f"{quote(text)} must end after the host: no path, query or fragment")
    if "?" in text or "#" in text:
        raise wrong(f"{quote(text)} must not contain a query or fragment")
    where = split_host_port(parts.netloc)
    if where is None:
        raise wrong(f"{quote(text)} has no valid host")
    host, port = where
    return f"{parts.scheme}://" + join_host_port(
        host, None if port == _DEFAULT_PORTS[parts.scheme] else port
    )


def parse_web_url(value: object) -> str:
    """An absolute http(s) URL without user name and fragment, kept as written."""
    text = as_text(value, "a URL")
    parts = _split_url(text)
    if parts.scheme not in _DEFAULT_PORTS or split_host_port(parts.netloc) is None:
        raise wrong(f"{quote(text)} is not an http or https URL")
    if "#" in text:
        raise wrong(f"{quote(text)} must not contain a fragment")
    return text


def parse_listen(value: object) -> Address:
    """`host:port`, `[v6]:port`, `:port` (all addresses), `unix:/path?mode=0660` or `fd:NAME`."""
    if isinstance(value, Address):
        return value
    text = as_text(value, "an address")
    if text.startswith("unix:"):
        path, asked, _ = text.partition("?")
        return Address("", 0, _socket_path(path), _socket_mode(text) if asked else None)
    if text.startswith("fd:"):
        return Address("", 0, fd=_socket_name(text))
    where = split_host_port("0.0.0.0" + text if text.startswith(":") else text)  # noqa: S104
    if where is None or where[1] is None:
        raise wrong(f"{quote(text)} is not an address (write 0.0.0.0:8080 or unix:/run/x.sock)")
    return Address(where[0], where[1])


def _socket_path(text: str) -> str:
    path = text.removeprefix("unix:")
    if not path.startswith("/") or "\0" in path or len(path.encode()) > _LONGEST_SOCKET_PATH:
        raise wrong(f"{quote(text)} must be unix:/ and an absolute path of at most 107 bytes")
    return path


def _socket_name(text: str) -> str:
    name = text.removeprefix("fd:")
    if re.fullmatch(r"[!-9;-~]{1,255}", name) is None:
        raise wrong(f"{quote(text)} must be fd: and the FileDescriptorName= of a .socket unit")
    return name


def _socket_mode(text: str) -> int:
    # Connecting requires write permission (unix(7)), for the gateway's own user too.
    found = re.fullmatch(r"[^?]*\?mode=0?([2367][0-7]{2})", text)
    if found is None:
        raise wrong(f"{quote(text)} must be unix:/, a path and its permissions, such as ?mode=0660")
    return int(found[1], 8)


def listen_text(address: Address) -> str:
    """The text that `parse_listen` reads as `address`."""
    return str(address) if address.mode is None else f"{address}?mode={address.mode:04o}"


def plain_path(text: str) -> str:
    """`text`, a path that is put before others, without trailing slash; ``""`` for the root."""
    path = text.removesuffix("/")
    if _PLAIN_PATH.fullmatch(path) is None:
        raise wrong(
            f"{quote(text)} must be a plain path: no %-escapes, no ; and no empty or dot segments"
        )
    return path


def parse_upstream_url(value: object) -> str:
    """`http://host[:port][/path]`, `https://host[:port][/path]` or `unix:/path`."""
    text = as_text(value, "a URL")
    if text.startswith("unix:"):
        return f"unix:{_socket_path(text)}"
    if not text.startswith(("http://", "https://")):
        raise wrong(f"{quote(text)} must start with http://, https:// or unix:/")
    return parse_base_url(text)


def upstream_address(url: str) -> tuple[bool, Address]:
    """Whether to use TLS, and the address, for a `url` from `parse_upstream_url`."""
    if url.startswith("unix:"):
        return False, Address("", 0, url.removeprefix("unix:"))
    scheme, _, rest = url.partition("://")
    authority, _, _ = rest.partition("/")
    host, port = split_host_port(authority) or ("", None)
    return scheme == "https", Address(host, port or _DEFAULT_PORTS[scheme])


def upstream_base(url: str) -> str:
    """The path of a `url` from `parse_upstream_url`, without trailing slash."""
    return "" if url.startswith("unix:") else urlsplit(url).path


def parse_host(value: object) -> str:
    """A host in the form compared with the request's: lower case, without a default port."""
    text = as_text(value, "a host")
    where = split_host_port(text)
    if where is None:
        raise wrong(f"{quote(text)} is not a host name")
    host, port = where
    return join_host_port(host, None if port in (80, 443) else port)


def parse_served_host(value: object) -> str:
    """As `parse_host`; ``*.apps.example.com`` stands for one label before the rest."""
    text = as_text(value, "a host")
    rest = text.removeprefix("*.")
    host = parse_host(rest)
    if rest == text:
        return host
    if is_address(without_port(host).strip("[]")):
        raise wrong(f"{quote(text)} is not a host name")
    return f"*.{host}"


def parse_host_name(value: object) -> str:
    """A host without a port, in lower case and without brackets."""
    text = as_text(value, "a host")
    where = split_host_port(text)
    if where is None or where[1] is not None:
        raise wrong(f"{quote(text)} is not a host name (without a port)")
    return where[0]


NetworkText = Annotated[
    Network,
    PlainValidator(parse_network),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string"}),
]
Origin = Annotated[
    str,
    PlainValidator(parse_origin),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#@]+/?$"}),
]
PublicUrl = Annotated[
    str,
    PlainValidator(parse_public_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#@]+(/[^?#%;]*)?$"}),
]
WebUrl = Annotated[
    str, PlainValidator(parse_web_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
Listen = Annotated[
    Address,
    PlainValidator(parse_listen),
    PlainSerializer(listen_text, when_used="json"),
    WithJsonSchema({"type": "string"}),
]
UpstreamUrl = Annotated[
    str,
    PlainValidator(parse_upstream_url),
    WithJsonSchema({"type": "string", "pattern": "^(https?://[^/?#@]+(/[^?#%;]*)?|unix:/.+)$"}),
]
HostName = Annotated[str, PlainValidator(parse_host_name), WithJsonSchema({"type": "string"})]
HostText = Annotated[str, PlainValidator(parse_served_host), WithJsonSchema({"type": "string"})]
