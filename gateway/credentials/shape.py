"""Recognises the gateway's own credentials: everything that begins with ``gp_``.  Pure.

A value of this form is judged by the gateway or refused, valid or not, and never reaches an app.
"""

import base64
import re

PREFIX = "gp_"

_OWN = PREFIX.encode()
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def split_scheme(value: bytes) -> tuple[bytes, bytes]:
    """Scheme in lower case and credential of an Authorization value; scheme ``b""`` for one word.

    As lenient as the most lenient app: any white space separates the two.
    """
    scheme, *rest = value.split(None, 1) or [b""]
    return (scheme.lower(), rest[0]) if rest else (b"", scheme)


def decode_basic(credential: bytes) -> bytes:
    """The decoded credential of Basic (RFC 7617, section 2); never fails.

    As lenient as the most lenient app: without padding, in either alphabet, ignoring other bytes.
    """
    kept = _NOT_BASE64.sub(b"", credential.partition(b"=")[0].translate(_TO_STANDARD))
    # A single digit after a group of four encodes no byte.
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def carries_own(value: bytes) -> bool:
    """Whether a field value holds a gateway credential: bare, after a scheme or in Basic."""
    scheme, credential = split_scheme(value)
    if credential.startswith(_OWN) or scheme.startswith(_OWN):
        return True
    if scheme != b"basic":
        return False
    user, _, password = decode_basic(credential).partition(b":")
    # Some clients send Basic credentials unencoded.
    return user.startswith(_OWN) or password.startswith(_OWN) or b":" + _OWN in credential
