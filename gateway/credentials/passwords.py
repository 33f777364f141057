"""Passwords and user names: which ones are good enough.  Pure."""

import re
import unicodedata
from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.wording import phrase

MIN_CHARACTERS = 10
MAX_BYTES = 1024
MAX_NAME_CHARACTERS = 128
_MIN_SCORE = 2
# zxcvbn's cost grows with the square of the length, so it judges only the beginning.
_JUDGED = 32
_WIDEST_SPACE = "Zs"
# Spreadsheets take what begins so for a formula, and commands take "-" for an option.
_NO_START = frozenset("=+-@")
# A command takes either.
_ACCOUNT_ID = re.compile("[0-9a-fA-F]{32}")


class PasswordRefusedError(GatewayError):
    """The password may not be used; the message says why and is meant for its owner."""

    reason = "password-refused"
    status = 400


class UserNameRefusedError(GatewayError):
    """The user name or e-mail address may not be used; the message is meant for its owner."""

    reason = "user-name-refused"
    status = 400


def normalised(password: str) -> str:
    """`password` as it is hashed, however a keyboard composes its characters.

    This is the OpaqueString profile (RFC 8265, section 4.2.2) without its table of code points:
    all spaces are one, NFC, no controls.

    Raises:
        PasswordRefusedError: It is longer than 1,024 bytes or has a control character.
    """
    # Checked before the work that grows with the length.
    if len(password) > MAX_BYTES:
        raise PasswordRefusedError(
            phrase("A password has at most %(number)s bytes.", number=MAX_BYTES)
        )
    kinds = [unicodedata.category(character) for character in password]
    if any(kind in ("Cc", "Cs") for kind in kinds):
        raise PasswordRefusedError(phrase("A password has no control characters."))
    spaced = (
        " " if kind == _WIDEST_SPACE else character
        for character, kind in zip(password, kinds, strict=True)
    )
    text = unicodedata.normalize("NFC", "".join(spaced))
    if len(text.encode()) > MAX_BYTES:
        raise PasswordRefusedError(
            phrase("A password has at most %(number)s bytes.", number=MAX_BYTES)
        )
    return text


def judge(password: str, about: Sequence[str]) -> str:
    """A new password as `normalised`; `about` are words that anybody connects with its owner.

    Takes up to a tenth of a second.

    Raises:
        PasswordRefusedError: It is too short, too long or easy to guess.
    """
    text = normalised(password)
    if len(text) < MIN_CHARACTERS:
        raise PasswordRefusedError(
            phrase("A password has at least %(number)s characters.", number=MIN_CHARACTERS)
        )
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # Its word lists take a while.

    words = [part for word in about if word for part in (word, *word.split("@"))]
    found = zxcvbn(text[:_JUDGED], user_inputs=words, max_length=_JUDGED)
    if found["score"] < _MIN_SCORE:
        said = found["feedback"]
        advice = [said["warning"], *said["suggestions"]]
        # The catalogues have all that zxcvbn says.
        told = tuple(phrase(it) for it in advice if it)
        raise PasswordRefusedError(
            phrase("This password is easy to guess. %(advice)s", advice=told)
            if told
            else phrase("This password is easy to guess.")
        )
    return text


def check_user_name(name: str) -> str:
    """`name` as it is kept: the UsernameCasePreserved profile (RFC 8265, section 3.4).

    Raises:
        UserNameRefusedError: It is no user name.
    """
    from precis_i18n import get_profile

    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise UserNameRefusedError(
            phrase("A user name has 1 to %(number)s characters.", number=MAX_NAME_CHARACTERS)
        )
    try:
        kept = str(get_profile("UsernameCasePreserved").enforce(name))
    except UnicodeError as error:
        raise UserNameRefusedError(
            phrase("A user name has letters, digits and marks such as . - _ @, and no blanks.")
        ) from error
    if kept[0] in _NO_START:
        raise UserNameRefusedError(phrase("A user name does not begin with %(mark)s", mark=kept[0]))
    if _ACCOUNT_ID.fullmatch(kept):
        raise UserNameRefusedError(
            phrase("A user name is not 32 hexadecimal digits, as account ids are.")
        )
    return kept


def check_email(email: str) -> str | None:
    """`email` without outer blanks; None if it is empty.

    Raises:
        UserNameRefusedError: It is no e-mail address.
    """
    text = email.strip()
    if not text:
        return None
    local, at, domain = text.rpartition("@")
    fits = len(text) <= MAX_NAME_CHARACTERS * 2 and text.isprintable() and " " not in text
    if not (local and at and domain) or "@" in local or not fits:
        raise UserNameRefusedError(phrase("This is not an e-mail address."))
    return text
