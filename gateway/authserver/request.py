"""What a client asks for at ``authorize``, and which of its mistakes are told to whom.  Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.authserver.client import Client
from gateway.authserver.grant import is_challenge
from gateway.credentials.redirects import is_registered
from gateway.errors import GatewayError

_MOST_FIELDS = 50
_MOST_RESOURCES = 10
_LONGEST = 2000
# The only parameter that may be repeated (RFC 6749, section 3.1; RFC 8707, section 2).
_REPEATED = "resource"
# OpenID Connect Core 1.0, section 3.1.2.1; Initiating User Registration 1.0.
PROMPTS = ("none", "login", "consent", "select_account", "create")
# RFC 6749, section 3.3.
_SCOPES = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")

Parameters = Mapping[str, Sequence[str]]


class UnknownClientError(GatewayError):
    """There is no such client, so nobody can be told but the person."""

    reason = "unknown-client"
    status = 400


class UnknownRedirectError(GatewayError):
    """The client did not register the redirect URI, so nothing may be sent there."""

    reason = "unknown-redirect-uri"
    status = 400


class InvalidAuthorizationRequestError(GatewayError):
    """The request cannot be read far enough to know whom to tell."""

    reason = "invalid-request"
    status = 400


class AuthorizationError(Exception):
    """A mistake that the client is told at its redirect URI (RFC 6749, section 4.1.2.1).

    Attributes:
        error: The protocol's error code.
        about: What is wrong, for the app's developer; quotes nothing of the request.
    """

    def __init__(self, error: str, about: str) -> None:
        super().__init__(about)
        self.error = error
        self.about = about


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that may be granted.

    Attributes:
        scopes: As asked for, in order; empty if none were.
        resources: URLs as the client wrote them (RFC 8707).
        prompts: See OpenID Connect Core 1.0, section 3.1.2.1.
        max_age_s: How long ago the person may have signed in, in seconds; None for any time.
        acr: Authentication contexts of which any is wanted.
    """

    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    challenge: str
    nonce: str | None
    prompts: frozenset[str]
    max_age_s: int | None
    acr: tuple[str, ...]
    login_hint: str | None
    id_token_hint: str | None


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where the client is told the outcome."""

    redirect_uri: str
    state: str | None


def read_parameters(query: str) -> Parameters:
    """The values of each parameter; empty ones count as absent (RFC 6749, section 3.1).

    Raises:
        InvalidAuthorizationRequestError: The query cannot be read.
    """
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise InvalidAuthorizationRequestError("the query cannot be read") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if value:
            found.setdefault(name, []).append(value)
    return found


def client_id_of(parameters: Parameters) -> str:
    """The client that asks.

    Raises:
        InvalidAuthorizationRequestError: None is named, or several are.
    """
    values = parameters.get("client_id", ())
    if len(values) != 1:
        raise InvalidAuthorizationRequestError(f"{len(values)} client ids")
    return values[0]


def return_address(parameters: Parameters, client: Client) -> ReturnAddress:
    """Where `client` is told the outcome.

    Raises:
        InvalidAuthorizationRequestError: No redirect URI is given, or several are.
        UnknownRedirectError: The client has not registered it.
    """
    values, states = parameters.get("redirect_uri", ()), parameters.get("state", ())
    if len(values) != 1 or len(states) > 1:
        raise InvalidAuthorizationRequestError("needs one redirect_uri and at most one state")
    if not is_registered(values[0], client.redirect_uris):
        # Without the query, which may hold anything.
        shown = values[0].partition("?")[0][:200]
        raise UnknownRedirectError(f"{client.client_id} has not registered {shown!r}")
    return ReturnAddress(values[0], states[0] if states else None)


def read_request(parameters: Parameters) -> AuthorizationRequest:
    """What is asked for.

    Raises:
        AuthorizationError: Something that the client can mend is wrong.
    """
    given = read_once(parameters)
    # OpenID Connect Core 1.0, sections 6.1 and 6.2.
    if "request" in given:
        raise AuthorizationError("request_not_supported", "request objects are not supported")
    if "request_uri" in given:
        raise AuthorizationError("request_uri_not_supported", "request_uri is not supported")
    if given.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "response_type must be code")
    if given.get("response_mode", "query") != "query":
        raise AuthorizationError("invalid_request", "response_mode must be query")
    return AuthorizationRequest(
        scopes=read_scopes(given.get("scope")),
        resources=read_resources(parameters),
        challenge=_challenge(given),
        nonce=_short(given, "nonce"),
        prompts=_prompts(given.get("prompt")),
        max_age_s=_max_age(given.get("max_age")),
        acr=tuple(given.get("acr_values", "").split()),
        login_hint=_short(given, "login_hint"),
        # It is signed by us, or worth nothing.
        id_token_hint=given.get("id_token_hint"),
    )


def read_once(parameters: Parameters) -> dict[str, str]:
    """Each parameter's value; the first one of those that may be repeated.

    Raises:
        AuthorizationError: Another one is repeated.
    """
    for name, values in parameters.items():
        if len(values) > 1 and name != _REPEATED:
            raise AuthorizationError("invalid_request", "a parameter is given twice")
    return {name: values[0] for name, values in parameters.items()}


def read_scopes(text: str | None) -> tuple[str, ...]:
    """The scopes in `text`, in order.

    Raises:
        AuthorizationError: `text` is no list of scopes.
    """
    if text is None:
        return ()
    if _SCOPES.fullmatch(text) is None:
        raise AuthorizationError("invalid_scope", "scope must be names with one space between")
    return tuple(dict.fromkeys(text.split(" ")))


def read_resources(parameters: Parameters) -> tuple[str, ...]:
    """The resources that are asked for, as the client wrote them.

    Raises:
        AuthorizationError: There are too many.
    """
    urls = parameters.get(_REPEATED, ())
    if len(urls) > _MOST_RESOURCES:
        raise AuthorizationError("invalid_target", f"more than {_MOST_RESOURCES} resources")
    return tuple(dict.fromkeys(urls))


def _challenge(given: Mapping[str, str]) -> str:
    # RFC 9700, section 2.1.1: without S256, whoever sees a code could use it.
    challenge = given.get("code_challenge")
    if challenge is None:
        raise AuthorizationError("invalid_request", "code_challenge is missing")
    if given.get("code_challenge_method") != "S256":
        raise AuthorizationError("invalid_request", "code_challenge_method must be S256")
    if not is_challenge(challenge):
        raise AuthorizationError("invalid_request", "code_challenge is not one of S256")
    return challenge


def _prompts(text: str | None) -> frozenset[str]:
    prompts = frozenset((text or "").split())
    if not prompts.issubset(PROMPTS):
        raise AuthorizationError("invalid_request", f"prompt takes {', '.join(sorted(PROMPTS))}")
    if "none" in prompts and len(prompts) > 1:
        raise AuthorizationError("invalid_request", "prompt none goes with no other")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise AuthorizationError("invalid_request", "max_age must be a number of seconds")
    return int(text)


def _short(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name)
    if value is not None and (len(value) > _LONGEST or not value.isprintable()):
        raise AuthorizationError("invalid_request", f"{name} is too long or not printable")
    return value
