"""``/.well-known/oauth-protected-resource``: the accepted token issuers (RFC 9728).

A client, such as an MCP client, that knows only the URL that refused it finds the issuer with this
document.  RFC 9728 requires a path outside the gateway's own prefix.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken at one place.

    Attributes:
        kinds: Kinds of credential.
        scopes: Those that rules ask for.
    """

    kinds: Collection[str]
    scopes: Sequence[str]


class ProtectedResource:
    """The documents: one for the host as a whole, and one for each path below it."""

    def __init__(self, issuers: Sequence[str], taken: Callable[[str, str], Taken]) -> None:
        """Name the `issuers` of bearer tokens.

        `taken` returns what is taken on a host and path; ``""`` as the path means any path.
        """
        self._issuers = tuple(issuers)
        self._taken = taken

    def find(self, request: Request) -> Handler | None:
        """The handler of `request`; None if it is for no such document."""
        path = request.target.path
        if path != WELL_KNOWN and not path.startswith(_BELOW):
            return None
        if request.target.is_ambiguous or not request.target.raw.startswith(WELL_KNOWN.encode()):
            return None
        if not covers(base_of(request.public_url), _resource(path)):
            return None
        if not self._servers(request, self._taken_at(request)):
            return None
        if request.method == "OPTIONS":
            return self._preflight
        return self._tell if request.method in ("GET", "HEAD") else None

    async def _tell(self, request: Request, _body: bytes) -> Response:
        # As requested, so that the client sees its own resource URL (RFC 9728, section 3.3).
        sent = request.target.raw.partition(b"?")[0].decode("ascii", "replace")
        resource = origin_of(request.public_url) + _resource(sent)
        taken = self._taken_at(request)
        document: dict[str, object] = {
            "resource": resource,
            "authorization_servers": self._servers(request, taken),
            "bearer_methods_supported": ["header"],
        }
        if taken.scopes:
            document["scopes_supported"] = list(taken.scopes)
        return responses.json_answer(request, 200, document, fields=_ANYWHERE)

    def _taken_at(self, request: Request) -> Taken:
        """What is taken at the resource that `request` asks about."""
        asked, base = _resource(request.target.path), base_of(request.public_url)
        return self._taken(request.host, "" if asked in (base, base + "/") else asked)

    def _servers(self, request: Request, taken: Taken) -> list[str]:
        """Issuers of the tokens that are taken; may be empty."""
        issuers = self._issuers if "bearer" in taken.kinds else ()
        own = (issuer_of(request),) if "token" in taken.kinds else ()
        return [*issuers, *own]

    async def _preflight(self, _request: Request, _body: bytes) -> Response:
        return Response(204, (*_PREFLIGHT, responses.NO_STORE))


def _resource(path: str) -> str:
    """The resource path for the document at `path`; ``""`` for the host as a whole."""
    resource = path.removeprefix(WELL_KNOWN)
    return "" if resource == "/" else resource
