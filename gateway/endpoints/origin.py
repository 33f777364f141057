"""Whether a request that changes something was sent by one of our own pages."""

from gateway.message.request import Request


def is_same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this origin, or the person, sent the request.

    Fetch Metadata decides where it is sent; older browsers are told by Origin.  A request with
    neither comes from no browser that would protect its user, so it is not.
    """
    if request.fields.has(b"sec-fetch-site"):
        return request.fields.only(b"sec-fetch-site") in (b"same-origin", b"none")
    return request.fields.only(b"origin") == request.public_url.encode()
