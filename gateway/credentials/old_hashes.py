"""Password hashes of other software: which are accepted, and how each is verified.

They are accepted until the owner's next sign-in, which replaces them by our own.
"""

import binascii
import hmac
import re
from base64 import b64decode
from hashlib import pbkdf2_hmac

_MAX_CHARACTERS = 512
# What one check may cost.  An imported hash decides that, and anyone may send a password for it.
_MAX_BCRYPT_COST = 15  # Three seconds.
_MAX_ARGON2_KIB = 1024 * 1024
_MAX_ARGON2_KIB_PASSES = 4 * _MAX_ARGON2_KIB
_MAX_ARGON2_LANES = 16
_MAX_PBKDF2_ROUNDS = 5_000_000
# The first 72 bytes are all that bcrypt ever used; the library refuses more.
_BCRYPT_BYTES = 72

# The salt and the hash end in characters whose last bits are zero: with others, none matches.
# $2x$ marks hashes of a faulty crypt_blowfish, for which many passwords are right.
_BCRYPT = re.compile(
    r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
)
_ARGON2 = re.compile(
    r"\$argon2id?(?:\$v=(?:16|19))?\$m=([0-9]{1,8}),t=([0-9]{1,8}),p=([0-9]{1,4})"
    r"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,128}"
)
_PBKDF2 = re.compile(
    r"pbkdf2_sha256\$([0-9]{1,9})\$([A-Za-z0-9./+=_-]{1,128})\$([A-Za-z0-9+/]{43}=)"
)
# Django writes the name of its hasher before the hash of the library.
_DJANGO = {"argon2$argon2": "$argon2", "bcrypt$$2": "$2"}


class HashRefusedError(ValueError):
    """The hash is of no known kind, or checking a password with it costs too much."""


def read_hash(text: str) -> str:
    """The password hash in `text`, as `is_right` and Argon2's own library take it.

    Raises:
        HashRefusedError: See its message, which does not repeat the hash.
    """
    if len(text) > _MAX_CHARACTERS:
        raise HashRefusedError(f"a password hash has at most {_MAX_CHARACTERS} characters")
    for theirs, ours in _DJANGO.items():
        if text.startswith(theirs):
            text = ours + text.removeprefix(theirs)
    if found := _BCRYPT.fullmatch(text):
        _check("bcrypt cost", int(found[1]), 4, _MAX_BCRYPT_COST)
    elif found := _ARGON2.fullmatch(text):
        memory_kib, passes, lanes = map(int, found.groups())
        _check("argon2 parallelism", lanes, 1, _MAX_ARGON2_LANES)
        _check("argon2 memory in KiB", memory_kib, 8 * lanes, _MAX_ARGON2_KIB)
        _check("argon2 passes", passes, 1, _MAX_ARGON2_KIB_PASSES // memory_kib)
    elif found := _PBKDF2.fullmatch(text):
        _check("pbkdf2 iterations", int(found[1]), 1, _MAX_PBKDF2_ROUNDS)
    else:
        raise HashRefusedError(
            "unknown kind of password hash: use bcrypt ($2a$, $2b$, $2y$), argon2i, argon2id, or "
            "Django's pbkdf2_sha256"
        )
    return text


def argon2_memory_kib(text: str) -> int:
    """How much memory one check of a hash from `read_hash` takes with Argon2; 0 for others."""
    found = _ARGON2.fullmatch(text)
    return int(found[1]) if found else 0


def is_old(known: str) -> bool:
    """Whether `known` is of another kind than Argon2."""
    return not known.startswith("$argon2")


def is_right(known: str, password: str) -> bool:
    """Whether `known`, for which `is_old` holds, is the hash of `password`.  Takes seconds."""
    if _BCRYPT.fullmatch(known):
        return _is_right_bcrypt(known, password.encode())
    found = _PBKDF2.fullmatch(known)
    return found is not None and _is_right_pbkdf2(found, password.encode())


def _is_right_bcrypt(known: str, password: bytes) -> bool:
    import bcrypt

    # Some implementations stop at NUL: then every password that begins like this one is right.
    if b"\x00" in password:
        return False
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], known.encode())
    except ValueError:
        return False


def _is_right_pbkdf2(found: re.Match[str], password: bytes) -> bool:
    rounds, salt, written = found.groups()
    try:
        expected = b64decode(written, validate=True)
    except binascii.Error:
        return False
    made = pbkdf2_hmac("sha256", password, salt.encode(), int(rounds))
    return hmac.compare_digest(made, expected)


def _check(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise HashRefusedError(f"{what} is {value}: {least} to {most} is accepted")
