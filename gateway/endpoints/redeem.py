"""Gives tokens for what a person granted, once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.authserver.grant import Grant
from gateway.credentials.tokens import Issued, TokenFamilies
from gateway.endpoints.oauth import OAuthError
from gateway.message.request import Request
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import ProviderTokens


async def redeem(
    tokens: TokenFamilies,
    request: Request,
    grant: Grant,
    device: str,
    has_left: Callable[[], Awaitable[bool]],
    use: Callable[[str], Awaitable[bool]],
    used_for: Callable[[], Awaitable[str | None]],
) -> Issued:
    """Tokens for `grant`.

    `has_left` tells whether the person has signed out since; `use` marks it as used for a session,
    False if another request was first; `used_for` finds the session of that one.

    Raises:
        OAuthError: The person has signed out, or another request was first.
        StoreUnavailableError: The store could not answer.
    """
    issued = await tokens.issue(
        replace(grant.session.as_proven, scopes=grant.scopes, routes=grant.routes),
        ProviderTokens(),
        client=grant.client,
        device=device,
        ip=request.client,
        provider_sid=grant.provider_sid,
        resources=grant.resources,
    )
    if await has_left():
        # Asked once the tokens are stored, because from then on a sign-out finds them.
        await tokens.sessions.end_by_id(issued.session.session_id)
        raise OAuthError("invalid_grant", "session-expired", detail="signed out meanwhile")
    if not await use(issued.session.session_id):
        # Two requests at once: nobody can tell which is the thief's, so neither gets anything.
        await tokens.sessions.end_by_id(issued.session.session_id)
        raise await reused(tokens, await used_for())
    return issued


async def has_left(browsers: SessionManager, grant: Grant, now: float) -> bool:
    """Whether the session in the browser was ended since it gave `grant`."""
    return await browsers.had_left(grant.session.session_id, grant.issued_at, now)


async def reused(tokens: TokenFamilies, session_id: str | None) -> OAuthError:
    """End what a code gave that came back (RFC 9700, section 2.1.1), and refuse it."""
    if session_id is not None:
        await tokens.sessions.end_by_id(session_id)
    return OAuthError("invalid_grant", "code-reused")
