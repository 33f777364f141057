"""What the gateway gives out begins with ``gp_``, and whatever begins so is its own.  Pure.

Good or bad does not matter: one of this shape is judged here or refused, and reaches no app.
"""

import base64
import re

PREFIX = "gp_"

_OWN = PREFIX.encode()
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def split_scheme(value: bytes) -> tuple[bytes, bytes]:
    """Scheme, in lower case, and credential of an Authorization value; scheme ``b""`` for one word.

    Read as the laxest app reads it: any white space between the two.
    """
    scheme, *rest = value.split(None, 1) or [b""]
    return (scheme.lower(), rest[0]) if rest else (b"", scheme)


def decode_basic(credential: bytes) -> bytes:
    """What is encoded in a credential of Basic (RFC 7617, section 2); never fails.

    Read as the laxest app reads it: unpadded, in either alphabet, with what is in none left out.
    """
    kept = _NOT_BASE64.sub(b"", credential.partition(b"=")[0].translate(_TO_STANDARD))
    # One digit past a group of four holds no byte.
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def carries_own(value: bytes) -> bool:
    """Whether a field value holds what is of the gateway's shape: bare, by a scheme, in Basic."""
    scheme, credential = split_scheme(value)
    if credential.startswith(_OWN) or scheme.startswith(_OWN):
        return True
    if scheme != b"basic":
        return False
    user, _, password = decode_basic(credential).partition(b":")
    # Some clients forget to encode.
    return user.startswith(_OWN) or password.startswith(_OWN) or b":" + _OWN in credential
