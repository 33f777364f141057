"""The gateway's authorization server metadata (RFC 8414)."""

from gateway import responses
from gateway.authserver.server import AuthServer
from gateway.credentials.apps import App, Apps
from gateway.endpoints.app_grants import EXCHANGE
from gateway.endpoints.device_grant import DEVICE
from gateway.endpoints.openid_metadata import openid_members
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.message.response import Response

_WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def issuer_of(request: Request) -> str:
    """The gateway's issuer identifier as an authorization server, on the requested host."""
    return request.public_url + OWN_PREFIX


def inserted_paths(request: Request) -> tuple[str, ...]:
    """Where sections 3.1 and 5 put the document for an issuer with a path.

    OpenID Connect Discovery puts it under the prefix, and we serve it there too.  These cannot
    clash with an app, as they end in our own prefix.
    """
    return tuple(it + own_path(request, OWN_PREFIX) for it in _WELL_KNOWN)


class AuthorizationServer:
    """Handler of the metadata document."""

    def __init__(self, apps: Apps | None, server: AuthServer | None, *, introspects: bool) -> None:
        self._apps = {} if apps is None else {app.name: app for app in apps.known.values()}
        self._server = server
        self._introspects = introspects

    async def tell(self, request: Request, _body: bytes) -> Response:
        """``GET``: the document.

        Raises:
            GatewayError: The provider with the authorization endpoint cannot be reached.
        """
        issuer = issuer_of(request)
        document: dict[str, object] = {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "revocation_endpoint": f"{issuer}/revoke",
            "grant_types_supported": [EXCHANGE, "refresh_token"],
            # RFC 8414, section 2, requires the list, and clients refuse an empty one.  Without an
            # authorization endpoint there is no response type.  "none", which is registered and
            # returns neither code nor token (OAuth 2.0 Multiple Response Types, section 4),
            # promises nothing, while "code" would promise an endpoint that does not exist.
            "response_types_supported": ["none"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
        }
        if self._introspects:
            document["introspection_endpoint"] = f"{issuer}/introspect"
        if self._server is not None:
            document |= self._own(issuer, self._server)
        elif (only := self._only_provider()) is not None:
            # An app starts at the provider and exchanges the code here.
            metadata = await only.provider.metadata()
            document |= {
                "authorization_endpoint": metadata.authorization_endpoint,
                "grant_types_supported": ["authorization_code", EXCHANGE, "refresh_token"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }
        return responses.json_answer(request, 200, document)

    def _own(self, issuer: str, server: AuthServer) -> dict[str, object]:
        """What clients of the gateway's own ``authorize`` must know."""
        clients = server.clients.configured.values()
        methods = ["none", "client_secret_basic", "client_secret_post"]
        if any(client.keys for client in clients):
            methods.append("private_key_jwt")
        more = [EXCHANGE] if self._apps else []
        ways_in: dict[str, object] = {}
        if server.takes_documents:
            ways_in["client_id_metadata_document_supported"] = True
        if server.registrations is not None:
            ways_in["registration_endpoint"] = f"{issuer}/register"
        if server.serves_devices:
            more.append(DEVICE)
            # RFC 8628, section 4.
            ways_in["device_authorization_endpoint"] = f"{issuer}/device_authorization"
        return {
            **ways_in,
            "authorization_endpoint": f"{issuer}/authorize",
            "grant_types_supported": ["authorization_code", *more, "refresh_token"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            # MCP clients refuse to go on without it.
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            # RFC 9207, section 3.
            "authorization_response_iss_parameter_supported": True,
            **openid_members(issuer, clients),
        }

    def _only_provider(self) -> App | None:
        """An app that exchanges codes, if all such apps have the same provider; else None."""
        found = [app for app in self._apps.values() if app.redirect_uris]
        names = {app.provider.registration.name for app in found}
        return found[0] if len(names) == 1 else None
