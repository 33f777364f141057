"""Client authentication at a provider's endpoints (RFC 6749, section 2.3)."""

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote_plus

from gateway.oidc.client_assertion import read_assertion
from gateway.oidc.discovery import Metadata
from gateway.oidc.made_secret import made_secret
from gateway.oidc.mutual_tls import METHOD
from gateway.oidc.registration import Registration
from gateway.oidc.signing_key import algorithm_of, signing_key
from gateway.oidc.tokens import sign

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion is used at once, so a copy should not stay valid for long (RFC 7523, section 3).
ASSERTION_TTL_S = 60


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
    if registration.client_key is not None or registration.client_assertion_file is not None:
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
        ProviderUnavailableError: the configured key cannot sign, or the assertion be read.
    """
    method = choose_method(registration, metadata)
    return _METHODS[method](registration, metadata, now)


def _basic(registration: Registration, _metadata: Metadata, now: float) -> ClientProof:
    # RFC 6749, section 2.3.1: form-encode first, then apply Basic.  It matters if the id or the
    # secret contains ":", "%", "+" or "@".
    pair = f"{quote_plus(registration.client_id)}:{quote_plus(_secret(registration, now))}"
    return ClientProof(fields=(("Authorization", f"Basic {b64encode(pair.encode()).decode()}"),))


def _post(registration: Registration, _metadata: Metadata, now: float) -> ClientProof:
    return ClientProof(
        parameters=(
            ("client_id", registration.client_id),
            ("client_secret", _secret(registration, now)),
        )
    )


def _secret(registration: Registration, now: float) -> str:
    if registration.key_signs_for and registration.client_key is not None:
        return made_secret(registration, now)
    return registration.client_secret or ""


def _none(registration: Registration, _metadata: Metadata, _now: float) -> ClientProof:
    return ClientProof(parameters=(("client_id", registration.client_id),))


def _private_key_jwt(registration: Registration, metadata: Metadata, now: float) -> ClientProof:
    if registration.client_assertion_file is not None:
        assertion = read_assertion(registration.client_assertion_file, now)
    else:
        assertion = _made_assertion(registration, metadata, now)
    return ClientProof(
        parameters=(
            ("client_id", registration.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        )
    )


def _made_assertion(registration: Registration, metadata: Metadata, now: float) -> str:
    key, kid = signing_key(registration.client_key or "")
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
    return sign(claims, key, algorithm_of(key), registration.client_key_id or kid)


_METHODS: dict[str, Callable[[Registration, Metadata, float], ClientProof]] = {
    "client_secret_basic": _basic,
    "client_secret_post": _post,
    "private_key_jwt": _private_key_jwt,
    # The certificate is shown in the handshake; the request names the client (RFC 8705, section 2).
    METHOD: _none,
    "none": _none,
}
