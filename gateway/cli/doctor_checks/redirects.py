"""Whether a provider knows our redirect URIs, asked as a browser without a session would be.

Each question goes a second time with a URI that is certainly not registered.  If the answers do not
differ, they tell nothing.
"""

import re
import secrets
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlsplit

from gateway.cli.doctor_checks.finding import Finding
from gateway.errors import ProviderUnavailableError
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import SignInError, StateMismatchError
from gateway.oidc.finding import quoted
from gateway.oidc.flow import authorization_parameters, new_flow, read_parameters, with_query
from gateway.oidc.http import Answer
from gateway.oidc.provider import Provider
from gateway.oidc.sign_in import authorization_url
from gateway.oidc.sign_out import sign_out_parameters

_REDIRECTS = range(300, 400)
_REFUSALS = range(400, 500)
# A firewall's or a limiter's, not the provider's word on the URI.
_NO_WORD = frozenset({401, 403, 405, 408, 425, 429})
# What `prompt=none` is answered for a browser without a session (OpenID Connect Core 1.0, section
# 3.1.2.6): the request itself is fine.
_WANTS_A_PERSON = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
_PASSING = frozenset({"temporarily_unavailable", "server_error", "access_denied"})
# Pages with status 200: Entra, Google, Keycloak.
_SAYS_SO = ("aadsts50011", "redirect_uri_mismatch", "invalid parameter: redirect_uri")
_UNREGISTERED = "/gatepost-doctor-unregistered"
_TOLD_APART = "an unregistered one gets another answer"


async def check_redirect_uri(provider: Provider, metadata: Metadata, uri: str) -> Finding:
    """Whether `uri` is registered, and the authorization request accepted."""
    name, about = "provider-redirect-uri", provider.registration.name
    told_apart = Finding("ok", name, about, f"{uri} is registered: {_TOLD_APART}")
    try:
        asked = await _authorization_url(provider, metadata, uri)
        answer = await provider.http.get(asked)
        found = _judge(provider, answer, uri)
        if found is not None:
            return found
        try:
            other = await _authorization_url(provider, metadata, uri + _UNREGISTERED)
        except SignInError:
            return told_apart
        control = await provider.http.get(other)
    except SignInError as error:
        return _refused(provider, uri, error)
    except ProviderUnavailableError as error:
        return _untold(provider, uri, str(error))
    if _kind(answer) == _kind(control):
        says = f"status {answer.status} for any redirect URI"
        return _untold(provider, uri, says)
    return told_apart


def _refused(provider: Provider, uri: str, error: SignInError) -> Finding:
    """The finding on a pushed authorization request (RFC 9126) that the provider refuses."""
    about = provider.registration.name
    says = f"a sign-in with {uri} is refused: {quoted(str(error))}"
    do = f"register {uri} at the provider, and compare the client's id and secret, and its scopes"
    return Finding("error", "provider-redirect-uri", about, says, do)


def _judge(provider: Provider, answer: Answer, uri: str) -> Finding | None:
    """The finding that `answer` alone allows, or None."""
    name, about = "provider-redirect-uri", provider.registration.name
    sent_back = _sent_back(answer, uri)
    if sent_back is not None:
        return _judge_answer(about, uri, sent_back)
    told = _text(answer)
    lowered = told.lower()
    refused = answer.status in _REFUSALS and answer.status not in _NO_WORD
    if not refused and not any(it in lowered for it in _SAYS_SO):
        return None
    if "redirect" not in lowered and "client" in lowered:
        says = f"the provider does not know the client, or refuses it: {quoted(told)!r}"
        do = f"compare providers.{about}.client_id with the client at the provider"
    else:
        says = f"{uri} is not registered at the provider, which says: {quoted(told)!r}"
        do = f"register {uri} as redirect URI of client {provider.registration.client_id}"
    return Finding("error", name, about, says, do)


def _judge_answer(about: str, uri: str, parameters: Mapping[str, str]) -> Finding:
    error = parameters.get("error", "")
    name = "provider-redirect-uri"
    if not error or error in _WANTS_A_PERSON:
        return Finding("ok", name, about, f"{uri} is registered")
    detail = parameters.get("error_description", "")
    says = f"{uri} is registered, but a sign-in gets {quoted(error)!r}: {quoted(detail)!r}"
    if error in _PASSING:
        return Finding("warning", name, about, says, "see the provider's log")
    do = f"allow it at the provider: the code flow, and the scopes in providers.{about}.scopes"
    return Finding("error", name, about, says, do)


async def check_post_logout_uri(provider: Provider, metadata: Metadata, uri: str) -> Finding:
    """Whether the provider sends browsers back to `uri` after a sign-out, as far as it tells."""
    name, about = "provider-post-logout-redirect-uri", provider.registration.name
    try:
        answer = await provider.http.get(_sign_out_url(provider, metadata, uri))
        control = await provider.http.get(_sign_out_url(provider, metadata, uri + _UNREGISTERED))
    except ProviderUnavailableError as error:
        return Finding("ok", name, about, f"cannot be told: {error}", _TRY_SIGN_OUT)
    if answer.status in _REFUSALS and "redirect" in _text(answer).lower():
        says = f"{uri} is not registered at the provider, which says: {quoted(_text(answer))!r}"
        do = f"register {uri} as post-logout redirect URI"
        return Finding("warning", name, about, says, do)
    if _kind(answer) == _kind(control):
        says = f"{uri}: cannot be told, status {answer.status} for any URI"
        return Finding("ok", name, about, says, _TRY_SIGN_OUT)
    return Finding("ok", name, about, f"{uri} is registered")


_TRY_SIGN_OUT = "sign out once, and see where it ends"


async def _authorization_url(provider: Provider, metadata: Metadata, uri: str) -> str:
    registration = provider.registration
    flow = new_flow(
        provider=registration.name,
        redirect_uri=uri,
        return_to="/",
        now=provider.clock(),
        random_bytes=secrets.token_bytes,
    )
    parameters = authorization_parameters(
        flow,
        client_id=registration.client_id,
        scopes=registration.scopes,
        # A form for a browser to send would tell nothing here.
        extra={**registration.authorize_params, "prompt": "none", "response_mode": "query"},
    )
    return await authorization_url(provider, metadata, parameters)


def _sign_out_url(provider: Provider, metadata: Metadata, uri: str) -> str:
    asked = sign_out_parameters(provider.registration, uri)
    return with_query(metadata.end_session_endpoint or "", asked)


def _sent_back(answer: Answer, uri: str) -> dict[str, str] | None:
    """The parameters that `answer` sends the browser to `uri` with, or None."""
    location = answer.fields.get("location", "")
    where, mark, query = location.partition("?")
    if answer.status not in _REDIRECTS or not mark or where != uri:
        return None
    try:
        return read_parameters(query.partition("#")[0])
    except StateMismatchError:
        return {}


def _kind(answer: Answer) -> tuple[int, str]:
    """What is alike in answers that mean the same."""
    try:
        path = urlsplit(answer.fields.get("location", "")).path
    except ValueError:
        path = ""
    # Interactions have a path of their own each.
    return answer.status, path.rpartition("/")[0]


def _text(answer: Answer) -> str:
    """The visible text of a page, or of JSON, on one line."""
    text = answer.body[:65536].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", text)
    text = unescape(re.sub(r"<[^>]*>", " ", text))
    return " ".join(text.split())


def _untold(provider: Provider, uri: str, why: str) -> Finding:
    about = provider.registration.name
    do = f"sign in once; if the provider refuses, register {uri}"
    says = f"whether {uri} is registered cannot be told: {why}"
    return Finding("warning", "provider-redirect-uri", about, says, do)
