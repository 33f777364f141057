"""Verifies signed tokens (RFC 7519); the only module that calls joserfc's `jwt.decode`.

It checks the signature only.  `id_token` and other callers check the claims.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.oidc.keys import Keys, VerificationKey

if TYPE_CHECKING:
    from joserfc._rfc7515.model import JWSAlgModel
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

# A certificate chain in `x5c` is a few KiB.  It is ignored, but must not make a token too large.
MAX_HEADER_BYTES = 8192
MAX_TOKEN_BYTES = 64 * 1024
_SIGNED_PARTS = 3
_ENCRYPTED_PARTS = 5
# RFC 7518, section 3.2: the key must be at least as long as the hash.
_HMAC_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


class BadTokenError(Exception):
    """The token is not valid; the message says why and may quote it."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token with a valid signature; its claims are not checked yet."""

    header: Mapping[str, object]
    claims: Mapping[str, object]


def read_header(token: str) -> Mapping[str, object]:
    """The header of a signed token in compact form, not yet verified (RFC 7515, section 7.1).

    Raises:
        BadTokenError: it is too large, encrypted, malformed, or relies on an extension.
    """
    if len(token) > MAX_TOKEN_BYTES or re.fullmatch(r"[A-Za-z0-9_.-]+", token) is None:
        raise BadTokenError("the token is too large or not base64url")
    parts = token.split(".")
    if len(parts) == _ENCRYPTED_PARTS:
        raise BadTokenError("the token is encrypted (JWE): turn its encryption off at the provider")
    if len(parts) != _SIGNED_PARTS or len(parts[0]) > MAX_HEADER_BYTES:
        raise BadTokenError("the token is not a signed token in compact form")
    try:
        header = json.loads(urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadTokenError("the token's header is not JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get("alg"), str):
        raise BadTokenError("the token's header names no algorithm")
    # RFC 7515, section 4.1.11: no extension is understood here, so none may be critical.
    # RFC 7797's `b64` changes what is signed, and is one.
    if "crit" in header or "b64" in header:
        raise BadTokenError("the token relies on a header extension")
    if not isinstance(header.get("kid", ""), str):
        raise BadTokenError("the token's key id is not text")
    return header


async def verify(token: str, keys: Keys, algorithms: Collection[str]) -> SignedToken:
    """Verify that `token` is signed with one of the provider's `keys`.

    Keys come only from the provider's key set: `jwk`, `jku`, `x5u` and `x5c` in the header are
    ignored.

    Raises:
        BadTokenError: it is not.
        GatewayError: the keys cannot be fetched.
    """
    header = read_header(token)
    algorithm = _allowed(header, algorithms)
    kid = header.get("kid")
    candidates = await keys.candidates(kid if isinstance(kid, str) else None, algorithm)
    return _decoded(token, _only(candidates, kid).key, algorithm)


def verify_with_secret(token: str, secret: str, algorithms: Collection[str]) -> SignedToken:
    """Verify that `token` is authenticated with the client secret (HMAC).

    Raises:
        BadTokenError: it is not, or the secret is too short for the algorithm.
    """
    algorithm = _allowed(read_header(token), algorithms)
    key = secret.encode()
    if len(key) < _HMAC_KEY_BYTES.get(algorithm, len(key) + 1):
        raise BadTokenError(f"the client secret is too short for {algorithm}, or it is no HMAC")
    from joserfc.jwk import OctKey

    try:
        imported = OctKey.import_key(key)
    except ValueError as error:
        raise BadTokenError("the client secret cannot be used as an HMAC key") from error
    return _decoded(token, imported, algorithm)


def is_symmetric(token: str) -> bool:
    """Whether the header asks for an HMAC.

    Raises:
        BadTokenError: the header cannot be read.
    """
    return read_header(token)["alg"] in _HMAC_KEY_BYTES


def peek_claims(token: str) -> Mapping[str, object]:
    """The claims of `token`, without verifying it: it was verified before, or is verified later.

    Raises:
        BadTokenError: it is malformed.
    """
    read_header(token)
    payload = token.split(".")[1]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadTokenError("the token's payload is not JSON") from error
    if not isinstance(claims, dict):
        raise BadTokenError("the token's payload is not an object")
    return claims


def _allowed(header: Mapping[str, object], algorithms: Collection[str]) -> str:
    algorithm = header["alg"]
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise BadTokenError(f"algorithm {algorithm!r} is not allowed")
    return algorithm


def _only(candidates: tuple[VerificationKey, ...], kid: object) -> VerificationKey:
    if not candidates:
        raise BadTokenError(f"no key of the provider fits key id {kid!r}")
    if len(candidates) > 1 and kid is None:
        # OpenID Connect Core 1.0, section 10.1.
        raise BadTokenError("the token names no key, and the provider has several")
    return candidates[0]


def _decoded(token: str, key: "Key", algorithm: str) -> SignedToken:
    # joserfc is imported late: a tenth of a second that only the first token needs.
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        found = jwt.decode(token, key, algorithms=[algorithm], registry=_registry(algorithm))
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise BadTokenError(f"{type(error).__name__}: {error}") from error
    return SignedToken(found.header, found.claims)


def sign(
    claims: Mapping[str, object],
    key: "Key",
    algorithm: str,
    kid: str | None,
    kind: str | None = None,
) -> str:
    """`claims` as a token signed with the private `key`; `kind` is its ``typ``, if not ``JWT``."""
    from joserfc import jwt

    header = {"alg": algorithm}
    header |= {} if kid is None else {"kid": kid}
    header |= {} if kind is None else {"typ": kind}
    return jwt.encode(header, dict(claims), key, registry=_registry(algorithm))


@lru_cache(maxsize=16)
def _registry(algorithm: str) -> "JWSRegistry":
    from joserfc.jws import JWSRegistry

    class Registry(JWSRegistry):
        max_header_length = MAX_HEADER_BYTES

        def get_alg(self, name: str) -> "JWSAlgModel":
            # The inherited method warns at every EdDSA token: RFC 9864 renames it, but
            # providers still use the old name.  The header's alg was already checked.
            return self.algorithms[name]

    # Unknown header parameters must be ignored (RFC 7515, section 4); critical ones were refused
    # because of `crit`.
    return Registry(algorithms=[algorithm], strict_check_header=False)
