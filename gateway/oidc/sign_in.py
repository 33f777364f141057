"""Sign-in at a provider: start it, finish it, and redeem the code of an app's own flow."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import ProviderUnavailableError
from gateway.oidc.answer_name import with_answered_name
from gateway.oidc.discovery import Metadata
from gateway.oidc.flow import (
    Callback,
    Flow,
    authorization_parameters,
    judge_callback,
    new_flow,
    with_query,
)
from gateway.oidc.id_token import Expected
from gateway.oidc.provider import Provider
from gateway.oidc.signed_in import SignedIn


async def begin_sign_in(
    provider: Provider,
    redirect_uri: str,
    return_to: str,
    *,
    max_age_s: int | None = None,
    acr: tuple[str, ...] = (),
    note: str = "",
    other_account: bool = False,
    link_session: str | None = None,
    login_hint: str | None = None,
    creates: bool = False,
) -> tuple[Flow, str]:
    """Start a flow: the flow, which its browser keeps, and the URL to send the browser to.

    `note` is appended to the flow's state after a full stop, and comes back with it.  With
    `other_account` the user may choose a different account at the provider.  With `link_session`,
    the flow links an identity to the account of that session and signs nobody in; the user signs
    in anew at the provider, where somebody else may be signed in to the same browser.
    `login_hint` says who is expected; `creates` asks for a new account, where that is offered.

    Raises:
        ProviderUnavailableError: the provider cannot be reached.
        SignInError: it names another issuer than the configured one, or refuses the request.
    """
    metadata = await provider.metadata()
    if provider.registration.nonce_may_be_absent and metadata.denies_pkce:
        # One of the two must tie the code to this browser: else a stolen one could be used in it.
        raise ProviderUnavailableError(
            f'provider "{provider.registration.name}": nonce: unless_absent needs PKCE with S256, '
            "which the provider does not offer"
        )
    flow = new_flow(
        provider=provider.registration.name,
        redirect_uri=redirect_uri,
        return_to=return_to,
        now=provider.clock(),
        random_bytes=provider.random_bytes,
        max_age_s=max_age_s,
        acr=acr,
        link_session=link_session,
    )
    asked = provider.registration.authorize_params
    prompt = metadata.account_prompt if other_account else ""
    if creates and metadata.offers_create:
        prompt = "create"
    if link_session is not None:
        prompt = metadata.login_prompt
    if prompt:
        asked = {**asked, "prompt": _with_prompt(asked, prompt)}
    if login_hint is not None:
        asked = {**asked, "login_hint": login_hint}
    parameters = authorization_parameters(
        replace(flow, state=f"{flow.state}.{note}") if note else flow,
        client_id=provider.registration.client_id,
        scopes=provider.registration.scopes,
        extra=asked,
    )
    return flow, await authorization_url(provider, metadata, parameters)


async def authorization_url(
    provider: Provider, metadata: Metadata, parameters: list[tuple[str, str]]
) -> str:
    """Where a browser begins the authorization request `parameters`, which may be pushed first.

    Raises:
        SignInError: the provider refuses the pushed request.
        ProviderUnavailableError: it gave no usable response.
    """
    registration = provider.registration
    if registration.pushed_authorization or metadata.requires_pushed_requests:
        request_uri = await provider.client.push(metadata, parameters)
        # RFC 9126, section 4: nothing else goes through the browser.
        parameters = [("client_id", registration.client_id), ("request_uri", request_uri)]
    return with_query(metadata.authorization_endpoint, parameters)


async def finish_sign_in(provider: Provider, flow: Flow, parameters: Mapping[str, str]) -> SignedIn:
    """Check the callback's `parameters`, redeem the code, and verify the tokens.

    Raises:
        SignInError: a check fails; each kind has its own reason.
        ProviderUnavailableError: the provider gave no usable response.
    """
    metadata = await provider.metadata()
    callback = Callback(
        provider=provider.registration.name,
        issuers=provider.registration.issuers,
        issuer_required=metadata.answers_with_issuer,
    )
    code = judge_callback(parameters, flow, callback, provider.clock())
    expected = Expected(
        issuers=provider.registration.issuers,
        clients=(provider.registration.client_id,),
        nonce=flow.nonce,
        nonce_may_be_absent=provider.registration.nonce_may_be_absent,
        max_age_s=flow.max_age_s,
        asked_at=flow.started_at,
    )
    found = await _redeem(
        provider, metadata, code, flow.redirect_uri, flow.code_verifier, expected=expected
    )
    named = provider.registration.name_in_answer
    return with_answered_name(found, parameters) if named else found


async def redeem_for_app(
    provider: Provider, code: str, *, redirect_uri: str, code_verifier: str
) -> SignedIn:
    """Redeem the code of a flow that an app started; only the app knows the verifier.

    The provider checks code, verifier and redirect URI (RFC 7636, section 4.6).  The nonce is
    not checked, because the ID token comes directly from the provider's token endpoint.

    Raises:
        SignInError, ProviderUnavailableError: as `finish_sign_in`.
    """
    expected = Expected(
        issuers=provider.registration.issuers,
        clients=(provider.registration.client_id,),
        nonce=None,
    )
    metadata = await provider.metadata()
    return await _redeem(provider, metadata, code, redirect_uri, code_verifier, expected=expected)


async def _redeem(
    provider: Provider,
    metadata: Metadata,
    code: str,
    redirect_uri: str,
    code_verifier: str,
    *,
    expected: Expected,
) -> SignedIn:
    tokens = await provider.client.redeem(
        metadata, code, redirect_uri=redirect_uri, code_verifier=code_verifier
    )
    return await provider.prove(metadata, tokens, expected)


def _with_prompt(asked: Mapping[str, str | tuple[str, ...]], prompt: str) -> str:
    """The configured prompts plus `prompt` (OpenID Connect Core 1.0, section 3.1.2.1)."""
    given = asked.get("prompt", "")
    words = given.split() if isinstance(given, str) else given
    return " ".join(dict.fromkeys([*(it for it in words if it != "none"), prompt]))
