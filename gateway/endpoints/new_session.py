"""Starts the session after a sign-in, and sets its cookie."""

import html

from gateway import responses
from gateway.authn.session import MAX_VALUES
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import count_sign_in
from gateway.errors import StoreUnavailableError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.model import Identity
from gateway.sessions.device import device_name
from gateway.sessions.session import ProviderTokens, Session

NO_TOKENS = ProviderTokens()


async def begin_session(
    deps: Deps,
    request: Request,
    identity: Identity,
    return_to: str,
    fields: FieldList = (),
    *,
    tokens: ProviderTokens = NO_TOKENS,
    provider_session: str | None = None,
) -> Response:
    """Start a session for `identity`, and redirect the browser to `return_to`.

    The response also has `fields`.  `provider_session` is the provider's ``sid``.

    Raises:
        StoreUnavailableError: The session could not be saved, or a replaced one not ended.
    """
    session, fields = await _begin(
        deps, request, identity, fields, tokens=tokens, provider_session=provider_session
    )
    if deps.cookies.same_site == "strict":
        response = from_own_page(return_to, fields)
    else:
        response = responses.redirect(request, return_to, fields=fields)
    return response.about(session.identity)


async def begin_session_for_script(
    deps: Deps, request: Request, identity: Identity, return_to: str, fields: FieldList = ()
) -> Response:
    """As `begin_session`, for a script of our own page that goes to `return_to` itself."""
    session, fields = await _begin(deps, request, identity, fields)
    answer = responses.json_answer(request, 200, {"return_to": return_to}, fields=fields)
    return answer.about(session.identity)


async def _begin(
    deps: Deps,
    request: Request,
    identity: Identity,
    fields: FieldList,
    *,
    tokens: ProviderTokens = NO_TOKENS,
    provider_session: str | None = None,
) -> tuple[Session, FieldList]:
    now = deps.clock()
    cookie, session = await deps.sessions.create(
        identity,
        tokens,
        provider_sid=provider_session,
        ip=request.client,
        device=device_name(request.fields.text(b"user-agent")),
        now=now,
        # Sessions that the browser already had are ended, which prevents session fixation.
        replaces=deps.session_cookies(request)[:MAX_VALUES],
    )
    deps.on_sign_in(identity.provider, "success")
    return session, (
        deps.cookies.session_cookie(request, cookie),
        *fields,
        *count_sign_in(request, deps.cookies, deps.sessions.sealer, now),
        *await _app_cookies(deps, request, session, now),
    )


async def _app_cookies(deps: Deps, request: Request, session: Session, now: float) -> FieldList:
    """The fields that adapt the app's cookies to the user who signed in."""
    app_cookies = deps.app_cookies
    if app_cookies is None:
        return ()
    before, had_left = app_cookies.session_before(request), False
    if before is not None:
        try:
            had_left = await deps.sessions.had_left(*before, now)
        except StoreUnavailableError:
            had_left = True  # Unknown, so assume a sign-out and drop the cookies.
    return app_cookies.signed_in(request, session, had_left=had_left)


def from_own_page(location: str, fields: FieldList) -> Response:
    """Continue to `location` with a page instead of a redirect.

    Browsers do not send SameSite=Strict cookies with a redirect chain that began at the provider,
    but do with a navigation from our own page (RFC 6265bis, section 5.2.1).
    """
    link = html.escape(location, quote=True)
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>'
        f'<p>You are signed in. <a href="{link}">Continue</a></p></html>'
    )
    about = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        ("Refresh", f"0; url={location}"),
        responses.NO_STORE,
    )
    return Response(200, (*about, *fields), body.encode())
