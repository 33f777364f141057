"""Gives tokens to a device when the person has signed in elsewhere (RFC 8628, section 3.4)."""

from functools import partial

from gateway.authserver.client import Client
from gateway.authserver.devices import DeviceCode
from gateway.authserver.grant import Grant
from gateway.authserver.server import AuthServer
from gateway.credentials.tokens import Issued
from gateway.endpoints.oauth import OAuthError, device_of, required, take_turn
from gateway.endpoints.redeem import redeem, reused
from gateway.message.request import Request
from gateway.storage.store import Clock

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class DeviceGrant:
    """Gives tokens for a device code, once."""

    def __init__(self, server: AuthServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def redeem(self, request: Request, form: dict[str, str], client: Client) -> Issued:
        """The tokens for the device code in `form`.

        Raises:
            OAuthError: There are none, or not yet (section 3.5).
            StoreUnavailableError: The store could not answer.
        """
        device_code = required(form, "device_code")
        devices, wrong = self._server.devices, self._server.tokens.wrong
        take_turn(wrong, request)
        with wrong.weigh(request.client, counts=True) as turn:
            found = await devices.by_device_code(device_code)
            turn.is_bad = found is None
        if found is None:
            raise OAuthError("invalid_grant", "unknown-code")
        if found.request.client != client.client_id:
            raise OAuthError("invalid_grant", "token-of-another-client")
        grant = await self._granted(found)
        if form.get("resource") not in (None, *grant.resources):
            raise OAuthError("invalid_target", "resource-not-granted")
        issued = await redeem(
            self._server,
            request,
            grant,
            device_of(request, form),
            use=partial(devices.use, found),
            used_for=partial(self._used_for, device_code),
        )
        self._server.on_tokens(client.origin)
        return issued

    async def _granted(self, found: DeviceCode) -> Grant:
        if found.state == "used":
            raise await reused(self._server.tokens, found.used_for)
        if not found.request.is_live(self._clock()):
            raise OAuthError("expired_token", "device-code-expired")
        if found.state == "denied":
            raise OAuthError("access_denied", "device-denied")
        if found.grant is None:
            is_early = await self._server.devices.is_too_early(found)
            error = "slow_down" if is_early else "authorization_pending"
            raise OAuthError(error, "device-polls-too-fast" if is_early else "device-waits")
        return found.grant

    async def _used_for(self, device_code: str) -> str | None:
        found = await self._server.devices.by_device_code(device_code)
        return None if found is None else found.used_for
