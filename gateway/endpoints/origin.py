"""Same-origin check for requests that change something."""

from gateway.message.public_url import origin_of
from gateway.message.request import Request


def is_same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this origin, or the user, caused the request.

    Fetch Metadata decides if it is sent, otherwise Origin does.  A request with neither does not
    come from a browser that protects its user, so it is refused.
    """
    if request.fields.has(b"sec-fetch-site"):
        return request.fields.only(b"sec-fetch-site") in (b"same-origin", b"none")
    return request.fields.only(b"origin") == origin_of(request.public_url).encode()
