"""The public keys of a client that proves itself with private_key_jwt (RFC 7523)."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import Key

_NO_KEY = "contains no readable public key (PEM, JWK or JWK Set)"
_PRIVATE = "contains a private key: give the gateway the public one alone"
_VERIFIES = "has no key that fits (RSA, P-256, P-384, P-521 or Ed25519)"
_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519"})


def read_public_keys(text: str) -> Mapping[str, object]:
    """The JWK Set (RFC 7517, section 5) in `text`: PEM, a JWK or a JWK Set.

    Raises:
        ValueError: It is none of these; the message says why and quotes none of it.
    """
    from joserfc.errors import JoseError

    if "PRIVATE KEY" in text:
        raise ValueError(_PRIVATE)
    try:
        members = _members(text)
        keys = [_imported(it) for it in members]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(_NO_KEY) from None
    if any(key.is_private for key in keys):
        raise ValueError(_PRIVATE)
    if not keys or not any(key.key_type == "RSA" or key.get("crv") in _CURVES for key in keys):
        raise ValueError(_VERIFIES)
    return {"keys": members}


def _members(text: str) -> list[dict[str, Any]]:
    if not text.lstrip().startswith("{"):
        return [_of_pem(text)]
    values = json.loads(text)
    members: list[dict[str, Any]] = values.get("keys", [values])
    return members


def _imported(member: dict[str, Any]) -> "Key":
    from joserfc.jwk import JWKRegistry

    if member["kty"] == "oct":
        raise ValueError("a shared secret")
    return JWKRegistry.import_key(member)


def _of_pem(text: str) -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    key = load_pem_public_key(text.encode())
    if isinstance(key, rsa.RSAPublicKey):
        return RSAKey.import_key(key).as_dict(private=False)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECKey.import_key(key).as_dict(private=False)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return OKPKey.import_key(key).as_dict(private=False)
    raise ValueError("another kind of key")
