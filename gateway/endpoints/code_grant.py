"""Redeems the gateway's own authorization codes (RFC 6749, section 4.1.3)."""

import secrets
from dataclasses import replace

from gateway.authserver.client import Client
from gateway.authserver.codes import CODE_S
from gateway.authserver.grant import OFFLINE, Grant, proves
from gateway.authserver.person_claims import OPENID, subject_of
from gateway.authserver.server import AuthServer
from gateway.authserver.sign_ins import SignIn
from gateway.credentials.tokens import Issued
from gateway.endpoints.oauth import OAuthError, required, take_turn
from gateway.message.request import Request
from gateway.model import Identity
from gateway.sessions.session import ProviderTokens
from gateway.storage.store import Clock

_SID_BYTES = 16


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
            await self._end(found.used_for)
            raise OAuthError("invalid_grant", "code-reused")
        grant = found.grant
        self._judge(grant, form, client)
        await self._server.clients.note_use(client.client_id)
        sid = secrets.token_urlsafe(_SID_BYTES)
        issued = await self._server.tokens.issue(
            _identity(grant),
            ProviderTokens(),
            client=client.client_id,
            device=device,
            ip=request.client,
            provider_sid=grant.provider_sid,
            resources=grant.resources,
            sign_in=(sid, grant.issuer),
        )
        await self._keep(grant, issued, sid)
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

    async def _keep(self, grant: Grant, issued: Issued, sid: str) -> None:
        """Bind the tokens to the browser's session, if that still lasts."""
        session, sign_ins = grant.session, self._server.sign_ins
        sign_in = SignIn(
            sid=sid,
            client=grant.client,
            issuer=grant.issuer,
            subject=subject_of(issued.session.identity),
            browser=session.session_id,
            browser_since=session.created_at,
            tokens=issued.session.session_id,
            has_id_token=OPENID in grant.scopes,
            ends_tokens=OFFLINE not in grant.scopes,
        )
        await sign_ins.add(sign_in)
        # Asked after it was kept: if the session ends from now on, so do the tokens.
        if await sign_ins.is_live(session.session_id):
            return
        # Perhaps the person has only signed in again since.
        successor = await sign_ins.successor(session.session_id, sign_in.subject)
        if successor is not None:
            await sign_ins.add(replace(sign_in, browser=successor))
            if await sign_ins.is_live(successor):
                return
        await sign_ins.forget(sid)
        await self._end(issued.session.session_id)
        raise OAuthError("invalid_grant", "session-expired", detail="signed out meanwhile")

    async def _end(self, session_id: str | None) -> None:
        if session_id is not None:
            await self._server.tokens.sessions.end_by_id(session_id)


def _identity(grant: Grant) -> Identity:
    """Who the tokens stand for: the person of the browser's session, with the client's scopes."""
    session = grant.session
    identity = replace(session.as_proven, scopes=grant.scopes, routes=grant.routes)
    if OPENID not in grant.scopes:
        return identity
    # The tokens' own session is newer than the sign-in.
    signed_in_at = identity.authenticated_at or int(session.created_at)
    return replace(identity, authenticated_at=signed_in_at)
