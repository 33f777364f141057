"""Validates an access token's claims (RFC 9068, and providers that deviate); pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from gateway.model import Identity
from gateway.oidc.claims import Notice, Person, make_identity
from gateway.oidc.numbers import finite
from gateway.oidc.registration import ClaimNames

# As for ID tokens.  RFC 9068 gives no number; RFC 7519, section 4.1.4, says "a few minutes".
LEEWAY_S = 60.0
MAX_SUBJECT_CHARACTERS = 255
INVALID = "invalid-token"
EXPIRED = "token-expired"
NOT_AN_ACCESS_TOKEN = "not-an-access-token"  # noqa: S105 - a reason
# RFC 9068, section 2.1; most providers still say JWT, or nothing.
_HEADER_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
# Values of `typ` in the payload of access tokens from Keycloak and others.
_PAYLOAD_TYPES = frozenset({"", "jwt", "bearer", "at+jwt", "access", "access_token"})
# OpenID Connect Core 1.0, sections 2 and 3.3.2.11, and FAPI's s_hash: claims of ID tokens.
# RFC 8417: `events` marks logout tokens and other security event tokens.
_OF_OTHER_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash", "events")
# RFC 7662, section 2.2: an introspected token's `token_type` is that of RFC 6749, section 7.1.
_TOKEN_TYPES = frozenset({"bearer", "access_token"})


class UnacceptableTokenError(Exception):
    """The token is not accepted.

    Attributes:
        reason: Public; the message is for the log and may quote the token.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """What tokens of one issuer must match, and how to read them.

    Attributes:
        provider: The name of the provider with this issuer; ``""`` if there is none.
    """

    issuer: str
    audiences: frozenset[str]
    names: ClaimNames
    assume_email_verified: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """The identity that a valid token proves.

    Attributes:
        until: Seconds since the epoch when the token must be judged again.
        is_client: Whether it stands for a client, not a person: its subject is the client's id,
            or it has none (RFC 9068, section 5).
    """

    identity: Identity
    until: float
    is_client: bool


def judge_jwt(
    header: Mapping[str, object], claims: Mapping[str, object], wanted: Wanted, now: float
) -> None:
    """Check the header and claims of a JWT; return if all are acceptable.

    Raises:
        UnacceptableTokenError: Something is missing or wrong.
    """
    _judge_kind(header.get("typ", ""), _HEADER_TYPES)
    _judge_purpose(claims)
    if claims.get("iss") != wanted.issuer:
        raise UnacceptableTokenError(INVALID, f"iss is {claims.get('iss')!r}")
    _judge_audience(claims, wanted.audiences)
    _judge_times(claims, now)
    if not _is_subject(claims.get("sub")):
        raise UnacceptableTokenError(INVALID, f"sub is {claims.get('sub')!r}")


def judge_own(
    header: Mapping[str, object], claims: Mapping[str, object], issuers: Collection[str], now: float
) -> None:
    """Check an access token that came with a sign-in, whoever it is for.

    Raises:
        UnacceptableTokenError: It is of another kind or issuer, or not valid now.
    """
    _judge_kind(header.get("typ", ""), _HEADER_TYPES)
    _judge_kind(claims.get("typ", ""), _PAYLOAD_TYPES)
    if claims.get("iss") not in issuers:
        raise UnacceptableTokenError(INVALID, f"iss is {claims.get('iss')!r}")
    _judge_times(claims, now)


def judge_introspected(claims: Mapping[str, object], wanted: Wanted, now: float) -> None:
    """Check the introspection response for an active token; return if it is acceptable.

    Raises:
        UnacceptableTokenError: Something is missing or wrong.
    """
    _judge_kind(claims.get("token_type", "bearer"), _TOKEN_TYPES)
    _judge_purpose(claims)
    if claims.get("iss", wanted.issuer) != wanted.issuer:
        raise UnacceptableTokenError(INVALID, f"iss is {claims.get('iss')!r}")
    _judge_audience(claims, wanted.audiences)
    # RFC 7662, section 2.2: `exp` is optional, because `active` already covers expiry.
    if claims.get("exp") is not None:
        _judge_times(claims, now)
    if not _is_subject(claims.get("sub", claims.get("client_id"))):
        raise UnacceptableTokenError(INVALID, "sub and client_id are both missing")


def read_token(
    claims: Mapping[str, object], wanted: Wanted, until: float, notice: Notice
) -> Proven:
    """The identity in the claims of a checked token; `notice` as in `make_identity`.

    Raises:
        UserMissingError: No claim names the user.
    """
    client = claims.get("client_id", claims.get("azp", claims.get("cid")))
    subject = claims.get("sub", client)
    scopes, is_readable = read_scopes(claims)
    identity = make_identity(
        Person({**claims, "sub": subject}, {}),
        provider=wanted.provider,
        issuer=wanted.issuer,
        names=wanted.names,
        assume_email_verified=wanted.assume_email_verified,
        scopes=scopes,
        notice=notice,
    )
    unreadable = identity.unreadable if is_readable else identity.unreadable | {"scopes"}
    expires_at = read_time(claims, "exp")
    identity = replace(
        identity,
        credential="bearer",
        unreadable=unreadable,
        expires_at=None if expires_at is None else int(expires_at),
    )
    return Proven(identity, until, is_client=subject == client)


def read_scopes(claims: Mapping[str, object]) -> tuple[frozenset[str], bool]:
    """The scopes in `scope` (RFC 8693, section 4.2) or `scp`, and whether they could be read."""
    value = claims.get("scope")
    if value is None:
        value = claims.get("scp")
    if value is None:
        return frozenset(), True
    if isinstance(value, str):
        return frozenset(value.split()), True
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return frozenset(word for item in value for word in item.split()), True
    return frozenset(), False


def read_time(claims: Mapping[str, object], name: str) -> float | None:
    """The time in the claim `name`, in seconds since the epoch; None if absent.

    Raises:
        UnacceptableTokenError: It is not a finite number.
    """
    value = claims.get(name)
    if value is None:
        return None
    number = finite(value)
    if number is None or abs(number) >= 2**53:
        raise UnacceptableTokenError(INVALID, f"{name} is {str(value)[:100]!r}")
    return number


def _judge_kind(kind: object, known: Collection[str]) -> None:
    if not isinstance(kind, str) or kind.lower() not in known:
        raise UnacceptableTokenError(NOT_AN_ACCESS_TOKEN, f"a token of type {kind!r}")


def _judge_purpose(claims: Mapping[str, object]) -> None:
    _judge_kind(claims.get("typ", ""), _PAYLOAD_TYPES)
    # Amazon Cognito and Ory state the use in this claim.
    use = claims.get("token_use", "access")
    if use not in ("access", "access_token"):
        raise UnacceptableTokenError(NOT_AN_ACCESS_TOKEN, f"a token for use as {use!r}")
    for name in _OF_OTHER_TOKENS:
        if name in claims:
            raise UnacceptableTokenError(NOT_AN_ACCESS_TOKEN, f"a token with {name}")
    if "cnf" in claims:
        # RFC 7800: the sender would have to prove possession of a key, which Bearer cannot do
        # (RFC 9449, section 7.2; RFC 8705, section 3).
        raise UnacceptableTokenError(INVALID, "the token is bound to a key")


def _judge_audience(claims: Mapping[str, object], audiences: frozenset[str]) -> None:
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not any(
        isinstance(name, str) and name in audiences for name in named
    ):
        raise UnacceptableTokenError(
            INVALID, f"aud is {audience!r}: have the issuer name one of {sorted(audiences)}"
        )


def _judge_times(claims: Mapping[str, object], now: float) -> None:
    expires_at = read_time(claims, "exp")
    if expires_at is None:
        raise UnacceptableTokenError(INVALID, "exp is missing")
    if expires_at + LEEWAY_S <= now:
        raise UnacceptableTokenError(EXPIRED, f"expired {now - expires_at:.0f} s ago")
    for name in ("nbf", "iat"):
        at = read_time(claims, name)
        if at is not None and at - LEEWAY_S > now:
            raise UnacceptableTokenError(INVALID, f"{name} is {at - now:.0f} s ahead: clock skew?")


def _is_subject(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_CHARACTERS
