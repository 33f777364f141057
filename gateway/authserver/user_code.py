"""Codes that people type (RFC 8628, section 6.1)."""

import re
import secrets

# No vowels, so no words, and no letter that is taken for another.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
# 34 bits: with ten guesses in ten minutes, as section 5.1 has it, nobody finds one.
_LENGTH = 8
_HALF = _LENGTH // 2
_MOST_CHARS = 40
_FORM = re.compile(f"[{ALPHABET}]{{{_LENGTH}}}")


def new_user_code() -> str:
    """A new code, without hyphen."""
    return "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))


def read_user_code(typed: str) -> str | None:
    """The code that a person typed, in capitals without hyphen; None if it is none."""
    if len(typed) > _MOST_CHARS:
        return None
    code = re.sub(r"[\s-]", "", typed).upper()
    return code if _FORM.fullmatch(code) else None


def shown_user_code(code: str) -> str:
    """The code as people are shown it."""
    return f"{code[:_HALF]}-{code[_HALF:]}"
