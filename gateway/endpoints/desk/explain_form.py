"""Reads the description of a made-up request: the fields of the form, or the members of the call.

They are those that `gatepost explain` takes as options.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.endpoints.desk.section import BadCallError
from gateway.kinds import KINDS

_TEXTS: Final = (
    *("method", "path", "host", "ip", "at", "credential", "user", "email", "provider", "acr"),
    *("auth_age", "mcp_method", "mcp_tool"),
)
_LISTS: Final = ("groups", "roles", "scopes", "amr", "key_routes", "headers", "claims")
# Values of these may contain commas, so they stand on lines of their own.
_BY_LINE: Final = frozenset({"headers", "claims"})
_SWITCHES: Final = ("bad",)
# Each is decided by itself, and somebody waits for it.
_MOST_AFTER: Final = 1000
_MOST_VALUES: Final = 100
_MOST_CHARS: Final = 8192
# The empty form.
FIELDS: Final[Mapping[str, str]] = {
    **dict.fromkeys((*_TEXTS, *_LISTS, *_SWITCHES, "after"), ""),
    "method": "GET",
    "path": "/",
}


def filled(form: Mapping[str, str]) -> Mapping[str, str]:
    """The form as it was sent."""
    return {name: form.get(name, "") for name in FIELDS}


def options_of_form(form: Mapping[str, str]) -> dict[str, object]:
    """The options in the fields of a form, where empty ones count as absent.

    Raises:
        BadCallError: There is an unknown field, or `after` is no number.
    """
    members: dict[str, object] = {}
    for name, value in form.items():
        text = value.strip()
        if not text:
            continue
        if name in _LISTS:
            parts = text.splitlines() if name in _BY_LINE else text.split(",")
            members[name] = [part.strip() for part in parts if part.strip()]
        elif name in _SWITCHES:
            members[name] = True
        elif name == "after":
            members[name] = int(text) if text.isascii() and text.isdigit() else text
        else:
            members[name] = text
    return options_of_json(members)


def options_of_json(members: Mapping[str, Any]) -> dict[str, object]:
    """The options in the members of a call.

    Raises:
        BadCallError: One is unknown, missing, or not of its type.
    """
    for name in ("method", "path"):
        if not members.get(name):
            raise BadCallError(f"{name} is missing")
    return {("target" if name == "path" else name): _read(name, it) for name, it in members.items()}


def _read(name: str, value: Any) -> object:
    if name in _TEXTS:
        return _text(name, value)
    if name in _LISTS:
        if name == "claims" and isinstance(value, dict):
            return value
        if not isinstance(value, list) or len(value) > _MOST_VALUES:
            raise BadCallError(f"{name} is a list of at most {_MOST_VALUES} texts")
        return tuple(_text(name, it) for it in value)
    if name in _SWITCHES:
        if not isinstance(value, bool):
            raise BadCallError(f"{name} is true or false")
        return value
    if name != "after":
        raise BadCallError(f"there is no member {name!r}")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_AFTER:
        raise BadCallError(f"after is a number up to {_MOST_AFTER}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_CHARS:
        raise BadCallError(f"{name} is a text of at most {_MOST_CHARS} characters")
    if name == "credential" and value not in (*KINDS, "foreign"):
        raise BadCallError(f"credential is one of {', '.join((*KINDS, 'foreign'))}")
    return value
