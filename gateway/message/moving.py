"""Where a WebDAV request puts what it copies or moves (RFC 4918, section 10.3).  Pure."""

from typing import Final

from gateway.errors import MalformedRequestError
from gateway.message.request import Request
from gateway.message.target import Target, parse_target, split_absolute_form

_MOVING: Final = frozenset({"COPY", "MOVE"})


def moved_to(request: Request) -> Target | None:
    """The path that an app writes to besides the request's own; None if there is none.

    Raises:
        MalformedRequestError: Destination is repeated, or no http(s) URL and no path.
        AmbiguousPathError: It has too many readings.
    """
    if request.method not in _MOVING:
        return None
    values = request.fields.all(b"destination")
    if not values:
        return None
    if len(values) > 1:
        raise MalformedRequestError("more than one Destination field")
    # The host is left out: many apps read only the path.
    absolute = split_absolute_form(values[0])
    return parse_target(values[0] if absolute is None else absolute[1])
