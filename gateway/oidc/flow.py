"""One sign-in: its authorization request, and the checks on its callback; pure.

State, nonce and verifier belong to the flow and stay in its browser, sealed.  The gateway keeps
no state for it.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from gateway.oidc.errors import (
    AccessRefusedError,
    FlowExpiredError,
    IssuerMismatchError,
    ProviderRefusedError,
    StateMismatchError,
)

# Long enough to register an account, find a second factor and confirm an e-mail.
FLOW_TTL_S = 1800
# Tolerance for a clock that was set back, or another machine's that is behind.
_AHEAD_S = 60
_SECRET_BYTES = 32
_ONCE = ("state", "code", "iss", "error", "error_description")
_MAX_PARAMETERS = 50
_OURS = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    }
)

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in in progress.

    Attributes:
        state: Identifies the flow; 256 random bits, as are `nonce` and `code_verifier`.
        redirect_uri: The redirect URI as sent, which must be repeated with the code.
        return_to: Where the user wanted to go; checked by the caller.
        max_age_s: For a step-up, the largest age of the user's sign-in.
        acr: The requested authentication contexts, any of which is enough.
        link_session: The session whose account gets the identity; None for a sign-in.
    """

    provider: str
    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    return_to: str
    started_at: int
    max_age_s: int | None = None
    acr: tuple[str, ...] = ()
    link_session: str | None = None

    def is_live(self, now: float) -> bool:
        """Whether the callback is still accepted at `now`; exactly at the limit it is not."""
        return -_AHEAD_S <= now - self.started_at < FLOW_TTL_S


def new_flow(
    *,
    provider: str,
    redirect_uri: str,
    return_to: str,
    now: float,
    random_bytes: RandomBytes,
    max_age_s: int | None = None,
    acr: tuple[str, ...] = (),
    link_session: str | None = None,
) -> Flow:
    """Start a sign-in with fresh state, nonce and verifier, and nothing from the browser."""
    return Flow(
        provider=provider,
        state=_secret(random_bytes),
        nonce=_secret(random_bytes),
        code_verifier=_secret(random_bytes),
        redirect_uri=redirect_uri,
        return_to=return_to,
        started_at=int(now),
        max_age_s=max_age_s,
        acr=acr,
        link_session=link_session,
    )


def _secret(random_bytes: RandomBytes) -> str:
    return _base64url(random_bytes(_SECRET_BYTES))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_flow(flow: Flow) -> bytes:
    """`flow` as bytes, to be sealed."""
    return json.dumps(asdict(flow), separators=(",", ":")).encode()


def decode_flow(data: bytes) -> Flow:
    """Decode what `encode_flow` returned.

    Raises:
        ValueError: it comes from another version.
    """
    try:
        values = json.loads(data)
        return Flow(**{**values, "acr": tuple(values["acr"])})
    except (TypeError, KeyError) as error:
        raise ValueError("not a flow") from error


def authorization_parameters(
    flow: Flow,
    *,
    client_id: str,
    scopes: tuple[str, ...],
    extra: Mapping[str, str | tuple[str, ...]],
) -> list[tuple[str, str]]:
    """The authorization request (OpenID Connect Core 1.0, section 3.1.2.1; RFC 7636).

    `extra` comes from the configuration.  It can add parameters but not replace the flow's own.
    """
    challenge = _base64url(hashlib.sha256(flow.code_verifier.encode()).digest())
    parameters = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", flow.redirect_uri),
        ("scope", " ".join(scopes)),
        ("state", flow.state),
        ("nonce", flow.nonce),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
    asked = dict(extra)
    if flow.max_age_s is not None:
        asked["max_age"] = str(flow.max_age_s)
    if flow.acr:
        asked["acr_values"] = " ".join(flow.acr)
    for name, value in asked.items():
        if name not in _OURS:
            values = (value,) if isinstance(value, str) else value
            parameters.extend((name, item) for item in values)
    return parameters


def with_query(url: str, parameters: list[tuple[str, str]]) -> str:
    """`url` with `parameters` after the query it may already have (RFC 6749, section 3.1)."""
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}{urlencode(parameters)}"


def read_parameters(encoded: str) -> dict[str, str]:
    """The parameters of a callback, from a query or a form.

    Raises:
        StateMismatchError: they are ambiguous: bad encoding, or a security-relevant parameter
            given twice (RFC 6749, section 3.1).
    """
    try:
        pairs = parse_qsl(
            encoded,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError as error:
        raise StateMismatchError("the callback's parameters cannot be read") from error
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters and name in _ONCE:
            raise StateMismatchError(f"{name!r} is given twice")
        parameters[name] = value
    return parameters


@dataclass(frozen=True, slots=True)
class Callback:
    """What one provider's callbacks must match.

    Attributes:
        issuers: The values that ``iss`` may have (RFC 9207).
        issuer_required: Whether the provider's metadata promises ``iss``.
    """

    provider: str
    issuers: frozenset[str]
    issuer_required: bool


def judge_callback(
    parameters: Mapping[str, str], flow: Flow, callback: Callback, now: float
) -> str:
    """Check the callback and return the code to redeem.

    Raises:
        SignInError: the callback is for another flow, too late, from another issuer, or carries
            the provider's error.
    """
    state = parameters.get("state", "")
    if not hmac.compare_digest(state.encode(), flow.state.encode()):
        raise StateMismatchError("the state is of another flow")
    if flow.provider != callback.provider:
        raise StateMismatchError(f"begun at {flow.provider!r}, ended at {callback.provider!r}")
    if not flow.is_live(now):
        raise FlowExpiredError(f"begun {now - flow.started_at:.0f} s ago")
    issuer = parameters.get("iss")
    # RFC 9207, section 2.4: prevents mix-up, where one provider's code is sent to another.
    if issuer is None and callback.issuer_required:
        raise IssuerMismatchError("the answer lacks iss, which the provider says it gives")
    if issuer is not None and issuer not in callback.issuers:
        known = " or ".join(map(repr, sorted(callback.issuers)))
        raise IssuerMismatchError(
            f"issuer: configured is {known}, the answer's iss is {issuer[:200]!r}"
        )
    if "error" in parameters:
        detail = parameters.get("error_description", "")
        kind = (
            AccessRefusedError if parameters["error"] == "access_denied" else ProviderRefusedError
        )
        raise kind(f"{parameters['error'][:100]!r}: {detail[:200]!r}")
    code = parameters.get("code")
    if not code:
        raise ProviderRefusedError("the answer has neither a code nor an error")
    return code
