"""Client authentication at a provider's endpoints (RFC 6749, section 2.3)."""

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from gateway.errors import ProviderUnavailableError
from gateway.oidc.discovery import Metadata
from gateway.oidc.mutual_tls import METHOD
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import sign
from gateway.settings.client_key import read_client_key

if TYPE_CHECKING:
    from joserfc.jwk import Key

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion is used at once, so a copy should not stay valid for long (RFC 7523, section 3).
ASSERTION_TTL_S = 60
_ALGORITHM_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


@dataclass(frozen=True, slots=True)
class ClientProof:
    """What to add to a request: header fields, and form parameters."""

    fields: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


def choose_method(registration: Registration, metadata: Metadata) -> str:
    """The configured method, or the best that both sides support.

    If the provider lists none, that is client_secret_basic (RFC 6749, section 2.3.1).
    """
    if registration.client_auth is not None:
        return registration.client_auth
    if registration.client_key is not None:
        return "private_key_jwt"
    if registration.client_secret is None:
        return "none"
    offered = metadata.token_auth_methods
    if "client_secret_basic" not in offered and "client_secret_post" in offered:
        return "client_secret_post"
    return "client_secret_basic"


def prove_client(registration: Registration, metadata: Metadata, now: float) -> ClientProof:
    """Authenticate as `registration` at the token, revocation or introspection endpoint.

    Raises:
        ProviderUnavailableError: the configured key cannot sign.
    """
    method = choose_method(registration, metadata)
    return _METHODS[method](registration, metadata, now)


def _basic(registration: Registration, _metadata: Metadata, _now: float) -> ClientProof:
    # RFC 6749, section 2.3.1: form-encode first, then apply Basic.  It matters if the id or the
    # secret contains ":", "%", "+" or "@".
    pair = f"{quote_plus(registration.client_id)}:{quote_plus(registration.client_secret or '')}"
    return ClientProof(fields=(("Authorization", f"Basic {b64encode(pair.encode()).decode()}"),))


def _post(registration: Registration, _metadata: Metadata, _now: float) -> ClientProof:
    return ClientProof(
        parameters=(
            ("client_id", registration.client_id),
            ("client_secret", registration.client_secret or ""),
        )
    )


def _none(registration: Registration, _metadata: Metadata, _now: float) -> ClientProof:
    return ClientProof(parameters=(("client_id", registration.client_id),))


def _private_key_jwt(registration: Registration, metadata: Metadata, now: float) -> ClientProof:
    key, kid = _client_key(registration.client_key or "")
    by_issuer = registration.assertion_audience == "issuer"
    # RFC 7523, section 3: issuer, subject, audience, lifetime, and an id for one-time use.
    claims = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        "aud": metadata.issuer if by_issuer else metadata.token_endpoint,
        "iat": int(now),
        "exp": int(now) + ASSERTION_TTL_S,
        "jti": secrets.token_urlsafe(24),
    }
    assertion = sign(claims, key, _algorithm_of(key), kid)
    return ClientProof(
        parameters=(
            ("client_id", registration.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        )
    )


_METHODS: dict[str, Callable[[Registration, Metadata, float], ClientProof]] = {
    "client_secret_basic": _basic,
    "client_secret_post": _post,
    "private_key_jwt": _private_key_jwt,
    # The certificate is shown in the handshake; the request names the client (RFC 8705, section 2).
    METHOD: _none,
    "none": _none,
}


@lru_cache(maxsize=16)
def _client_key(text: str) -> tuple["Key", str | None]:
    try:
        return read_client_key(text)
    except ValueError as error:
        raise ProviderUnavailableError(f"the client key {error}") from error


def _algorithm_of(key: "Key") -> str:
    if key.key_type == "RSA":
        return "RS256"
    return _ALGORITHM_OF_CURVE[str(key.get("crv"))]
