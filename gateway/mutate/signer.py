"""The key that signs assertions: created once, sealed in the store, published as a JWKS."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from gateway.sealing.sealer import Sealer
from gateway.sealing.signing_keys import StoredKeys, key_set, signing_key
from gateway.storage.store import Store

# Also their place in the store.
_PURPOSE = "assertion-key"
# For the curve P-256: a coordinate, the private value, or half of a signature.
_NUMBER_BYTES = 32
_COMPACT = (",", ":")


class AssertionSigner:
    """Signs with one of `keys` (private JWKs, RFC 7518, section 6.2), and publishes them.

    Attributes:
        document: The key set (RFC 7517, section 5) without private keys.
    """

    def __init__(self, keys: list[dict[str, Any]], now: float = 0.0) -> None:
        """Use `keys`, newest first, as they are due at `now`, in seconds since the epoch."""
        self.follow(keys, now)

    def follow(self, keys: list[dict[str, Any]], now: float) -> None:
        """Use `keys` from now on."""
        signing = signing_key(keys, "ES256", now)
        assert signing is not None  # noqa: S101 - `load_signer` makes one
        self.document = key_set(keys, now)
        self._keys = keys
        self._key = _private_key(signing)
        self._header = _base64url_json(
            {"alg": "ES256", "typ": "gatepost+jwt", "kid": signing["kid"]}
        )

    def sign(self, claims: Mapping[str, object]) -> str:
        """`claims` as a JWT of type ``gatepost+jwt``.

        Built here (RFC 7515, section 3.1), because importing a library for it takes a tenth of the
        startup time.
        """
        signed = b"%b.%b" % (self._header, _base64url_json(claims))
        # RFC 7518, section 3.4: the two numbers concatenated, not DER.
        halves = decode_dss_signature(self._key.sign(signed, ec.ECDSA(SHA256())))
        signature = b"".join([half.to_bytes(_NUMBER_BYTES, "big") for half in halves])
        return (signed + b"." + _base64url(signature)).decode()


def assertion_keys(store: Store) -> StoredKeys:
    """The keys in `store` that sign assertions."""
    return StoredKeys(store, _PURPOSE, "the assertion key")


async def load_signer(store: Store, sealer: Sealer, now: float = 0.0) -> AssertionSigner:
    """The signer with the keys from the store; the first process to call this creates a key.

    The keys are resealed under the newest secret, so that older secrets can be removed.

    Raises:
        StoreUnavailableError: The store cannot answer, or the keys are sealed under another secret.
    """
    return AssertionSigner(await read_keys(store, sealer), now)


async def read_keys(store: Store, sealer: Sealer) -> list[dict[str, Any]]:
    """The keys for `AssertionSigner`; see `load_signer`.

    Raises:
        StoreUnavailableError: As `load_signer`.
    """
    stored = assertion_keys(store)
    return await stored.read(sealer) or await stored.add_first(sealer, new_signing_key())


async def is_sealed_by(store: Store, sealer: Sealer) -> bool | None:
    """Whether `sealer` opens the keys in the store; None if it has none.  Changes nothing.

    Raises:
        StoreUnavailableError: The store cannot answer.
    """
    sealed = await store.get(_PURPOSE)
    return None if sealed is None else sealer.open_sealed(_PURPOSE, sealed) is not None


def new_signing_key() -> dict[str, str]:
    """A private P-256 key as a JWK, named by its thumbprint (RFC 7638)."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    key = {"crv": "P-256", "kty": "EC", "x": _encoded(point.x), "y": _encoded(point.y)}
    digest = Hash(SHA256())
    # RFC 7638: these members in this order, without white space.
    digest.update(json.dumps(key, separators=_COMPACT, sort_keys=True).encode())
    thumbprint = _base64url(digest.finalize()).decode()
    about = {"kid": thumbprint[:16], "use": "sig", "alg": "ES256"}
    return {**key, **about, "d": _encoded(numbers.private_value)}


def _private_key(key: Mapping[str, Any]) -> ec.EllipticCurvePrivateKey:
    x, y, d = (_decoded(key[name]) for name in ("x", "y", "d"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
    return ec.EllipticCurvePrivateNumbers(d, public).private_key()


def _encoded(number: int) -> str:
    return _base64url(number.to_bytes(_NUMBER_BYTES, "big")).decode()


def _decoded(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _base64url_json(value: Mapping[str, object]) -> bytes:
    return _base64url(json.dumps(value, separators=_COMPACT).encode())


def _base64url(data: bytes) -> bytes:
    # RFC 7515, section 2: without padding.
    return urlsafe_b64encode(data).rstrip(b"=")
