"""The addresses that a person gives.  Pure."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from gateway.cli.login.failure import CommandError


def read_url(text: str) -> str:
    """The URL of a gateway, without the slash at its end.

    Raises:
        CommandError: It is no URL that tokens may be sent to.
    """
    parts = _parts(text)
    return f"{origin_of(text)}{parts.path.rstrip('/')}"


def read_resource(text: str, url: str) -> str:
    """The URL of an MCP server of the gateway at `url`, byte for byte (RFC 8707).

    Raises:
        CommandError: It is none.
    """
    _parts(text)
    if origin_of(text) != origin_of(url):
        raise CommandError(f"--resource must be on {origin_of(url)}")
    return text


def origin_of(url: str) -> str:
    """Scheme, host and port, as the gateway writes them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{shown}" + ("" if parts.port in (None, usual) else f":{parts.port}")


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise CommandError("the URL cannot be read") from None
    is_local = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise CommandError("the URL must begin with https:// (http:// only on your own machine)")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise CommandError("the URL must have no user name, query or fragment")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise CommandError("the URL must be ASCII, without spaces and backslashes")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
