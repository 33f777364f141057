"""Sealing under the server's secret: one key per purpose, with overlap at rotation.

AES-256-GCM (NIST SP 800-38D) under keys derived with HKDF-SHA-256 (RFC 5869).
"""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# NIST SP 800-131A: at least 112 bits are required; a random 32-byte secret gives 256.
MIN_SECRET_BYTES = 32
_VERSION = b"\x01"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES

RandomBytes = Callable[[int], bytes]


def structured(*parts: bytes) -> bytes:
    """Each part with its length before it, so that different lists never give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Sealer:
    """Seals and opens bytes; data sealed for one purpose and context opens for no other.

    The newest secret seals, and every secret opens.  Each purpose and context has its own derived
    key, so random nonces never cover more than one record's messages.
    """

    def __init__(
        self, secret_list: tuple[bytes, ...], random: RandomBytes = secrets.token_bytes
    ) -> None:
        """Use `secret_list`, newest first.

        Raises:
            ValueError: There is no secret, or one is shorter than 32 bytes.
        """
        if not secret_list or any(len(secret) < MIN_SECRET_BYTES for secret in secret_list):
            raise ValueError(f"every secret needs at least {MIN_SECRET_BYTES} bytes")
        self._random = random
        self._newest = _key_id(secret_list[0])
        self._secrets = {_key_id(secret): secret for secret in reversed(secret_list)}

    def seal(
        self, purpose: str, data: bytes, *, context: bytes = b"", extra_key: bytes = b""
    ) -> bytes:
        """Seal `data`; if `extra_key` is given, opening needs it as well as the secret."""
        nonce = self._random(_NONCE_BYTES)
        key = _derive(self._secrets[self._newest], purpose, context, extra_key)
        bound = _associated(purpose, self._newest, context)
        return _VERSION + self._newest + nonce + AESGCM(key).encrypt(nonce, data, bound)

    def open_sealed(
        self, purpose: str, sealed: bytes, *, context: bytes = b"", extra_key: bytes = b""
    ) -> bytes | None:
        """The sealed data, or None if it is not ours, not intact or not for this purpose."""
        if len(sealed) < _HEAD_BYTES or sealed[:1] != _VERSION:
            return None
        key_id = sealed[1 : 1 + _KEY_ID_BYTES]
        secret = self._secrets.get(key_id)
        if secret is None:
            return None
        key = _derive(secret, purpose, context, extra_key)
        nonce = sealed[1 + _KEY_ID_BYTES : _HEAD_BYTES]
        try:
            bound = _associated(purpose, key_id, context)
            return AESGCM(key).decrypt(nonce, sealed[_HEAD_BYTES:], bound)
        except InvalidTag:
            return None

    def is_newest(self, sealed: bytes) -> bool:
        """Whether `sealed` is sealed under the newest secret."""
        return sealed[1 : 1 + _KEY_ID_BYTES] == self._newest

    def has_secrets_of(self, other: "Sealer") -> bool:
        """Whether both have the same secrets in the same order."""
        return list(self._secrets) == list(other._secrets)  # noqa: SLF001 - one of our own kind

    def digests(self, purpose: str, *parts: str) -> tuple[str, ...]:
        """Keyed digests of `parts` as hex, one for each secret, newest first."""
        message = structured(*(part.encode("utf-8", "surrogatepass") for part in parts))
        keys = (_derive(s, "digest", purpose.encode(), b"") for s in self._newest_first())
        return tuple(hmac.digest(key, message, "sha256").hex() for key in keys)

    def _newest_first(self) -> list[bytes]:
        return list(reversed(self._secrets.values()))


def _key_id(secret: bytes) -> bytes:
    return hmac.digest(secret, b"gatepost key id", "sha256")[:_KEY_ID_BYTES]


def _associated(purpose: str, key_id: bytes, context: bytes) -> bytes:
    return structured(b"gatepost", purpose.encode(), key_id, context)


def _derive(secret: bytes, purpose: str, context: bytes, extra_key: bytes) -> bytes:
    info = structured(b"gatepost key", purpose.encode(), context)
    # Both inputs have full entropy; the salt combines them and neither replaces the other.
    salt = sha256(structured(b"gatepost salt", extra_key)).digest()
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)
