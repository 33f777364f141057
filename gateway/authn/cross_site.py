"""Whether a page of another origin had the browser send a request with the user's session."""

from collections.abc import Collection

from gateway.message.request import Request

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_cross_site(request: Request, origins: Collection[bytes], *, upgrade: bool) -> bool:
    """Whether an unsafe request, or an upgrade, comes from an origin that is none of `origins`.

    Fetch Metadata decides where it is sent: a page with ``Referrer-Policy: no-referrer`` says
    ``Origin: null`` to itself too (Fetch, section 3.2).  ``same-site`` alone is not enough, since
    neighbours under one domain need not trust each other: then Origin must name one of ours.

    A browser sends the session's cookie with a WebSocket handshake whatever page opens it, and
    tells that page in Origin (RFC 6455, section 10.2).
    """
    if request.method in _SAFE and not upgrade:
        return False
    fields = request.fields
    named = fields.all(b"origin")
    if not fields.has(b"sec-fetch-site"):
        return any(origin not in origins for origin in named)
    # None where it is repeated: no browser does that.
    site = fields.only(b"sec-fetch-site")
    if site in (b"same-origin", b"none"):
        return False
    return site != b"same-site" or not named or any(it not in origins for it in named)
