"""Checks what forms and calls of the desk give.  Pure."""

from collections.abc import Mapping
from typing import Any

from gateway.accounts.account import MAX_SECRET
from gateway.credentials.passwords import UserNameRefusedError, check_email
from gateway.endpoints.desk.section import BadCallError
from gateway.wording import phrase

_MOST_CHARS, _MOST_LISTED = 500, 100


def one_line(what: str, value: object, most: int = _MOST_CHARS) -> str:
    """`value`, one line of text.

    Raises:
        BadCallError: It is none.
    """
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise BadCallError(f"{what} must be text of 1 to {most} characters")
    if value != value.strip() or not value.isprintable():
        raise BadCallError(f"{what} must be one line of text without blanks around it")
    return value


def listed(what: str, value: object) -> tuple[str, ...]:
    """`value`, a list of lines that apps can split at commas; a form sends such a text.

    Raises:
        BadCallError: It is none.
    """
    if isinstance(value, str):
        value = [it.strip() for it in value.split(",") if it.strip()]
    if not isinstance(value, list) or len(value) > _MOST_LISTED:
        raise BadCallError(f"{what} must be a list of at most {_MOST_LISTED}")
    found = tuple(one_line(what, it) for it in value)
    if any("," in it for it in found):
        raise BadCallError(f"{what} must not contain a comma")
    return tuple(dict.fromkeys(found))


def members(what: str, value: object, *names: str) -> Mapping[str, Any]:
    """`value`, an object with exactly these members.

    Raises:
        BadCallError: It is none.
    """
    if not isinstance(value, dict) or value.keys() != set(names):
        raise BadCallError(f"{what} must be an object with {' and '.join(names)}")
    return value


def secret_text(value: object) -> str:
    """`value`, a secret that can be sent in a field.

    Raises:
        BadCallError: It is none.
    """
    return one_line("the secret", value, MAX_SECRET)


def email_address(value: object) -> str:
    """`value`, an e-mail address.

    Raises:
        BadCallError: It is none.
    """
    try:
        address = check_email(value) if isinstance(value, str) else None
    except UserNameRefusedError:
        address = None
    if address is None:
        raise BadCallError(phrase("This is not an e-mail address."))
    return address
