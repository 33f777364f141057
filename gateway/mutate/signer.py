"""The key that signs assertions: created once, sealed in the store, published as a JWKS."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Store

_PURPOSE = "assertion-key"
_STORE_KEY = "assertion-key"
# For the curve P-256: a coordinate, the private value, or half of a signature.
_NUMBER_BYTES = 32
_COMPACT = (",", ":")


class AssertionSigner:
    """Signs with the newest of `keys` (private JWKs, RFC 7518, section 6.2); publishes them all."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        self._keys = keys

    @cached_property
    def document(self) -> bytes:
        """The key set (RFC 7517, section 5) without private keys."""
        public = [{k: v for k, v in key.items() if k != "d"} for key in self._keys]
        return json.dumps({"keys": public}).encode()

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        x, y, d = (_decoded(self._keys[0][name]) for name in ("x", "y", "d"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
        return ec.EllipticCurvePrivateNumbers(d, public).private_key()

    @cached_property
    def _header(self) -> bytes:
        return _base64url_json({"alg": "ES256", "typ": "gatepost+jwt", "kid": self._keys[0]["kid"]})

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


async def load_signer(store: Store, sealer: Sealer) -> AssertionSigner:
    """The signer with the keys from the store; the first process to call this creates a key.

    The keys are resealed under the newest secret, so that older secrets can be removed.

    Raises:
        StoreUnavailableError: The store cannot answer, or the keys are sealed under another secret.
    """
    for _ in range(3):
        sealed = await store.get(_STORE_KEY)
        keys = [new_signing_key()] if sealed is None else _open(sealer, sealed)
        if sealed is not None and sealer.is_newest(sealed):
            return AssertionSigner(keys)
        anew = sealer.seal(_PURPOSE, json.dumps(keys).encode())
        if await store.compare_and_swap(_STORE_KEY, sealed, anew, ttl_s=None):
            return AssertionSigner(keys)
    raise StoreUnavailableError("the assertion key could not be saved")


async def is_sealed_by(store: Store, sealer: Sealer) -> bool | None:
    """Whether `sealer` opens the keys in the store; None if it has none.  Changes nothing.

    Raises:
        StoreUnavailableError: The store cannot answer.
    """
    sealed = await store.get(_STORE_KEY)
    return None if sealed is None else sealer.open_sealed(_PURPOSE, sealed) is not None


def _open(sealer: Sealer, sealed: bytes) -> list[dict[str, str]]:
    data = sealer.open_sealed(_PURPOSE, sealed)
    if data is None:
        raise sealed_under_another("the assertion key")
    keys: list[dict[str, str]] = json.loads(data)
    return keys


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


def _encoded(number: int) -> str:
    return _base64url(number.to_bytes(_NUMBER_BYTES, "big")).decode()


def _decoded(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _base64url_json(value: Mapping[str, object]) -> bytes:
    return _base64url(json.dumps(value, separators=_COMPACT).encode())


def _base64url(data: bytes) -> bytes:
    # RFC 7515, section 2: without padding.
    return urlsafe_b64encode(data).rstrip(b"=")
