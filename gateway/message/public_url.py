"""The parts of a public URL, and the gateway's own paths below it.  Pure.

A public URL is an origin, and mostly no path.  With one (``https://example.com/notes``), all of the
gateway's own paths and cookies are below it, so that other apps can have the rest of the host.
"""

from functools import lru_cache
from typing import Final

from gateway.message.request import Request

# Everything below this, which is itself below the public URL, is the gateway's.
OWN_PREFIX: Final = "/_gatepost"


@lru_cache(maxsize=1024)
def _parts(public_url: str) -> tuple[str, str]:
    scheme, separator, rest = public_url.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority, slash + path


def origin_of(public_url: str) -> str:
    """Scheme, host and port, as browsers write them in Origin."""
    return _parts(public_url)[0]


def base_of(public_url: str) -> str:
    """The path, without trailing slash; ``""`` for none."""
    return _parts(public_url)[1]


def covers(base: str, path: str) -> bool:
    """Whether `path` is `base` or below it."""
    return not base or path == base or path.startswith(base + "/")


def own_path(request: Request, path: str) -> str:
    """`path`, one of the gateway's own such as ``/_gatepost/logout``, as browsers ask for it."""
    return base_of(request.public_url) + path


def home_of(request: Request) -> str:
    """The path of the home page."""
    return base_of(request.public_url) + "/"


def inner_path(request: Request) -> str:
    """The decoded path of `request`, which is below the public URL, without the URL's path."""
    return request.target.path[len(base_of(request.public_url)) :]
