"""The gateway's documents under ``/.well-known``, outside its own prefix."""

from gateway.endpoints.authorization_server import AuthorizationServer, inserted_paths
from gateway.endpoints.cross_origin import from_anywhere
from gateway.endpoints.deps import Handler
from gateway.endpoints.protected_resource import ProtectedResource
from gateway.message.request import Request

PREFIX = "/.well-known/"


class WellKnown:
    """The gateway's documents; other paths belong to the app."""

    def __init__(
        self, resource: ProtectedResource | None, server: AuthorizationServer | None
    ) -> None:
        self._resource = resource
        self._server = server

    def find(self, request: Request) -> Handler | None:
        """The handler of `request`, for a path under `PREFIX`; None if it has no document."""
        path = request.target.path
        if path in inserted_paths(request) and not request.target.is_ambiguous:
            if self._server is None:
                return None
            methods = from_anywhere(GET=self._server.tell, HEAD=self._server.tell)
            return methods.get(request.method)
        return None if self._resource is None else self._resource.find(request)
