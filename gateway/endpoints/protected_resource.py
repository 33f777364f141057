"""``/.well-known/oauth-protected-resource``: the accepted token issuers (RFC 9728).

A client, such as an MCP client, that knows only the URL that refused it finds the issuer with this
document.  RFC 9728 requires a path outside the gateway's own prefix.
"""

from collections.abc import Callable, Collection, Sequence

from gateway import responses
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.deps import Handler
from gateway.message.public_url import base_of, covers, origin_of
from gateway.message.request import Request
from gateway.message.response import Response

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_BELOW = WELL_KNOWN + "/"
# The document is public, and browser clients may have any origin.  MCP clients add a field that
# causes a preflight (Fetch standard, section 3.2.3).
_ANYWHERE = (("Access-Control-Allow-Origin", "*"),)
_PREFLIGHT = (
    *_ANYWHERE,
    ("Access-Control-Allow-Methods", "GET"),
    ("Access-Control-Allow-Headers", "*"),
)


class ProtectedResource:
    """The documents: one for the host as a whole, and one for each path below it."""

    def __init__(
        self,
        issuers: Sequence[str],
        scopes: Sequence[str],
        accepted: Callable[[str, str], Collection[str]],
    ) -> None:
        """Name the `issuers` of bearer tokens, and the `scopes` that rules ask for.

        `accepted` returns the kinds of credential accepted on a host and path; ``""`` as the path
        means any path.
        """
        self._issuers = tuple(issuers)
        self._document: dict[str, object] = {"bearer_methods_supported": ["header"]}
        if scopes:
            self._document["scopes_supported"] = list(scopes)
        self._accepted = accepted

    def find(self, request: Request) -> Handler | None:
        """The handler of `request`; None if it is for no such document."""
        path = request.target.path
        if path != WELL_KNOWN and not path.startswith(_BELOW):
            return None
        if request.target.is_ambiguous or not request.target.raw.startswith(WELL_KNOWN.encode()):
            return None
        if not covers(base_of(request.public_url), _resource(path)) or not self._servers(request):
            return None
        if request.method == "OPTIONS":
            return self._preflight
        return self._tell if request.method in ("GET", "HEAD") else None

    async def _tell(self, request: Request, _body: bytes) -> Response:
        # As requested, so that the client sees its own resource URL (RFC 9728, section 3.3).
        sent = request.target.raw.partition(b"?")[0].decode("ascii", "replace")
        resource = origin_of(request.public_url) + _resource(sent)
        servers = self._servers(request)
        document = {"resource": resource, "authorization_servers": servers, **self._document}
        return responses.json_answer(request, 200, document, fields=_ANYWHERE)

    def _servers(self, request: Request) -> list[str]:
        """Issuers of tokens accepted at the resource that `request` asks about; may be empty."""
        asked, base = _resource(request.target.path), base_of(request.public_url)
        kinds = self._accepted(request.host, "" if asked in (base, base + "/") else asked)
        issuers = self._issuers if "bearer" in kinds else ()
        own = (issuer_of(request),) if "token" in kinds else ()
        return [*issuers, *own]

    async def _preflight(self, _request: Request, _body: bytes) -> Response:
        return Response(204, (*_PREFLIGHT, responses.NO_STORE))


def _resource(path: str) -> str:
    """The resource path for the document at `path`; ``""`` for the host as a whole."""
    resource = path.removeprefix(WELL_KNOWN)
    return "" if resource == "/" else resource
