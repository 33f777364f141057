"""Starts a sign-in: ``sign-in``, ``login``, and the pages around them."""

import logging
from collections.abc import Mapping, Sequence

from gateway import responses
from gateway.credentials.local import Local
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import (
    Note,
    browser_mark,
    goes_in_circles,
    keep_flow,
    kept_flows,
    seal_note,
)
from gateway.endpoints.local_step_up import step_up_notice
from gateway.endpoints.parameters import SignInRequest, read_sign_in_request
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.kinds import LDAP, LOCAL
from gateway.message.public_url import OWN_PREFIX, home_of, own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.oidc.errors import SignInError, SignInLoopError, UnknownProviderError
from gateway.oidc.provider import Provider
from gateway.oidc.sign_in import begin_sign_in
from gateway.responses.challenges import challenges

_log = logging.getLogger(__name__)

_UNAUTHORIZED = 401
# The paths of `compatibility: oauth2-proxy`.
OAUTH2_PREFIX = "/oauth2/"


class SignIn:
    """Handlers for the steps before the provider.

    The gateway keeps no state for a sign-in; the flow stays in its browser.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def choose(self, request: Request, _body: bytes) -> Response:
        """``GET sign-in``: the local form and the choice of providers.

        A redirect if there is only one provider, or if the gateway is not set up.
        """
        asked = _asked(request)
        providers, local = self._deps.providers, self._deps.local
        if local is None and len(providers) == 1:
            return await self.begin(request, next(iter(providers.values())), asked)
        by_local_alone = not providers and self._deps.directory is None
        if local is not None and by_local_alone and await self._is_new(local):
            return responses.redirect(request, own_path(request, responses.SETUP_PATH))
        return self.page(
            request,
            asked.return_to,
            username=asked.login_hint or "",
            offered=self._offered(request, asked),
        )

    async def _is_new(self, local: Local) -> bool:
        """Whether nobody has an account, so that a sign-in can lead nowhere."""
        accounts = self._deps.accounts
        if accounts is None or not await local.first_run.is_open():
            return False
        return await accounts.records.count() == 0

    def page(
        self,
        request: Request,
        return_to: str,
        *,
        status: int = 200,
        problem: str | None = None,
        username: str = "",
        set_up_url: str | None = None,
        offered: Sequence[Mapping[str, str]] | None = None,
    ) -> Response:
        """The page with the local form and the providers `offered`, which are all for None."""
        local = self._deps.local is not None
        return responses.page(
            request,
            status,
            "sign-in",
            fields=challenges(request, responses.SESSION_ONLY) if status == _UNAUTHORIZED else (),
            problem=problem,
            set_up_url=set_up_url,
            script_url=own_path(request, responses.FRAGMENT_SCRIPT_PATH),
            passkey_script_url=own_path(request, responses.PASSKEY_SCRIPT_PATH),
            local=local,
            sign_in_action=own_path(request, responses.SIGN_IN_PATH),
            return_to=return_to,
            username=username,
            forgot_url=own_path(request, responses.FORGOT_PATH)
            if local and self._deps.outbox is not None
            else None,
            providers=self._offered(request, SignInRequest(return_to))
            if offered is None
            else offered,
        )

    def _offered(self, request: Request, asked: SignInRequest) -> list[Mapping[str, str]]:
        login = own_path(request, responses.LOGIN_PATH)
        return [
            {"url": f"{login}{name}?{asked.query()}", "label": p.registration.label, "name": name}
            for name, p in self._deps.providers.items()
        ]

    async def arrived(self, request: Request, _body: bytes) -> Response:
        """``GET signed-in``: the last page of a sign-in that another tab waits for."""
        session = await self._deps.session(request)
        if session is None:
            here = own_path(request, responses.SIGNED_IN_PATH)
            location = responses.sign_in_location(request, here)
            return responses.redirect(request, location)
        identity = session.identity
        return responses.page(
            request,
            200,
            "signed-in",
            name=identity.name or identity.user,
            home_url=home_of(request),
        )

    async def login(self, request: Request, provider_name: str) -> Response:
        """``GET login/{provider}``: redirect to the provider with a new flow.

        For local accounts, the form: this is where a session that must be newer is sent.
        """
        deps = self._deps
        by_form = provider_name == LOCAL or (provider_name == LDAP and deps.directory is not None)
        if by_form and deps.local is not None:
            asked = _asked(request)
            notice = await step_up_notice(self._deps, request, asked)
            account = own_path(request, responses.ACCOUNT_PATH)
            return self.page(
                request,
                asked.return_to,
                problem=notice.text,
                set_up_url=f"{account}#{notice.section}" if notice.section else None,
                offered=(),
            )
        provider = self._deps.providers.get(provider_name)
        if provider is None:
            raise UnknownProviderError(f"no provider {provider_name!r}")
        return await self.begin(request, provider, _asked(request))

    async def begin(
        self,
        request: Request,
        provider: Provider,
        asked: SignInRequest,
        *,
        is_retry: bool = False,
        link_session: str | None = None,
    ) -> Response:
        """Redirect to `provider` with a new flow.

        The state of a retry has no note, nor has that of a flow for `link_session`: no sign-in may
        take the place of a link.
        """
        deps = self._deps
        name = provider.registration.name
        sealer = deps.sessions.sealer
        circles = goes_in_circles(request, deps.cookies, sealer, deps.clock())
        if circles and link_session is None:
            deps.on_sign_in(name, SignInLoopError.reason)
            return responses.problem(
                request,
                SignInLoopError.status,
                SignInLoopError.reason,
                sign_in=responses.sign_in_location(request, asked.return_to),
            )
        uri = redirect_uri(request, provider)
        browser = browser_mark(kept_flows(request, deps.cookies, sealer))
        note = (
            ""
            if is_retry or link_session
            else seal_note(sealer, uri, Note(browser, asked.return_to))
        )
        try:
            flow, location = await begin_sign_in(
                provider,
                uri,
                asked.return_to,
                max_age_s=asked.max_age_s,
                acr=asked.acr,
                note=note,
                other_account=asked.other_account,
                login_hint=asked.login_hint,
                creates=asked.creates,
                link_session=link_session,
            )
        except (SignInError, ProviderUnavailableError) as error:
            return self.failed(request, provider, error, asked.return_to)
        fields = keep_flow(request, deps.cookies, sealer, flow, browser)
        return responses.redirect(request, location, fields=fields)

    def failed(
        self,
        request: Request,
        provider: Provider,
        error: GatewayError,
        return_to: str | None = None,
        fields: FieldList = (),
    ) -> Response:
        """Log and count a failed sign-in, and return its response.

        It can be started again; without `return_to`, it then leads to the home page.
        """
        name = provider.registration.name
        _log.warning(
            "sign-in at %s: %s: %s",
            name,
            error.reason,
            error,
            extra={"request_id": request.request_id},
        )
        self._deps.on_sign_in(name, error.reason)
        return responses.problem(
            request,
            error.status,
            error.reason,
            sign_in=responses.sign_in_location(request, return_to or home_of(request)),
            fields=fields,
        )


def _asked(request: Request) -> SignInRequest:
    asked = read_sign_in_request(request)
    if asked.dropped:
        _log.warning(
            "return_to of %d characters is too long or not a path on this host: ignored",
            asked.dropped,
            extra={"request_id": request.request_id},
        )
    return asked


def redirect_uri(request: Request, provider: Provider) -> str:
    """The redirect URI for `provider`, of the same kind as the path that began the sign-in."""
    if request.target.path.startswith(OAUTH2_PREFIX):
        return f"{request.public_url}{OAUTH2_PREFIX}callback"
    return f"{request.public_url}{OWN_PREFIX}/callback/{provider.registration.name}"
