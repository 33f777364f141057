"""``token``: gives the gateway's own tokens, and renews them (RFC 6749, section 3.2)."""

from collections.abc import Sequence

from gateway import responses
from gateway.authserver.client import Client
from gateway.authserver.person_claims import OPENID
from gateway.authserver.server import AuthServer
from gateway.credentials.apps import App, Apps
from gateway.credentials.tokens import Issued, TokenFamilies
from gateway.endpoints.app_grants import ACCESS_TOKEN, EXCHANGE, AppGrants
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.client_assertion import ClientAssertions
from gateway.endpoints.client_proof import Claimed, ClientProofs, read_claimed
from gateway.endpoints.code_grant import CodeGrant
from gateway.endpoints.deps import Deps
from gateway.endpoints.device_grant import DEVICE, DeviceGrant
from gateway.endpoints.oauth import OAuthError, device_of, read_oauth_form, refusal, required
from gateway.endpoints.refresh_grant import RefreshGrant
from gateway.message.request import Request
from gateway.message.response import Response

_CODE, _REFRESH = "authorization_code", "refresh_token"
OF_APPS = (_CODE, EXCHANGE, _REFRESH)
OF_CLIENTS = (_CODE, DEVICE, _REFRESH)


class TokenEndpoint:
    """Handler of ``token``, for apps and for clients of the authorization server."""

    def __init__(
        self, deps: Deps, tokens: TokenFamilies, apps: Apps | None, server: AuthServer | None
    ) -> None:
        """Give tokens to `apps`, and to the clients of `server`; renew `tokens` of both."""
        self._apps = {} if apps is None else apps.known
        self._clients = None if server is None else server.clients
        self._id_tokens = None if server is None else server.id_tokens
        self._app_grants = None if apps is None else AppGrants(deps, apps)
        self._proofs = ClientProofs(tokens.wrong, ClientAssertions(deps.store, deps.clock))
        self._codes = None if server is None else CodeGrant(server, deps.clock)
        self._devices = None if server is None else DeviceGrant(server, deps.clock)
        self._refreshes = RefreshGrant(tokens, None if server is None else server.resources)

    async def grant(self, request: Request, body: bytes) -> Response:
        """``POST`` of a form: 200 with tokens, or an OAuth error."""
        try:
            form = read_oauth_form(request, body)
            grant_type = required(form, "grant_type")
            claimed = read_claimed(request, form)
            app = self._apps.get(claimed.client_id)
            if app is not None:
                _refuse_secret(claimed)
                answer = await self._for_app(request, form, grant_type, app)
            else:
                answer = await self._for_client(request, form, grant_type, claimed)
        except OAuthError as refused:
            return refusal(request, refused)
        return responses.json_answer(request, 200, answer)

    async def _for_app(
        self, request: Request, form: dict[str, str], grant_type: str, app: App
    ) -> dict[str, object]:
        assert self._app_grants is not None  # noqa: S101 - there is an app
        match grant_type:
            case "refresh_token":
                return _answer(await self._refreshes.refresh(request, form, app.name))
            case "authorization_code":
                return _answer(await self._app_grants.relay(request, form, app))
            case _ if grant_type == EXCHANGE:
                issued = await self._app_grants.exchange(request, form, app)
                return _answer(issued) | {"issued_token_type": ACCESS_TOKEN}
        raise _unsupported(OF_APPS)

    async def _for_client(
        self, request: Request, form: dict[str, str], grant_type: str, claimed: Claimed
    ) -> dict[str, object]:
        client = await self._proven(request, claimed)
        match grant_type:
            case "refresh_token":
                name = client.client_id
                issued = await self._refreshes.refresh(request, form, name, client)
                return _answer(issued) | await self._id_token(request, client, issued)
            case "authorization_code" if self._codes is not None:
                device = device_of(request, form)
                issued, grant = await self._codes.redeem(request, form, client, device)
                return _answer(issued) | await self._id_token(request, client, issued, grant.nonce)
            case _ if grant_type == DEVICE and self._devices is not None:
                issued = await self._devices.redeem(request, form, client)
                return _answer(issued) | await self._id_token(request, client, issued)
        raise _unsupported(OF_CLIENTS)

    async def _id_token(
        self, request: Request, client: Client, issued: Issued, nonce: str | None = None
    ) -> dict[str, object]:
        """The member ``id_token``, if the person let the client know who they are."""
        if OPENID not in issued.session.identity.scopes or self._id_tokens is None:
            return {}
        # Clients may redeem codes at an internal address, but know the issuer that they asked.
        issuer = issued.session.sign_in_issuer or issuer_of(request)
        return {"id_token": await self._id_tokens.issue(client, issuer, issued, nonce)}

    async def _proven(self, request: Request, claimed: Claimed) -> Client:
        client = (
            None if self._clients is None else await self._clients.find_to_prove(claimed.client_id)
        )
        if client is None:
            raise OAuthError("invalid_client", "unknown-client", detail="no such client")
        await self._proofs.prove(request, client, claimed)
        return client


def _refuse_secret(claimed: Claimed) -> None:
    """Apps have no secret here: one that sends a secret takes the gateway for another server."""
    if claimed.secret is not None and claimed.is_basic:
        raise OAuthError("invalid_client", "unknown-client", detail="an app brought a secret")


def _unsupported(grants: Sequence[str]) -> OAuthError:
    return OAuthError("unsupported_grant_type", about=f"one of {', '.join(grants)}")


def _answer(issued: Issued) -> dict[str, object]:
    """The token response (RFC 6749, section 5.1; RFC 8693, section 2.2.1)."""
    answer: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in_s,
        "refresh_token": issued.refresh_token,
    }
    if issued.scopes:
        answer["scope"] = " ".join(sorted(issued.scopes))
    return answer
