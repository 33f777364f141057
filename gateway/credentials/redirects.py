"""Compares a redirect URI with those that an app registered.  Pure."""

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from gateway.settings.tokens import is_loopback_redirect


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether `uri` equals one of `registered`, compared as strings (RFC 9700, section 2.1).

    For a loopback address any port matches, because an app takes a free one (RFC 8252, 7.3).
    """
    return any(uri == known or _differs_by_port(uri, known) for known in registered)


def _differs_by_port(uri: str, known: str) -> bool:
    wanted = urlsplit(known)
    if not is_loopback_redirect(wanted):
        return False
    try:
        given = urlsplit(uri)
        _ = given.port
    except ValueError:
        return False
    # Rebuilt from the registered URI with the given port, so nothing but the port can differ.
    return "#" not in uri and uri == _with_port_of(given, wanted)


def _with_port_of(given: SplitResult, wanted: SplitResult) -> str:
    host = f"[{wanted.hostname}]" if ":" in (wanted.hostname or "") else wanted.hostname
    authority = host if given.port is None else f"{host}:{given.port}"
    return wanted._replace(netloc=authority or "").geturl()
