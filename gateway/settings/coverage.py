"""Whether a route can ever match, given those before it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.settings.routes import RouteSettings

_META = re.compile(r"[.^$*+?{}\[\]\\|()]")


@dataclass(frozen=True, slots=True)
class _Atom:
    """One way a route matches.

    Attributes:
        text: The path, prefix or regular expression.
        host: None for every host, as `method` for every method.
    """

    kind: Literal["path", "prefix", "regex"]
    text: str
    host: str | None
    method: str | None


def shadowed_by(route: RouteSettings, earlier: list[RouteSettings]) -> list[RouteSettings]:
    """The routes of `earlier` that leave nothing for `route`; none if something is left.

    Sound, not complete: what a regular expression covers is known in plain cases only.
    """
    covering = [(atom, before) for before in earlier for atom in _atoms(before)]
    found: dict[str, RouteSettings] = {}
    for atom in _atoms(route):
        by = next((before for other, before in covering if _covers(other, atom)), None)
        if by is None:
            return []
        found[by.name] = by
    return list(found.values())


def _atoms(route: RouteSettings) -> Iterator[_Atom]:
    for host in route.host or (None,):
        for method in route.methods or (None,):
            yield from (_Atom("path", text, host, method) for text in route.path)
            yield from (_Atom("prefix", text, host, method) for text in route.prefix)
            if route.regex is not None:
                yield _Atom("regex", route.regex, host, method)


def _covers(first: _Atom, second: _Atom) -> bool:
    if first.host not in (None, second.host) or first.method not in (None, second.method):
        return False
    if first.kind == "path":
        return second.kind == "path" and first.text == second.text
    if first.kind == "prefix":
        return _prefix_covers(first.text, second)
    if second.kind == "path":
        return re.fullmatch(first.text, second.text) is not None
    return first.text == "/.*" or (second.kind == "regex" and first.text == second.text)


def _prefix_covers(prefix: str, atom: _Atom) -> bool:
    if prefix == "/":
        return True
    if atom.kind == "regex":
        return _literal_start(atom.text).startswith(prefix + "/")
    return atom.text == prefix or atom.text.startswith(prefix + "/")


def _literal_start(regex: str) -> str:
    """What every path `regex` matches begins with, as far as is plain to see."""
    if "|" in regex:
        return ""
    found = _META.search(regex)
    if found is None:
        return regex
    # A quantifier makes the character before it optional.
    return regex[: found.start() - 1] if found[0] in "*?{" else regex[: found.start()]
