"""The gateway's documents under ``/.well-known``, outside its own prefix."""

from gateway.endpoints.authorization_server import AuthorizationServer, inserted_path
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
        if path == inserted_path(request) and not request.target.is_ambiguous:
            is_read = request.method in ("GET", "HEAD")
            return self._server.tell if self._server is not None and is_read else None
        return None if self._resource is None else self._resource.find(request)
