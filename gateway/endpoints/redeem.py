"""Gives tokens for what a person granted, once."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.authserver.grant import OFFLINE, Grant
from gateway.authserver.person_claims import OPENID, subject_of
from gateway.authserver.server import AuthServer
from gateway.authserver.sign_ins import SignIn
from gateway.credentials.tokens import Issued, TokenFamilies
from gateway.endpoints.oauth import OAuthError
from gateway.message.request import Request
from gateway.model import Identity
from gateway.sessions.session import ProviderTokens

_SID_BYTES = 16


async def redeem(
    server: AuthServer,
    request: Request,
    grant: Grant,
    device: str,
    use: Callable[[str], Awaitable[bool]],
    used_for: Callable[[], Awaitable[str | None]],
) -> Issued:
    """Tokens for `grant`.

    `use` marks it as used for a session, False if another request was first; `used_for` finds the
    session of that one.

    Raises:
        OAuthError: The person has signed out since, or another request was first.
        StoreUnavailableError: The store could not answer.
    """
    sid = secrets.token_urlsafe(_SID_BYTES)
    issued = await server.tokens.issue(
        _identity(grant),
        ProviderTokens(),
        client=grant.client,
        device=device,
        ip=request.client,
        provider_sid=grant.provider_sid,
        resources=grant.resources,
        sign_in=(sid, grant.issuer),
    )
    await _bind(server, grant, issued, sid)
    if not await use(issued.session.session_id):
        # Two requests at once: nobody can tell which is the thief's, so neither gets anything.
        await server.tokens.sessions.end_by_id(issued.session.session_id)
        raise await reused(server.tokens, await used_for())
    return issued


async def _bind(server: AuthServer, grant: Grant, issued: Issued, sid: str) -> None:
    """Bind the tokens to the browser's session, if that still lasts."""
    session, sign_ins = grant.session, server.sign_ins
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
    await server.tokens.sessions.end_by_id(issued.session.session_id)
    raise OAuthError("invalid_grant", "session-expired", detail="signed out meanwhile")


def _identity(grant: Grant) -> Identity:
    """Who the tokens stand for: the person of the browser's session, with the client's scopes."""
    session = grant.session
    identity = replace(session.as_proven, scopes=grant.scopes, routes=grant.routes)
    if OPENID not in grant.scopes:
        return identity
    # The tokens' own session is newer than the sign-in.
    signed_in_at = identity.authenticated_at or int(session.created_at)
    return replace(identity, authenticated_at=signed_in_at)


async def reused(tokens: TokenFamilies, session_id: str | None) -> OAuthError:
    """End the session of a code that came back (RFC 9700, section 2.1.1); returns the refusal."""
    if session_id is not None:
        await tokens.sessions.end_by_id(session_id)
    return OAuthError("invalid_grant", "code-reused")
