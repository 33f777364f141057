"""Cross-site request check for the session cookie."""

from collections.abc import Collection
from typing import Final

from gateway.message.public_url import origin_of
from gateway.message.request import Request

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_cross_site(request: Request, origins: Collection[bytes], *, upgrade: bool) -> bool:
    """Whether an unsafe request, or an upgrade, comes from an origin outside `origins`.

    Fetch Metadata decides if it is sent, because a page with ``Referrer-Policy: no-referrer``
    sends ``Origin: null`` even to its own origin (Fetch, section 3.2).  ``same-site`` is not
    enough, because hosts under one domain need not trust each other: Origin must then be ours.
    A browser sends the session cookie with a WebSocket handshake whatever page opens it, and
    names that page in Origin (RFC 6455, section 10.2).
    """
    if request.method in _SAFE and not upgrade:
        return False
    fields = request.fields
    named = fields.all(b"origin")
    if not fields.has(b"sec-fetch-site"):
        return not all(_is_ours(origin, request, origins) for origin in named)
    # None if the field is repeated, which no browser does, so it counts as cross-site.
    site = fields.only(b"sec-fetch-site")
    if site in (b"same-origin", b"none"):
        return False
    if site != b"same-site" or not named:
        return True
    return not all(_is_ours(origin, request, origins) for origin in named)


def _is_ours(origin: bytes, request: Request, origins: Collection[bytes]) -> bool:
    # Hosts that a star covers are in no list, and do not trust each other.
    return origin in origins or origin == origin_of(request.public_url).encode()
