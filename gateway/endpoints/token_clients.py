"""Whose tokens there are: apps that sign in at a provider, and clients that sign in here."""

from gateway.authserver.server import AuthServer
from gateway.credentials.apps import Apps
from gateway.credentials.tokens import TokenFamilies


class TokenClients:
    """See the module.

    Attributes:
        tokens: The tokens of them all.
    """

    def __init__(self, tokens: TokenFamilies, apps: Apps | None, server: AuthServer | None) -> None:
        self.tokens = tokens
        self._apps = {} if apps is None else apps.known
        self._clients = None if server is None else server.clients

    def name_of(self, client_id: str) -> str | None:
        """The name under which the sessions of `client_id` are kept; None if it has none."""
        app = self._apps.get(client_id)
        if app is not None:
            return app.name
        if self._clients is not None and self._clients.may_know(client_id):
            return client_id
        return None
