"""``device_authorization``: starts a sign-in that a person completes elsewhere (RFC 8628, 3.1)."""

from urllib.parse import urlencode

from gateway import responses
from gateway.authserver.client import Client
from gateway.authserver.devices import INTERVAL_S, LIFETIME_S, DeviceRequest
from gateway.authserver.judge import find_resources, require_scopes
from gateway.authserver.request import (
    AuthorizationError,
    InvalidAuthorizationRequestError,
    Parameters,
    read_once,
    read_parameters,
    read_resources,
    read_scopes,
)
from gateway.authserver.server import AuthServer
from gateway.authserver.user_code import shown_user_code
from gateway.credentials.throttle import Throttle
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.client_assertion import ClientAssertions
from gateway.endpoints.client_proof import ClientProofs, read_claimed
from gateway.endpoints.deps import Deps
from gateway.endpoints.oauth import OAuthError, device_of, refusal, require_form, take_turn
from gateway.message.public_url import OWN_PREFIX
from gateway.message.request import Request
from gateway.message.response import Response

DEVICE_AUTHORIZATION_PATH = f"{OWN_PREFIX}/device_authorization"
DEVICE_PATH = f"{OWN_PREFIX}/device"


class DeviceAuthorization:
    """Handler of ``device_authorization``."""

    def __init__(self, deps: Deps, server: AuthServer) -> None:
        self._deps = deps
        self._server = server
        self._proofs = ClientProofs(server.tokens.wrong, ClientAssertions(deps.store, deps.clock))
        # Each request writes to the store, and anybody may send one.
        self._asked = Throttle()

    async def start(self, request: Request, body: bytes) -> Response:
        """``POST`` of a form: 200 with a device code and a user code, or an OAuth error."""
        try:
            return await self._start(request, body)
        except AuthorizationError as wrong:
            return refusal(request, OAuthError(wrong.error, about=wrong.about))
        except OAuthError as refused:
            return refusal(request, refused)

    async def _start(self, request: Request, body: bytes) -> Response:
        require_form(request)
        parameters = _read(body)
        form = read_once(parameters)
        client = await self._client(request, form)
        scopes, urls = read_scopes(form.get("scope")), read_resources(parameters)
        # Now, so that the device is told, and not the person.
        resources = find_resources(self._server.resources, request, urls)
        require_scopes(client, scopes, resources)
        take_turn(self._asked, request)
        issuer = issuer_of(request)
        device_code, user_code = await self._server.devices.issue(
            DeviceRequest(
                issuer=issuer,
                client=client.client_id,
                scopes=scopes,
                resources=urls,
                ip=request.client,
                device=device_of(request, form),
                asked_at=self._deps.clock(),
            )
        )
        shown = shown_user_code(user_code)
        page = request.public_url + DEVICE_PATH
        answer = {
            "device_code": device_code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': shown})}",
            "expires_in": LIFETIME_S,
            "interval": INTERVAL_S,
        }
        return responses.json_answer(request, 200, answer)

    async def _client(self, request: Request, form: dict[str, str]) -> Client:
        claimed = read_claimed(request, form)
        # Clients that nobody here has chosen may not: the person sees only the name they gave
        # themselves, and nothing ties the device to it (section 5.4).
        client = self._server.clients.configured.get(claimed.client_id)
        if client is None:
            raise OAuthError("invalid_client", "unknown-client", detail="no such client")
        await self._proofs.prove(request, client, claimed)
        if not client.may_use_devices:
            raise OAuthError("unauthorized_client", "device-not-allowed")
        return client


def _read(body: bytes) -> Parameters:
    try:
        return read_parameters(body.decode("ascii"))
    except (UnicodeDecodeError, InvalidAuthorizationRequestError):
        raise OAuthError("invalid_request", about="the form cannot be read") from None
