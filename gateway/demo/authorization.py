"""The authorization request (OIDC Core 1.0, section 3.1.2; RFC 7636) as a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.demo.clients import Client, OAuthError
from gateway.demo.grants import Login

SCOPES = ("openid", "profile", "email", "groups", "roles", "offline_access")
PROMPTS = frozenset({"none", "login", "consent", "select_account"})


class UntrustedRequestError(Exception):
    """The client or redirect URI is wrong, so the error must not be sent to that URI."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request for a code, with a redirect URI that the client has registered.

    Attributes:
        max_age_s: Largest age of the sign-in in seconds; None for any.
        acr_values: Requested context classes, in order of preference.
    """

    client: Client
    redirect_uri: str
    response_mode: str
    state: str | None
    scopes: frozenset[str]
    challenge: str
    nonce: str | None
    prompts: frozenset[str]
    max_age_s: int | None
    acr_values: tuple[str, ...]
    login_hint: str

    def needs_sign_in(self, login: Login | None, now: float) -> bool:
        """Whether the user must sign in, because `login` is missing or not enough."""
        if login is None or self.prompts & {"login", "select_account"}:
            return True
        # A tour's link names another person than the one who is signed in.
        if self.login_hint not in {"", login.person.username, login.person.email}:
            return True
        if self.max_age_s is not None and now - login.auth_time >= self.max_age_s:
            return True
        return bool(self.acr_values) and login.acr not in self.acr_values


def find_client(clients: Mapping[str, Client], parameters: Mapping[str, str]) -> tuple[Client, str]:
    """The client and the redirect URI, which must be registered exactly.

    Raises:
        UntrustedRequestError: One of them is wrong; send nothing to the URI.
    """
    client = clients.get(parameters.get("client_id", ""))
    if client is None:
        raise UntrustedRequestError(f"No client is called {parameters.get('client_id', '')!r}.")
    # RFC 9700, section 2.1: exact string matching.
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise UntrustedRequestError(f"{redirect_uri!r} is not a redirect URI of this client.")
    return client, redirect_uri


def read_request(
    client: Client, redirect_uri: str, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    """Parse the rest of the request.

    Raises:
        OAuthError: This provider does not support it; send the error to the redirect URI.
    """
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            raise OAuthError(f"{name}_not_supported", f"{name} is not supported")
    if parameters.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "only response_type=code is served")
    if parameters.get("response_mode", "query") not in ("query", "form_post"):
        raise OAuthError("invalid_request", "response_mode is query or form_post")
    scopes = frozenset(parameters.get("scope", "").split())
    if "openid" not in scopes:
        raise OAuthError("invalid_scope", "scope must contain openid")
    prompts = frozenset(parameters.get("prompt", "").split())
    if prompts - PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthError("invalid_request", "prompt is wrong")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        response_mode=parameters.get("response_mode", "query"),
        state=parameters.get("state"),
        scopes=scopes & frozenset(SCOPES),
        challenge=_challenge(parameters),
        nonce=parameters.get("nonce"),
        prompts=prompts,
        max_age_s=_max_age(parameters.get("max_age")),
        acr_values=tuple(parameters.get("acr_values", "").split()),
        login_hint=parameters.get("login_hint", ""),
    )


def _challenge(parameters: Mapping[str, str]) -> str:
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "PKCE with code_challenge_method=S256 is required")
    # RFC 7636, section 4.2: the base64url of 32 octets.
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge) is None:
        raise OAuthError("invalid_request", "code_challenge is not an S256 challenge")
    return challenge


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise OAuthError("invalid_request", "max_age is not a number of seconds")
    return int(text)
