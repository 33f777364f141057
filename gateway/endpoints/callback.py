"""``callback``: turns the provider's response into a session."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from gateway import responses
from gateway.credentials.provider_tokens import kept_tokens
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import KeptFlow, Note, kept_flows, open_note
from gateway.endpoints.linking import Linking
from gateway.endpoints.new_session import begin_session
from gateway.endpoints.parameters import SignInRequest, destination
from gateway.endpoints.sign_in import SignIn, redirect_uri
from gateway.errors import (
    AccountError,
    HookFailedError,
    ProviderUnavailableError,
    StoreUnavailableError,
)
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.oidc.answer_name import PARAMETER, name_in
from gateway.oidc.errors import (
    SignInError,
    SignInUnfinishedError,
    StateMismatchError,
    UnknownProviderError,
)
from gateway.oidc.flow import read_parameters
from gateway.oidc.provider import Provider
from gateway.oidc.sign_in import finish_sign_in
from gateway.oidc.signed_in import SignedIn

_ANSWER = ("state", "code", "iss", "error", "error_description")
_MAX_FORM_BYTES = 16 * 1024


class Callback:
    """Handler of providers' responses.

    The gateway keeps no state for a sign-in; the flow stays in its browser.
    """

    def __init__(self, deps: Deps, sign_in: SignIn, linking: Linking | None = None) -> None:
        """Use `sign_in` to restart a sign-in and to report failures; `linking` links identities."""
        self._linking = linking
        self._deps = deps
        self._sign_in = sign_in

    async def receive(self, request: Request, provider_name: str, body: bytes) -> Response:
        """``GET`` or ``POST callback/{provider}``: turn the provider's response into a session."""
        provider = self._deps.providers.get(provider_name)
        if provider is None:
            raise UnknownProviderError(f"no provider {provider_name!r}")
        if request.method == "POST":
            return _as_navigation(request, body, provider)
        try:
            parameters = read_parameters(request.target.query)
        except StateMismatchError as error:
            return await self._without_flow(request, provider, error)
        state, _, sealed = parameters.get("state", "").partition(".")
        parameters["state"] = state
        flows = kept_flows(request, self._deps.cookies, self._deps.sessions.sealer)
        kept = next((it for it in flows if it.flow.state == state), None)
        if kept is None:
            note = open_note(self._deps.sessions.sealer, redirect_uri(request, provider), sealed)
            may_retry = "error" not in parameters and _is_ours(note, flows)
            unknown = StateMismatchError("this browser has no flow with that state")
            return await self._without_flow(request, provider, unknown, note, may_retry=may_retry)
        if kept.flow.link_session is not None:
            return await self._link(request, provider, kept, parameters)
        return_to = kept.flow.return_to
        fields = (self._deps.cookies.no_own_cookie(request, kept.cookie),)
        try:
            found = await finish_sign_in(provider, kept.flow, parameters)
            signed_in = await self._with_account(found)
            return await begin_session(
                self._deps,
                request,
                signed_in.identity,
                return_to,
                fields,
                tokens=kept_tokens(signed_in.tokens),
                provider_session=signed_in.provider_session,
            )
        except StoreUnavailableError as error:
            # The provider takes a code only once, so reloading the callback cannot help.
            lost = SignInUnfinishedError(str(error))
            return self._sign_in.failed(request, provider, lost, return_to, fields)
        except (SignInError, AccountError, ProviderUnavailableError, HookFailedError) as error:
            return self._sign_in.failed(request, provider, error, return_to, fields)

    async def _link(
        self, request: Request, provider: Provider, kept: KeptFlow, parameters: Mapping[str, str]
    ) -> Response:
        if self._linking is None:
            raise StateMismatchError(
                "the flow links an identity, and linking is no longer possible here"
            )
        return await self._linking.finish(request, provider, kept, parameters)

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
        """The response to a callback whose flow is not, or no longer, in this browser."""
        return_to = destination(request, None if note is None else note.return_to)
        if await self._deps.session(request) is not None:
            # Another tab finished first, or the callback was reloaded, or the back button was used.
            return responses.redirect(request, return_to)
        if not may_retry:
            return self._sign_in.failed(request, provider, error)
        # Nothing of this callback is used.  The provider still has the user's session, so another
        # round goes unnoticed.  It is the last, because a retry's state has no note.
        return await self._sign_in.begin(request, provider, SignInRequest(return_to), is_retry=True)


def _is_ours(note: Note | None, flows: Iterable[KeptFlow]) -> bool:
    """Whether the browser that has `flows` also began the sign-in of `note`."""
    return note is not None and any(it.browser == note.browser for it in flows)


def _as_navigation(request: Request, body: bytes, provider: Provider) -> Response:
    """Redirect a ``form_post`` response to GET.

    The provider's form is a cross-site POST, so browsers did not send Lax cookies, such as the
    flow, with it; with a GET they do (OAuth 2.0 Form Post Response Mode, section 2).
    """
    try:
        text = body[:_MAX_FORM_BYTES].decode("ascii")
    except UnicodeDecodeError as error:
        raise StateMismatchError("the form cannot be read") from error
    parameters = read_parameters(text)
    kept = {name: parameters[name] for name in _ANSWER if name in parameters}
    name = name_in(parameters) if provider.registration.name_in_answer else None
    if name is not None:
        kept[PARAMETER] = name
    return responses.redirect(request, f"{request.target.path}?{urlencode(kept)}")
