"""Whether a redirect URI is one that an app registered.  Pure."""

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from gateway.settings.tokens import is_loopback_redirect


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether `uri` is one of `registered`: character by character (RFC 9700, section 2.1).

    On a loopback address the port is free: an app takes whichever it gets (RFC 8252, section 7.3).
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
    # Written anew, nothing but the port may be another: no user, no other spelling of the host.
    return "#" not in uri and uri == _with_port_of(given, wanted)


def _with_port_of(given: SplitResult, wanted: SplitResult) -> str:
    host = f"[{wanted.hostname}]" if ":" in (wanted.hostname or "") else wanted.hostname
    authority = host if given.port is None else f"{host}:{given.port}"
    return wanted._replace(netloc=authority or "").geturl()
