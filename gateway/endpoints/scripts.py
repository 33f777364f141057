"""The scripts of the gateway's pages."""

from collections.abc import Callable

from gateway.endpoints.deps import Handler
from gateway.message.request import Request
from gateway.message.response import Response

_FIELDS = (
    ("Content-Type", "text/javascript; charset=utf-8"),
    ("Cache-Control", "public, max-age=3600"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def script(read: Callable[[], bytes]) -> Handler:
    """The endpoint that serves what `read` gives."""

    async def serve(request: Request, _body: bytes) -> Response:
        return Response(200, _FIELDS, b"" if request.method == "HEAD" else read())

    return serve
