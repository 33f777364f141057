"""Coverage of routes: those that can never match, and requests that none matches."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from gateway.message.star import star_of
from gateway.settings.routes import RouteSettings

_UNLIKELY = "/no-route-names-this"
_WORD = re.compile(r"[A-Za-z0-9_-]{2,}")
_MOST_NAMED = 5
_MOST_SAMPLES = 50
_MOST_ATOMS = 50_000
_META = re.compile(r"[.^$*+?{}\[\]\\|()]")


@dataclass(frozen=True, slots=True)
class _Atom:
    """One way in which a route matches.

    Attributes:
        text: The path, prefix or regular expression.
        host: None for every host; so is `method` for every method.
    """

    kind: Literal["path", "prefix", "regex"]
    text: str
    host: str | None
    method: str | None


class Taken:
    """What some routes take, each request by the first of them that matches.

    Sound, not complete: regular expressions are understood only in simple cases.
    """

    def __init__(self, routes: Iterable[RouteSettings] = ()) -> None:
        """Begin with `routes`."""
        self._atoms: list[tuple[_Atom, RouteSettings]] = []
        # By text, so that files with thousands of routes are read in seconds.
        self._known: dict[tuple[str, str], list[int]] = {}
        self._regexes: list[int] = []
        for route in routes:
            self.add(route)

    def add(self, route: RouteSettings) -> None:
        """Let `route` take what is left."""
        if _is_too_wide(route):
            return
        for atom in _atoms(route):
            number = len(self._atoms)
            self._atoms.append((atom, route))
            self._known.setdefault((atom.kind, atom.text), []).append(number)
            if atom.kind == "regex":
                self._regexes.append(number)

    def hides(self, route: RouteSettings) -> list[RouteSettings]:
        """The routes that together take everything of `route`; empty if something is left."""
        found: dict[str, RouteSettings] = {}
        for atom in () if _is_too_wide(route) else _atoms(route):
            by = self._taker(atom)
            if by is None:
                return []
            found[by.name] = by
        return list(found.values())

    def takes_of(self, route: RouteSettings) -> dict[str, RouteSettings]:
        """The paths, prefixes and expressions of `route` that a route takes, with that one."""
        if _is_too_wide(route):
            return {}
        takers = ((atom.text, self._taker(atom)) for atom in _atoms(route))
        return {text: by for text, by in takers if by is not None}

    def _taker(self, atom: _Atom) -> RouteSettings | None:
        """The first route that takes all of `atom`."""
        numbers = sorted({*self._likely(atom)})
        covering = (it for it in map(self._atoms.__getitem__, numbers) if _covers(it[0], atom))
        return next((route for _, route in covering), None)

    def _likely(self, atom: _Atom) -> Iterator[int]:
        """Those with the text of `atom`, a prefix above it, or an expression that may match it."""
        if atom.kind == "path":
            yield from self._regexes
        for known in ((atom.kind, atom.text), ("regex", "/.*")):
            yield from self._known.get(known, ())
        start = _literal_start(atom.text) if atom.kind == "regex" else atom.text
        above = [start[:end] for end, sign in enumerate(start) if sign == "/" and end]
        for prefix in ("/", *above, atom.text):
            yield from self._known.get(("prefix", prefix), ())


def shadowed_by(route: RouteSettings, earlier: Iterable[RouteSettings]) -> list[RouteSettings]:
    """The routes in `earlier` that together hide `route`; empty if it can match."""
    return Taken(earlier).hides(route)


def is_below(route: RouteSettings, prefix: str) -> bool:
    """Whether all paths of `route` are `prefix` or below it.

    Sound, not complete: regular expressions are understood only in simple cases.
    """
    return all(_prefix_covers(prefix, atom) for atom in _anywhere(route))


def meets(route: RouteSettings, prefix: str) -> bool:
    """Whether `route` may have a path that is `prefix` or below it; True if that is hard to tell.

    `prefix` has no trailing slash; ``""`` is the root.
    """
    return any(
        atom.kind == "regex"
        or _prefix_covers(prefix or "/", atom)
        or (atom.kind == "prefix" and _prefix_covers(atom.text, _Atom("path", prefix, None, None)))
        for atom in _anywhere(route)
    )


def _is_too_wide(route: RouteSettings) -> bool:
    """Whether there are too many combinations of host, method and path to look at each."""
    texts = len(route.path) + len(route.prefix) + 1
    return max(1, len(route.host)) * max(1, len(route.methods)) * texts > _MOST_ATOMS


def _anywhere(route: RouteSettings) -> Iterator[_Atom]:
    """The atoms of `route` for any host and method."""
    return _atoms(route.model_copy(update={"host": (), "methods": ()}))


def _atoms(route: RouteSettings) -> Iterator[_Atom]:
    for host in route.host or (None,):
        for method in route.methods or (None,):
            yield from (_Atom("path", text, host, method) for text in route.path)
            yield from (_Atom("prefix", text, host, method) for text in route.prefix)
            if route.regex is not None:
                yield _Atom("regex", route.regex, host, method)


def _covers(first: _Atom, second: _Atom) -> bool:
    if first.host not in (None, second.host, star_of(second.host or "")) or first.method not in (
        None,
        second.method,
    ):
        return False
    if first.kind == "path":
        return second.kind == "path" and first.text == second.text
    if first.kind == "prefix":
        return _prefix_covers(first.text, second)
    if second.kind == "path":
        return _compiled(first.text).fullmatch(second.text) is not None
    return first.text == "/.*" or (second.kind == "regex" and first.text == second.text)


@lru_cache(maxsize=50_000)
def _compiled(regex: str) -> re.Pattern[str]:
    # The cache of `re` is too small for files with thousands of routes.
    return re.compile(regex)


def _prefix_covers(prefix: str, atom: _Atom) -> bool:
    if prefix == "/":
        return True
    if atom.kind == "regex":
        return _literal_start(atom.text).startswith(prefix + "/")
    return atom.text == prefix or atom.text.startswith(prefix + "/")


def _literal_start(regex: str) -> str:
    """The literal text that every match of `regex` begins with, where that is easy to tell."""
    if "|" in regex:
        return ""
    found = _META.search(regex)
    if found is None:
        return regex
    # A quantifier makes the character before it optional.
    return regex[: found.start() - 1] if found[0] in "*?{" else regex[: found.start()]


def uncovered(routes: Sequence[RouteSettings], hosts: Mapping[str, str]) -> dict[str, str]:
    """For each host, a description of what `routes` do not cover; fully covered hosts are absent.

    `hosts` has the path of the public URL of each: nothing outside is served.

    Sound, not complete: tries sample paths, made of the words in regular expressions.
    """
    if any(map(_is_too_wide, routes)):
        return {}
    atoms = [atom for route in routes for atom in _atoms(route)]
    words = {word for it in atoms if it.kind == "regex" for word in _WORD.findall(it.text)}
    several = sorted(f"/{word}" for word in words)[:_MOST_SAMPLES]
    samples = [_UNLIKELY, f"{_UNLIKELY}/x.y", "/", *several]
    found = {}
    for host, base in hosts.items():
        tried = [base + path for path in samples]
        # A route host without a port covers every port.
        bare = re.sub(r":[0-9]+$", "", host)
        names = (None, host, bare, star_of(host), star_of(bare))
        left = _left([it for it in atoms if it.host in names], tried)
        if left:
            found[host] = left
    return found


def deciding(routes: Sequence[RouteSettings], path: str) -> RouteSettings | None:
    """The first of `routes` that covers GET of `path` on some host; None if none does."""
    for route in routes:
        takes_get = not route.methods or "GET" in route.methods
        if takes_get and any(_takes(atom, path) for atom in _anywhere(route)):
            return route
    return None


def _left(atoms: Sequence[_Atom], tried: Sequence[str]) -> str:
    """A description of what `atoms` do not cover on one host; ``""`` for nothing."""
    methods = {path: {it.method for it in atoms if _takes(it, path)} for path in tried}
    if not methods[tried[0]]:
        covered = list(dict.fromkeys(it.text for it in atoms))
        more = ", …" if len(covered) > _MOST_NAMED else ""
        return f"any path but {', '.join(covered[:_MOST_NAMED])}{more}" if covered else "any path"
    missing = [path for path in tried if not methods[path]]
    if missing:
        return f"paths such as {missing[0]}"
    partly = [path for path in tried if None not in methods[path]]
    if not partly:
        return ""
    known = ", ".join(sorted(it for it in methods[partly[0]] if it is not None))
    return f"methods other than {known} on paths such as {partly[-1]}"


def _takes(atom: _Atom, path: str) -> bool:
    return _covers(replace(atom, host=None, method=None), _Atom("path", path, None, None))
