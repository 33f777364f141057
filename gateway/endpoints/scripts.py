"""The scripts of the gateway's pages."""

from gateway.endpoints.deps import Handler
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.pages import script

_FIELDS = (
    ("Content-Type", "text/javascript; charset=utf-8"),
    ("Cache-Control", "public, max-age=3600"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def serve_script(name: str) -> Handler:
    """The endpoint that serves the script `name`."""

    async def serve(request: Request, _body: bytes) -> Response:
        return Response(200, _FIELDS, b"" if request.method == "HEAD" else script(name))

    return serve
