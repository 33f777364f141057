"""Redeems the gateway's own authorization codes (RFC 6749, section 4.1.3)."""

from dataclasses import replace

from gateway.authserver.client import Client
from gateway.authserver.codes import CODE_S
from gateway.authserver.grant import Grant, proves
from gateway.authserver.server import AuthServer
from gateway.credentials.tokens import Issued
from gateway.endpoints.oauth import OAuthError, required, take_turn
from gateway.message.request import Request
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import ProviderTokens
from gateway.storage.store import Clock


class CodeGrant:
    """Gives tokens for a code, once."""

    def __init__(self, server: AuthServer, browsers: SessionManager, clock: Clock) -> None:
        """Give tokens of `server` for what people granted in the sessions of `browsers`."""
        self._server = server
        self._browsers = browsers
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
            await self._end(found.used_for)
            raise OAuthError("invalid_grant", "code-reused")
        grant = found.grant
        self._judge(grant, form, client)
        await self._server.clients.note_use(client.client_id)
        issued = await self._server.tokens.issue(
            replace(grant.session.as_proven, scopes=grant.scopes, routes=grant.routes),
            ProviderTokens(),
            client=client.client_id,
            device=device,
            ip=request.client,
            provider_sid=grant.provider_sid,
            resources=grant.resources,
        )
        if await self._has_left(grant):
            # Asked once the tokens are stored, because from then on a sign-out finds them.
            await self._end(issued.session.session_id)
            raise OAuthError("invalid_grant", "session-expired", detail="signed out meanwhile")
        if not await codes.use(code, found, issued.session.session_id):
            # Two requests at once: nobody can tell which is the thief's, so neither gets anything.
            await self._end(issued.session.session_id)
            again = await codes.find(code)
            await self._end(None if again is None else again.used_for)
            raise OAuthError("invalid_grant", "code-reused")
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

    async def _has_left(self, grant: Grant) -> bool:
        """Whether the session in the browser was ended since the code was given."""
        session_id, now = grant.session.session_id, self._clock()
        return await self._browsers.had_left(session_id, grant.issued_at, now)

    async def _end(self, session_id: str | None) -> None:
        if session_id is not None:
            await self._server.tokens.sessions.end_by_id(session_id)
