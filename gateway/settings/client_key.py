"""The private key of private_key_jwt, with which the gateway authenticates (RFC 7523)."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joserfc.jwk import Key

_NO_KEY = "contains no readable private key (PEM, JWK, or Zitadel's key file)"
_ENCRYPTED = "is encrypted: use a key without a passphrase"
_SIGNS = "is not a kind of key that providers accept (RSA, P-256, P-384, P-521 or Ed25519)"
_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519"})


def read_client_key(text: str) -> tuple["Key", str | None]:
    """Read a private key and its id from `text`: PEM, a JWK, or Zitadel's ``{"keyId", "key"}``.

    Raises:
        ValueError: It is none of these; the message says why and quotes none of it.
    """
    from joserfc.errors import JoseError

    try:
        key, kid = _read(text)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # cryptography says "encrypted" if a passphrase is missing.
        raise ValueError(_ENCRYPTED if "encrypted" in str(error) else _NO_KEY) from None
    curve = key.get("crv")
    if not key.is_private or (key.key_type != "RSA" and curve not in _CURVES):
        raise ValueError(_SIGNS if key.is_private else _NO_KEY)
    return key, kid


def _read(text: str) -> tuple["Key", str | None]:
    from joserfc.jwk import JWKRegistry

    if not text.lstrip().startswith("{"):
        return _read_pem(text), None
    values = json.loads(text)
    if isinstance(values.get("key"), str):
        return _read_pem(values["key"]), values.get("keyId")
    if values["kty"] == "oct":
        raise ValueError("a shared secret")
    return JWKRegistry.import_key(values), values.get("kid")


def _read_pem(text: str) -> "Key":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    key = load_pem_private_key(text.encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAKey.import_key(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECKey.import_key(key)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return OKPKey.import_key(key)
    raise ValueError("another kind of key")
