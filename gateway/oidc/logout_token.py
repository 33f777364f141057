"""Validates a logout token (OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.oidc.id_token import LEEWAY_S, MAX_SUBJECT_CHARACTERS
from gateway.oidc.keys import KeySource
from gateway.oidc.numbers import finite
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import (
    BadTokenError,
    SignedToken,
    is_symmetric,
    verify,
    verify_with_secret,
)

EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Section 2.4 recommends two minutes at most; a provider that retries later sends a new token.
MAX_AGE_S = 3600.0
# Drafts had no exp, and ORY Hydra sends none: then the token is good for those two minutes.
AGE_WITHOUT_EXP_S = 120.0
_MAX_ID_CHARACTERS = 1024
# Section 2.4 recommends the explicit type without requiring it; older providers send JWT.
_HEADER_TYPES = frozenset({"", "jwt", "logout+jwt"})
# Keycloak states the kind in the payload.
_PAYLOAD_TYPES = frozenset({"", "logout"})


class InvalidLogoutTokenError(GatewayError):
    """The logout token is not valid, or was used before."""

    reason = "invalid-logout-token"
    status = 400


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """The sessions to end: those with `sid`, or all of `subject`.  At least one is set.

    Attributes:
        clients: Our client ids that it was sent to.
        token_id: ``jti``; each may be used once.
        good_until: When it becomes too old, so that `token_id` need not be kept any longer.
        algorithm: Its signature algorithm.
        issuer: Its ``iss``.
    """

    subject: str | None
    sid: str | None
    clients: frozenset[str]
    token_id: str
    good_until: float
    algorithm: str
    issuer: str


async def read_logout_token(
    token: str,
    registration: Registration,
    keys: KeySource,
    now: float,
    *,
    clients: Collection[str] = (),
) -> LogoutToken:
    """Verify `token`, which must be signed by the provider for this client or one of `clients`.

    Raises:
        InvalidLogoutTokenError: it is not valid.
        ProviderUnavailableError: the provider's keys cannot be fetched.
    """
    algorithms = registration.algorithms
    try:
        if is_symmetric(token):
            signed = verify_with_secret(token, registration.client_secret or "", algorithms)
        else:
            signed = await verify(token, keys, algorithms)
    except BadTokenError as error:
        raise InvalidLogoutTokenError(str(error)) from error
    ours = frozenset((registration.client_id, *clients))
    return judge_logout_token(signed, registration.issuers, ours, now)


def judge_logout_token(
    token: SignedToken, issuers: Collection[str], clients: frozenset[str], now: float
) -> LogoutToken:
    """Check all claims of a `token` with a valid signature, and return its content.

    Raises:
        InvalidLogoutTokenError: a claim is not acceptable.
    """
    claims = token.claims
    _judge_kind(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in issuers:
        raise InvalidLogoutTokenError(f"the logout token's iss is {issuer!r}")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    texts = [it for it in named if isinstance(it, str)] if isinstance(named, list) else []
    sent_to = clients.intersection(texts)
    if not sent_to:
        raise InvalidLogoutTokenError(f"the logout token is for {audience!r}, not {set(clients)}")
    issued_at = _time(claims, "iat")
    expires_at = _time(claims, "exp") if "exp" in claims else issued_at + AGE_WITHOUT_EXP_S
    good_until = min(expires_at, issued_at + MAX_AGE_S) + LEEWAY_S
    if good_until <= now:
        raise InvalidLogoutTokenError(f"the logout token is {now - issued_at:.0f} s old")
    if issued_at - LEEWAY_S > now:
        raise InvalidLogoutTokenError(f"the logout token is issued in {issued_at - now:.0f} s")
    subject, sid = _text(claims, "sub", MAX_SUBJECT_CHARACTERS), _text(claims, "sid")
    token_id = _text(claims, "jti")
    if token_id is None or (subject is None and sid is None):
        raise InvalidLogoutTokenError("the logout token has no jti, or neither sid nor sub")
    algorithm = str(token.header["alg"])
    return LogoutToken(subject, sid, sent_to, token_id, good_until, algorithm, issuer)


def _judge_kind(token: SignedToken) -> None:
    # RFC 8725, section 3.11: never accept one kind of token as another.
    header, payload = token.header.get("typ", ""), token.claims.get("typ", "")
    if not isinstance(header, str) or _media_type(header) not in _HEADER_TYPES:
        raise InvalidLogoutTokenError(f"a token of type {header!r} is not a logout token")
    if not isinstance(payload, str) or payload.lower() not in _PAYLOAD_TYPES:
        raise InvalidLogoutTokenError(f"a token of type {payload!r} is not a logout token")
    if "nonce" in token.claims:
        # Section 2.4: forbids nonce, so that no ID token passes as a logout token.
        raise InvalidLogoutTokenError("a logout token must not have a nonce")
    events = token.claims.get("events")
    # Additional members are allowed, here and inside this one.
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
        raise InvalidLogoutTokenError("the token has no back-channel logout event")


def _media_type(typ: str) -> str:
    # RFC 7515, section 4.1.9: the prefix "application/" is optional.
    return typ.lower().removeprefix("application/")


def _time(claims: Mapping[str, object], name: str) -> float:
    number = finite(claims.get(name))
    if number is None:
        shown = str(claims.get(name))[:100]
        raise InvalidLogoutTokenError(f"the logout token's {name} is {shown!r}")
    return number


def _text(claims: Mapping[str, object], name: str, most: int = _MAX_ID_CHARACTERS) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise InvalidLogoutTokenError(f"the logout token's {name} is {str(value)[:100]!r}")
    return value
