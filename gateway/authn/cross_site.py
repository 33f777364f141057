"""Whether a page of another origin had the browser send a request with the user's session."""

from collections.abc import Collection

from gateway.message.request import Request

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_cross_site(request: Request, origins: Collection[bytes], *, upgrade: bool) -> bool:
    """Whether an unsafe request, or an upgrade, comes from an origin that is none of `origins`.

    A browser sends the session's cookie with a WebSocket handshake whatever page opens it, and
    tells that page in Origin (RFC 6455, section 10.2).
    """
    if request.method in _SAFE and not upgrade:
        return False
    fields = request.fields
    if b"cross-site" in fields.all(b"sec-fetch-site"):
        return True
    return any(origin not in origins for origin in fields.all(b"origin"))
