"""The format of an API key: ``gp_<id>_<secret><checksum>``.  Pure.

The id names the key's record and is not secret.  The secret has 256 bits, so reversing a plain
SHA-256 of the key is as hard as guessing the key.  The checksum detects a cut, mistyped or made-up
key without a lookup, for the gateway and for secret scanners.
"""

import re
import zlib
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.credentials.shape import PREFIX
from gateway.sealing.sealer import RandomBytes

_ID_BYTES = 8
_SECRET_BYTES = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
# The digits of the largest 32-byte and the largest 4-byte number.
_SECRET_CHARS = 43
_CHECKSUM_CHARS = 6
_FORM = re.compile(r"gp_([0-9a-f]{16})_[0-9A-Za-z]{49}")
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key with a valid checksum, which may never have been issued.

    Attributes:
        key_id: Names its record; not secret.
        digest: SHA-256 of the whole key, which identifies it.
    """

    key_id: str
    digest: bytes = field(repr=False)


def new_key(random: RandomBytes) -> str:
    """A new random key."""
    secret = int.from_bytes(random(_SECRET_BYTES), "big")
    begin = f"{PREFIX}{random(_ID_BYTES).hex()}_{_base62(secret, _SECRET_CHARS)}"
    return begin + checksum(begin)


def parse_key(text: str) -> ApiKey | None:
    """Parse `text` as an API key; None if it is not one.  Never raises."""
    found = _FORM.fullmatch(text)
    if found is None or not is_whole(text):
        return None
    return ApiKey(found[1], sha256(text.encode()).digest())


def is_key_id(text: str) -> bool:
    """Whether `text` could be the id of a key."""
    return _ID.fullmatch(text) is not None


def is_whole(text: str) -> bool:
    """Whether `text` ends in the checksum of the rest."""
    return checksum(text[:-_CHECKSUM_CHARS]) == text[-_CHECKSUM_CHARS:]


def checksum(text: str) -> str:
    """CRC-32 of `text` in base 62, the most significant digit first."""
    rest, last = divmod(zlib.crc32(text.encode()), len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
