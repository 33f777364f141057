"""Validates an ID token's claims (OpenID Connect Core 1.0, section 3.1.3.7); pure."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.oidc.errors import (
    InvalidIdTokenError,
    IssuerMismatchError,
    NonceMismatchError,
)
from gateway.oidc.numbers import finite
from gateway.oidc.tokens import SignedToken

# Well-kept clocks differ by less; OpenID Connect Core 1.0 allows "a few minutes".
LEEWAY_S = 60.0
# OpenID Connect Core 1.0, section 2: `sub` must not exceed 255 ASCII characters.
MAX_SUBJECT_CHARACTERS = 255
_HEADER_TYPES = frozenset({"", "jwt", "id_token+jwt"})
_PAYLOAD_TYPES = frozenset({"", "id", "jwt"})
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must match.

    Attributes:
        issuers: The configured issuer and its accepted spellings.
        clients: The client ids that the token may be for.
        nonce: As sent; None if the token does not come from a sign-in (a refresh).
        nonce_may_be_absent: Whether to accept a token without it; a wrong one is refused.
        access_token: The one issued together with it, for ``at_hash``.
        max_age_s: The ``max_age`` of the sign-in, if it asked for one: how long before `asked_at`
            the user may have signed in.
        asked_at: When the sign-in was started.
        leeway_s: Tolerated clock skew.
    """

    issuers: Collection[str]
    clients: Collection[str]
    nonce: str | None
    nonce_may_be_absent: bool = False
    access_token: str | None = None
    max_age_s: int | None = None
    asked_at: float = 0.0
    leeway_s: float = LEEWAY_S


def judge_id_token(token: SignedToken, expected: Expected, now: float) -> None:
    """Check all claims of a `token` with a valid signature; return if they are acceptable.

    Raises:
        IssuerMismatchError: it is another issuer's.
        NonceMismatchError: it was issued for another sign-in.
        InvalidIdTokenError: anything else is missing or wrong.
    """
    claims = token.claims
    _judge_type(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in expected.issuers:
        known = " or ".join(map(repr, sorted(expected.issuers)))
        found = f"{str(issuer)[:200]!r}"
        raise IssuerMismatchError(f"issuer: configured is {known}, the ID token's iss is {found}")
    _judge_audience(claims, expected.clients)
    _judge_times(claims, expected, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
        raise InvalidIdTokenError(f"the ID token's sub is {subject!r}")
    _judge_nonce(claims, expected)
    _judge_access_token_hash(token, expected.access_token)


def judge_userinfo(claims: Mapping[str, object], issuers: Collection[str], client: str) -> None:
    """Check that signed userinfo is not from another issuer or for another client.

    OpenID Connect Core 1.0, section 5.3.2, recommends `iss` and `aud` but allows leaving them out.

    Raises:
        IssuerMismatchError: it is another issuer's.
        InvalidIdTokenError: it is for another client.
    """
    if claims.get("iss") not in (None, *issuers):
        raise IssuerMismatchError("its iss is another issuer")
    if "aud" in claims:
        _judge_audience(claims, (client,))


def _judge_type(token: SignedToken) -> None:
    # RFC 8725, section 3.11: a token for another purpose is not an ID token, whoever signed it.
    # Keycloak states the kind in the payload.
    for kind, known in (
        (token.header.get("typ", ""), _HEADER_TYPES),
        (token.claims.get("typ", ""), _PAYLOAD_TYPES),
    ):
        if not isinstance(kind, str) or kind.lower() not in known:
            raise InvalidIdTokenError(f"a token of type {kind!r} is not an ID token")
    if "events" in token.claims:
        raise InvalidIdTokenError("a logout token is not an ID token")


def _judge_audience(claims: Mapping[str, object], clients: Collection[str]) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if audience in (None, "", []):
        # OpenID Connect Core 1.0, section 2: aud must contain the client id.
        raise InvalidIdTokenError(
            f"the ID token names no audience (aud is {audience!r}): at the provider, add "
            f"{_named(clients)} to the audiences of this client's tokens"
        )
    if not isinstance(audiences, list) or not any(
        isinstance(name, str) and name in clients for name in audiences
    ):
        raise InvalidIdTokenError(f"the ID token is for {audience!r}, not for {_named(clients)}")
    party = claims.get("azp")
    # Several audiences without azp are accepted: Zitadel lists every client of the project, and
    # errata set 2 of the specification leaves azp to agreement.  If present, azp must be us.
    if party is not None and not (isinstance(party, str) and party in clients):
        raise InvalidIdTokenError(f"the ID token was issued to {party!r}, not to {_named(clients)}")


def _named(clients: Collection[str]) -> str:
    return " or ".join(map(repr, clients))


def _judge_times(claims: Mapping[str, object], expected: Expected, now: float) -> None:
    leeway_s = min(expected.leeway_s, LEEWAY_S)
    expires_at = _time(claims, "exp")
    issued_at = _time(claims, "iat")
    if expires_at is None or issued_at is None:
        raise InvalidIdTokenError("the ID token has no exp or no iat")
    if expires_at + leeway_s <= now:
        raise InvalidIdTokenError(f"the ID token expired {now - expires_at:.0f} s ago")
    if issued_at - leeway_s > now:
        raise InvalidIdTokenError(f"the ID token is issued in {issued_at - now:.0f} s: clock skew?")
    not_before = _time(claims, "nbf")
    if not_before is not None and not_before - leeway_s > now:
        raise InvalidIdTokenError(f"the ID token is not yet valid for {not_before - now:.0f} s")
    if expected.max_age_s is not None:
        signed_in_at = _time(claims, "auth_time")
        # Section 3.1.2.1: if max_age was requested, auth_time is required.
        if signed_in_at is None or signed_in_at + expected.max_age_s + leeway_s < expected.asked_at:
            raise InvalidIdTokenError("the provider did not ask the user to sign in again")


def _time(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    number = finite(value)
    if number is None:
        raise InvalidIdTokenError(f"the ID token's {name} is {str(value)[:100]!r}")
    return number


def _judge_nonce(claims: Mapping[str, object], expected: Expected) -> None:
    if expected.nonce is None or (expected.nonce_may_be_absent and "nonce" not in claims):
        return
    if "nonce" not in claims:
        raise NonceMismatchError(
            "the ID token has no nonce; if this provider never returns it, set nonce: unless_absent"
        )
    if not _equals(claims["nonce"], expected.nonce):
        raise NonceMismatchError("the ID token's nonce is not the one that was sent")


def _judge_access_token_hash(token: SignedToken, access_token: str | None) -> None:
    stated = token.claims.get("at_hash")
    if stated is None or access_token is None:
        return
    if not _equals(stated, access_token_hash(access_token, str(token.header["alg"]))):
        raise InvalidIdTokenError("the access token is not the one the ID token was issued with")


def access_token_hash(access_token: str, algorithm: str) -> str:
    """``at_hash`` of `access_token` (OpenID Connect Core 1.0, section 3.1.3.6)."""
    # EdDSA names no hash; Ed25519 uses SHA-512 internally, and so do providers for at_hash.
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _equals(stated: object, wanted: str) -> bool:
    return isinstance(stated, str) and hmac.compare_digest(stated.encode(), wanted.encode())
