"""Reads one claim from the provider's claims, and compares it as text."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum

# RFC 6901, section 4: an index has no leading zero.  Nine digits are enough for any list.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class Missing(Enum):
    """Why there is no value to compare."""

    ABSENT = "absent"
    UNREADABLE = "unreadable"


def pointer_tokens(name: str) -> tuple[str, ...]:
    """The keys to follow for `name`: a JSON pointer (RFC 6901) or one plain claim name.

    A namespaced claim, whose name is a URL, has no leading slash and counts as plain.
    """
    if not name.startswith("/"):
        return (name,)
    # RFC 6901, section 4: "~1" first, so that "~01" becomes "~1" and not "/".
    return tuple(t.replace("~1", "/").replace("~0", "~") for t in name[1:].split("/"))


def names_of(name: str) -> frozenset[str]:
    """All names in `Identity.unreadable` that cover the claim `name` or one that contains it."""
    tokens = pointer_tokens(name)
    escaped = [t.replace("~", "~0").replace("/", "~1") for t in tokens]
    pointers = {"/" + "/".join(escaped[:depth]) for depth in range(1, len(tokens) + 1)}
    return frozenset(pointers | {name, tokens[0], "*"})


def claim_texts(claims: Mapping[str, object], tokens: tuple[str, ...]) -> list[str] | Missing:
    """The claim at `tokens` as texts: one, or those of a list.  ``null`` counts as absent."""
    value: object = claims
    for token in tokens:
        following = _step(value, token)
        if isinstance(following, Missing):
            return following
        value = following[0]
    return _texts(value)


def _step(value: object, token: str) -> tuple[object] | Missing:
    if value is None:
        return Missing.ABSENT
    if isinstance(value, Mapping):
        return (value[token],) if token in value else Missing.ABSENT
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _element(value, token)
    return Missing.UNREADABLE


def _element(values: Sequence[object], token: str) -> tuple[object] | Missing:
    if _INDEX.fullmatch(token) is None:
        return Missing.UNREADABLE
    index = int(token)
    return (values[index],) if index < len(values) else Missing.ABSENT


def _texts(value: object) -> list[str] | Missing:
    if value is None:
        return Missing.ABSENT
    if isinstance(value, list | tuple):
        texts = [_text(element) for element in value]
    else:
        texts = [_text(value)]
    known = [text for text in texts if text is not None]
    return known if len(known) == len(texts) else Missing.UNREADABLE


def _text(value: object) -> str | None:
    """A JSON scalar as it is written in the configuration; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
