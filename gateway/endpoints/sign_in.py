"""Sign-in pages and the two ends of the code flow: ``sign-in``, ``login``, ``callback``."""

import html
import logging
from dataclasses import replace
from urllib.parse import urlencode

from gateway import responses
from gateway.accounts.owner import UserTakenError
from gateway.authn.session import MAX_VALUES
from gateway.credentials.provider_tokens import kept_tokens
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import (
    KeptFlow,
    Note,
    browser_mark,
    count_sign_in,
    goes_in_circles,
    keep_flow,
    kept_flows,
    open_note,
    seal_note,
)
from gateway.endpoints.parameters import SignInRequest, read_sign_in_request
from gateway.errors import ProviderUnavailableError, StoreUnavailableError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.return_to import safe_return_to
from gateway.oidc.errors import (
    SignInError,
    SignInLoopError,
    StateMismatchError,
    UnknownProviderError,
)
from gateway.oidc.flow import read_parameters
from gateway.oidc.provider import Provider, SignedIn
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.pages import fragment_script
from gateway.sessions.device import device_name
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)

_SCRIPT_PATH = "/_gatepost/keep-fragment.js"
_ANSWER = ("state", "code", "iss", "error", "error_description")
_MAX_FORM_BYTES = 16 * 1024


class SignIn:
    """Handlers of everything between "who are you" and a session.

    Nothing of one sign-in is kept here: its state travels with its own browser.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def choose(self, request: Request, _body: bytes) -> Response:
        """``GET sign-in``: the choice of providers, or straight on where there is only one."""
        asked = _asked(request)
        providers = self._deps.providers
        if len(providers) == 1:
            return await self._begin(request, next(iter(providers.values())), asked)
        offered = [
            {"url": f"{responses.LOGIN_PATH}{name}?{asked.query()}", "label": p.registration.label}
            for name, p in providers.items()
        ]
        return responses.page(
            request,
            200,
            "sign-in",
            problem=None,
            script_url=_SCRIPT_PATH,
            local=False,
            sign_in_action=responses.SIGN_IN_PATH,
            return_to=asked.return_to,
            username="",
            providers=offered,
        )

    async def script(self, request: Request, _body: bytes) -> Response:
        """``GET keep-fragment.js``: the one script of the gateway's pages."""
        fields = (
            ("Content-Type", "text/javascript; charset=utf-8"),
            ("Cache-Control", "public, max-age=3600"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        )
        return Response(200, fields, b"" if request.method == "HEAD" else fragment_script())

    async def arrived(self, request: Request, _body: bytes) -> Response:
        """``GET signed-in``: the end of a sign-in that another tab waits for."""
        session = await self._deps.session(request)
        if session is None:
            location = responses.sign_in_location(request, responses.SIGNED_IN_PATH)
            return responses.redirect(request, location)
        identity = session.identity
        return responses.page(
            request, 200, "signed-in", name=identity.name or identity.user, home_url="/"
        )

    async def login(self, request: Request, provider_name: str) -> Response:
        """``GET login/{provider}``: on to the provider, with a new flow."""
        provider = self._deps.providers.get(provider_name)
        if provider is None:
            raise UnknownProviderError(f"no provider {provider_name!r}")
        return await self._begin(request, provider, _asked(request))

    async def callback(self, request: Request, provider_name: str, body: bytes) -> Response:
        """``GET`` or ``POST callback/{provider}``: the provider's answer becomes a session."""
        provider = self._deps.providers.get(provider_name)
        if provider is None:
            raise UnknownProviderError(f"no provider {provider_name!r}")
        if request.method == "POST":
            return _as_navigation(request, body)
        try:
            parameters = read_parameters(request.target.query)
        except StateMismatchError as error:
            return await self._without_flow(request, provider, error)
        state, _, sealed = parameters.get("state", "").partition(".")
        parameters["state"] = state
        flows = kept_flows(request, self._deps.cookies, self._deps.sessions.sealer)
        kept = next((it for it in flows if it.flow.state == state), None)
        if kept is None:
            unknown = StateMismatchError("this browser has no flow of that state")
            uri = _redirect_uri(request, provider)
            note = open_note(self._deps.sessions.sealer, uri, sealed)
            is_ours = note is not None and any(it.browser == note.browser for it in flows)
            may_retry = is_ours and "error" not in parameters
            return await self._without_flow(request, provider, unknown, note, may_retry=may_retry)
        try:
            signed_in = await self._with_account(
                await finish_sign_in(provider, kept.flow, parameters)
            )
        except (SignInError, UserTakenError, ProviderUnavailableError) as error:
            cleared = self._deps.cookies.no_own_cookie(request, kept.cookie)
            return self._failed(request, provider, error, kept.flow.return_to, (cleared,))
        return await self._succeeded(request, signed_in, kept)

    async def _with_account(self, signed_in: SignedIn) -> SignedIn:
        accounts = self._deps.accounts
        if accounts is None:
            return signed_in
        return replace(signed_in, identity=await accounts.sign_in(signed_in.identity))

    async def _without_flow(
        self,
        request: Request,
        provider: Provider,
        error: StateMismatchError,
        note: Note | None = None,
        *,
        may_retry: bool = False,
    ) -> Response:
        """The answer to a callback whose flow this browser does not have, or has no more."""
        return_to = "/" if note is None else safe_return_to(note.return_to)
        if await self._deps.session(request) is not None:
            # A sign-in in another tab was quicker, a callback is loaded again, or the back button.
            return responses.redirect(request, return_to)
        if not may_retry:
            return self._failed(request, provider, error)
        # Nothing of this answer is used.  The provider still knows the person, so nobody notices
        # another round; it is the last one, since its state comes without a note.
        return await self._begin(request, provider, SignInRequest(return_to), is_retry=True)

    async def _begin(
        self, request: Request, provider: Provider, asked: SignInRequest, *, is_retry: bool = False
    ) -> Response:
        deps = self._deps
        name = provider.registration.name
        sealer = deps.sessions.sealer
        if goes_in_circles(request, deps.cookies, sealer, deps.clock()):
            deps.on_sign_in(name, SignInLoopError.reason)
            return responses.problem(
                request,
                SignInLoopError.status,
                SignInLoopError.reason,
                sign_in=responses.sign_in_location(request, asked.return_to),
            )
        uri = _redirect_uri(request, provider)
        browser = browser_mark(kept_flows(request, deps.cookies, sealer))
        note = "" if is_retry else seal_note(sealer, uri, Note(browser, asked.return_to))
        try:
            flow, location = await begin_sign_in(
                provider,
                uri,
                asked.return_to,
                max_age_s=asked.max_age_s,
                acr=asked.acr,
                note=note,
                other_account=asked.other_account,
            )
        except (SignInError, ProviderUnavailableError) as error:
            return self._failed(request, provider, error, asked.return_to)
        fields = keep_flow(request, deps.cookies, sealer, flow, browser)
        return responses.redirect(request, location, fields=fields)

    def _failed(
        self,
        request: Request,
        provider: Provider,
        error: SignInError | UserTakenError | ProviderUnavailableError,
        return_to: str = "/",
        fields: FieldList = (),
    ) -> Response:
        name = provider.registration.name
        _log.warning("%s: sign-in at %s: %s: %s", request.request_id, name, error.reason, error)
        self._deps.on_sign_in(name, error.reason)
        return responses.problem(
            request,
            error.status,
            error.reason,
            sign_in=responses.sign_in_location(request, return_to),
            fields=fields,
        )

    async def _succeeded(self, request: Request, signed_in: SignedIn, kept: KeptFlow) -> Response:
        deps = self._deps
        now = deps.clock()
        cookie, session = await deps.sessions.create(
            signed_in.identity,
            kept_tokens(signed_in.tokens),
            provider_sid=signed_in.provider_session,
            ip=request.client,
            device=device_name(request.fields.text(b"user-agent")),
            now=now,
            # The cookies it brought are dropped, so that an attacker cannot fix its session.
            replaces=deps.session_cookies(request)[:MAX_VALUES],
        )
        deps.on_sign_in(signed_in.identity.provider, "success")
        fields = (
            deps.cookies.session_cookie(request, cookie),
            deps.cookies.no_own_cookie(request, kept.cookie),
            *count_sign_in(request, deps.cookies, deps.sessions.sealer, now),
            *await self._app_cookies(request, session, now),
        )
        if deps.cookies.same_site == "strict":
            return _from_our_own_page(kept.flow.return_to, fields)
        return responses.redirect(request, kept.flow.return_to, fields=fields)

    async def _app_cookies(self, request: Request, session: Session, now: float) -> FieldList:
        app_cookies = self._deps.app_cookies
        if app_cookies is None:
            return ()
        before, had_left = app_cookies.session_before(request), False
        if before is not None:
            try:
                had_left = await self._deps.sessions.had_left(*before, now)
            except StoreUnavailableError:
                had_left = True  # What may be gone is gone.
        return app_cookies.signed_in(request, session, had_left=had_left)


def _asked(request: Request) -> SignInRequest:
    asked = read_sign_in_request(request.target.query)
    if asked.dropped:
        _log.warning(
            "%s: return_to of %d characters is too long or no path of this host: / instead",
            request.request_id,
            asked.dropped,
        )
    return asked


def _redirect_uri(request: Request, provider: Provider) -> str:
    return f"{request.public_url}/_gatepost/callback/{provider.registration.name}"


def _as_navigation(request: Request, body: bytes) -> Response:
    """Have the browser bring a ``form_post`` answer again by GET.

    The provider's form is a POST from another site, so Lax cookies, the flow among them, did not
    come with it; with the GET they do (OAuth 2.0 Form Post Response Mode, section 2).
    """
    try:
        text = body[:_MAX_FORM_BYTES].decode("ascii")
    except UnicodeDecodeError as error:
        raise StateMismatchError("the form cannot be read") from error
    parameters = read_parameters(text)
    kept = {name: parameters[name] for name in _ANSWER if name in parameters}
    return responses.redirect(request, f"{request.target.path}?{urlencode(kept)}")


def _from_our_own_page(location: str, fields: FieldList) -> Response:
    """On to `location` by a page of ours.

    SameSite=Strict cookies do not go with a redirect whose chain began at the provider; they go
    with what our own page starts (RFC 6265bis, section 5.2.1).
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
