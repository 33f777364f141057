"""Redeems the gateway's own authorization codes (RFC 6749, section 4.1.3)."""

from functools import partial

from gateway.authserver.client import Client
from gateway.authserver.codes import CODE_S
from gateway.authserver.grant import Grant, proves
from gateway.authserver.server import AuthServer
from gateway.credentials.tokens import Issued
from gateway.endpoints.oauth import OAuthError, required, take_turn
from gateway.endpoints.redeem import redeem, reused
from gateway.message.request import Request
from gateway.storage.store import Clock


class CodeGrant:
    """Gives tokens for a code, once."""

    def __init__(self, server: AuthServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def redeem(
        self, request: Request, form: dict[str, str], client: Client, device: str
    ) -> tuple[Issued, Grant]:
        """The tokens for the code in `form`, and what was granted.

        Raises:
            OAuthError: The code gives nothing; if it was used before, what it gave has ended.
            StoreUnavailableError: The store could not answer.
        """
        code = required(form, "code")
        wrong = self._server.tokens.wrong
        take_turn(wrong, request)
        with wrong.weigh(request.client, counts=True) as turn:
            issued, grant = await self._redeem(request, form, client, device, code)
            turn.is_bad = False
        self._server.on_tokens(client.origin)
        return issued, grant

    async def _redeem(
        self, request: Request, form: dict[str, str], client: Client, device: str, code: str
    ) -> tuple[Issued, Grant]:
        codes = self._server.codes
        found = await codes.find(code)
        if found is None:
            raise OAuthError("invalid_grant", "unknown-code")
        if found.grant is None:
            raise await reused(self._server.tokens, found.used_for)
        grant = found.grant
        self._judge(grant, form, client)
        await self._server.clients.note_use(client.client_id)
        issued = await redeem(
            self._server,
            request,
            grant,
            device,
            use=partial(codes.use, code, found),
            used_for=partial(self._used_for, code),
        )
        return issued, grant

    def _judge(self, grant: Grant, form: dict[str, str], client: Client) -> None:
        if abs(self._clock() - grant.issued_at) > CODE_S:
            raise OAuthError("invalid_grant", "unknown-code", detail="the code has expired")
        if grant.client != client.client_id:
            raise OAuthError("invalid_grant", "token-of-another-client")
        if form.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            raise OAuthError("invalid_grant", "unknown-redirect-uri", detail="not as at authorize")
        if not proves(required(form, "code_verifier"), grant.challenge):
            raise OAuthError("invalid_grant", "wrong-code-verifier")
        if form.get("resource") not in (None, *grant.resources):
            raise OAuthError("invalid_target", "resource-not-granted")

    async def _used_for(self, code: str) -> str | None:
        found = await self._server.codes.find(code)
        return None if found is None else found.used_for
