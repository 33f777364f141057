"""Refuses unexpected input to calls that change something.

A call to end the session ``?id=7`` must not report success after ending all of them.  The OAuth
and OpenID Connect endpoints are exempt, because they must ignore unknown parameters (RFC 6749,
sections 3.1, 3.2 and 4.1.2).
"""

from collections.abc import Awaitable, Callable

from gateway import responses
from gateway.endpoints.deps import Handler
from gateway.message.request import Request
from gateway.message.response import Response

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
# The body is ignored, for example a CSRF token that an app puts in all its forms.
ANYTHING = "*/*"

NamedHandler = Callable[[str, Request, bytes], Awaitable[Response]]


def media_type(request: Request) -> str:
    """The body's media type in lower case, without parameters; ``""`` if absent or repeated."""
    value = request.fields.only(b"content-type") or b""
    return value.partition(b";")[0].strip(b" \t").lower().decode("latin-1")


def strict(handler: Handler, takes: str = "") -> Handler:
    """`handler` that refuses a query, and a body unless it has the media type `takes`."""

    async def call(request: Request, body: bytes) -> Response:
        return _refusal(request, body, takes) or await handler(request, body)

    return call


def strict_named(handler: NamedHandler, takes: str = "") -> NamedHandler:
    """As `strict`, for a handler that also gets the path's last segment."""

    async def call(name: str, request: Request, body: bytes) -> Response:
        return _refusal(request, body, takes) or await handler(name, request, body)

    return call


def _refusal(request: Request, body: bytes, takes: str) -> Response | None:
    if request.target.query:
        return _invalid(request, "takes no query")
    if body and not takes:
        return _invalid(request, "takes no body")
    if body and takes not in (ANYTHING, media_type(request)):
        accept = (("Accept", takes),)
        return responses.problem(request, 415, "unsupported-media-type", fields=accept)
    return None


def _invalid(request: Request, detail: str) -> Response:
    return responses.problem(request, 400, "invalid-request", detail=detail)
