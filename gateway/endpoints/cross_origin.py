"""Endpoints for scripts of any origin, because they read no cookie (Fetch, section 3.3)."""

from gateway import responses
from gateway.endpoints.deps import Handler
from gateway.message.request import Request
from gateway.message.response import Response

# Never with credentials: a cookie or a client certificate proves nothing here.
_ANYWHERE = (("Access-Control-Allow-Origin", "*"),)
# Scripts may read why they were refused.
_EXPOSED = (("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),)
_A_DAY_S = 86400


def from_anywhere(**handlers: Handler) -> dict[str, Handler]:
    """The handlers by method, for scripts of any origin, with one for their preflights."""
    allowed = ", ".join(handlers)
    return {
        **{method: _readable(handler) for method, handler in handlers.items()},
        "OPTIONS": _preflight(allowed),
    }


def _readable(handler: Handler) -> Handler:
    async def call(request: Request, body: bytes) -> Response:
        response = await handler(request, body)
        return response.adding(*_ANYWHERE, *_EXPOSED)

    return call


def _preflight(methods: str) -> Handler:
    fields = (
        *_ANYWHERE,
        ("Access-Control-Allow-Methods", methods),
        # MCP clients add MCP-Protocol-Version; Authorization is never covered by a star.
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, *"),
        ("Access-Control-Max-Age", str(_A_DAY_S)),
    )

    async def call(_request: Request, _body: bytes) -> Response:
        return Response(204, (*fields, responses.NO_STORE))

    return call
