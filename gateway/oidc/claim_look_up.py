"""Finds claims by their names: plain ones, and JSON pointers (RFC 6901); pure."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.oidc.registration import Names

_EACH = "*"


class _Absent:
    """Marks an absent claim; null and the empty string count as absent too."""


ABSENT = _Absent()


def look_up(claims: Mapping[str, object], name: str) -> object:
    """The claim `name`: a JSON pointer (RFC 6901) if it begins with ``/``, else a plain name.

    A plain name is one member, even with dots, slashes or colons in it, so that it can be a URL.
    In a pointer, ``*`` stands for every item of a list, and every value of an object:
    ``/groups/*/id`` is the list of all their ids.
    """
    if not name.startswith("/"):
        return claims.get(name, ABSENT)
    return _follow(claims, [t.replace("~1", "/").replace("~0", "~") for t in name[1:].split("/")])


def _follow(value: object, tokens: Sequence[str]) -> object:
    for at, token in enumerate(tokens):
        if token == _EACH and _is_there(value):
            rest = tokens[at + 1 :]
            found = [_follow(item, rest) for item in _each_of(value)]
            return found if _EACH not in rest else _flat(found)
        value = _member(value, token)
    return value


def _each_of(value: object) -> Iterable[object]:
    """The items of a list or object.  Of anything else there is one, in which nothing is found."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else [ABSENT]


def _flat(values: Iterable[object]) -> list[object]:
    """`values` with nested lists flattened by one level."""
    return [it for value in values for it in (value if isinstance(value, list) else [value])]


def _member(value: object, token: str) -> object:
    if isinstance(value, Mapping):
        return value.get(token, ABSENT)
    if isinstance(value, list) and token.isascii() and token.isdigit() and len(token) < 6:  # noqa: PLR2004
        index = int(token)
        return value[index] if index < len(value) else ABSENT
    return ABSENT


def _is_there(value: object) -> bool:
    return value is not ABSENT and value is not None and value != ""


def has_claim(claims: Mapping[str, object], name: str) -> bool:
    """Whether `name` is present and not null or empty."""
    return _is_there(look_up(claims, name))


def first_claim(claims: Mapping[str, object], names: Names) -> object:
    """The first of `names` that is present and not null or empty; else `ABSENT`."""
    for name in names:
        value = look_up(claims, name)
        if _is_there(value):
            return value
    return ABSENT
