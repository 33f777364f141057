"""Finds the route of a request: the first in the file that covers it.

The cost does not grow with the number of routes.  Routes are looked up by host, then by exact path
and by each ancestor of the path, and the first in the file wins.  Only regexes that start with the
same literal segments are tried one after the other.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

from gateway.errors import AmbiguousPathError
from gateway.message.public_url import base_of, covers
from gateway.message.request import Request
from gateway.message.star import is_star, star_of, without_port
from gateway.message.target import Target
from gateway.routing.literal import literal_stem
from gateway.routing.route import (
    RESERVED,
    Route,
    compile_route,
    default_route,
    is_reserved,
    preflight_for,
)

if TYPE_CHECKING:
    from gateway.settings.schema import RouteSettings

# Index, regex that must match the whole path (None if the lookup suffices), and route.
_Entry = tuple[int, re.Pattern[str] | None, Route]
_Bucket = list[_Entry]
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


class _Scope:
    """The routes of one host, or those without a host."""

    __slots__ = ("depth", "paths", "stems")

    def __init__(self) -> None:
        self.paths: dict[str, _Bucket] = {}
        self.stems: dict[str, _Bucket] = {}
        self.depth = 0

    def add(self, route: Route) -> None:
        for path in route.paths:
            self.paths.setdefault(path, []).append((route.index, None, route))
        for stem in route.stems:
            self._add_stem(stem, None, route)
        if route.regex is not None:
            stem = literal_stem(route.regex.pattern)
            self._add_stem(stem.casefold() if route.ignores_case else stem, route.regex, route)

    def _add_stem(self, stem: str, regex: re.Pattern[str] | None, route: Route) -> None:
        self.stems.setdefault(stem, []).append((route.index, regex, route))
        self.depth = max(self.depth, stem.count("/"))

    def buckets(self, path: str) -> list[_Bucket]:
        """All buckets whose routes may cover `path`; each is in file order."""
        found = [self.paths.get(path), self.stems.get("")]
        end = 0
        for _ in range(self.depth):
            end = path.find("/", end + 1)
            if end < 0:
                found.append(self.stems.get(path))
                break
            found.append(self.stems.get(path[:end]))
        return [bucket for bucket in found if bucket]


class _Scopes:
    """Routes by host."""

    __slots__ = ("_any_host", "_by_star", "by_host")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._any_host = _Scope()
        self.by_host: dict[str, _Scope] = {}
        # Apart, so that no host that a client names is taken for a star.
        self._by_star: dict[str, _Scope] = {}
        for route in routes:
            for host in route.hosts:
                named = self._by_star if is_star(host) else self.by_host
                named.setdefault(host, _Scope()).add(route)
            if not route.hosts:
                self._any_host.add(route)

    def first(self, host: str, method: str, path: str, preflight_for: str) -> Route | None:
        """The first route in the file that covers all four."""
        best: Route | None = None
        for scope in self.scopes(host):
            for bucket in scope.buckets(path):
                for index, regex, route in bucket:
                    if best is not None and index >= best.index:
                        break
                    covered = regex is None or regex.fullmatch(path) is not None
                    if covered and route.takes(method, preflight_for):
                        best = route
                        break
        return best

    def scopes(self, host: str) -> list[_Scope]:
        """The scopes that may cover a path of `host`."""
        scopes = [self._any_host]
        if self.by_host or self._by_star:
            bare = without_port(host)
            found = [self.by_host.get(host), self.by_host.get(bare)]
            if self._by_star:
                found += [self._by_star.get(star_of(it)) for it in (host, bare)]
            scopes += [scope for scope in dict.fromkeys(found) if scope is not None]
        return scopes


class RouteTable:
    """All routes of one configuration.  Immutable.

    Attributes:
        routes: In file order; a route's `index` is its position here.
        hosts: Every host that a route names.
    """

    __slots__ = ("_exact", "_exact_folded", "_folded", "hosts", "routes")

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        exact = [it for it in self.routes if not it.ignores_case]
        self._exact = _Scopes(exact)
        self._exact_folded = _Scopes(map(_in_one_case, exact))
        ignoring = [_in_one_case(it) for it in self.routes if it.ignores_case]
        self._folded = _Scopes(ignoring) if ignoring else None
        self.hosts = frozenset(host for route in self.routes for host in route.hosts)

    def match(
        self, host: str, method: str, path: str, preflight_for: str = "", base: str = ""
    ) -> Route | None:
        """The first route for the decoded `path`; `RESERVED` below its prefix; None if no match.

        A route's host without a port covers every port.  `preflight_for` is the method that a CORS
        preflight asks for.  `base` is the path of the public URL: nothing outside is served.

        Raises:
            AmbiguousPathError: An app that ignores case could match two routes.
        """
        if not covers(base, path):
            return None
        if is_reserved(path[len(base) :]):
            return RESERVED
        found = self._exact.first(host, method, path, preflight_for)
        if self._folded is None:
            return found
        # Some apps fold only ASCII letters; others also fold U+017F to "s" and U+212A to "k".
        other = self._folded.first(host, method, path.casefold(), preflight_for)
        plain = self._folded.first(host, method, path.translate(_LOWER), preflight_for)
        if other is not plain:
            raise AmbiguousPathError(
                f"route {_name(other)} or {_name(plain)}, depending on how letter case is folded"
            )
        if other is None or (found is not None and found.index < other.index):
            return found
        # The app ignores case, so earlier rules must too, even those for another app: a rule that
        # guards a path need not name the app behind it.
        for spelt in (path.casefold(), path.translate(_LOWER)):
            before = self._exact_folded.first(host, method, spelt, preflight_for)
            if before is not None and before.index < other.index:
                raise AmbiguousPathError(
                    f"route {_name(before)} or {_name(other)}, depending on letter case"
                )
        return self.routes[other.index]

    def match_readings(self, request: Request, also: Target | None = None) -> Route | None:
        """The route that every reading of the path leads to; None if none leads to a route.

        So must every reading of `also`, another path that the app serves by this request.

        Raises:
            AmbiguousPathError: The readings lead to different routes.
        """
        asked = preflight_for(request)
        target, base = request.target, base_of(request.public_url)
        route = self.match(request.host, request.method, target.path, asked, base)
        others = target.readings[1:] if also is None else target.readings[1:] + also.readings
        for reading in others:
            other = self.match(request.host, request.method, reading, asked, base)
            if other is not route:
                raise AmbiguousPathError(
                    f"readings of the path lead to {_name(route)} and to {_name(other)}"
                )
        return route


def build_table(
    routes: Sequence["RouteSettings"],
    default_upstream: str | None,
    ignoring_case: Collection[str] = (),
) -> RouteTable:
    """The table of the configured `routes`.

    `default_upstream` is for routes that name no upstream; `ignoring_case` names upstreams whose
    apps read ``/Admin`` as ``/admin``.
    """
    if not routes:
        return RouteTable([default_route(default_upstream)])
    return RouteTable(
        compile_route(index, route, default_upstream, ignoring_case)
        for index, route in enumerate(routes)
    )


def _in_one_case(route: Route) -> Route:
    """`route` in the form that is compared with lower-case paths."""
    regex = None if route.regex is None else re.compile(route.regex.pattern, re.IGNORECASE)
    return replace(
        route,
        ignores_case=True,
        paths=tuple(map(str.casefold, route.paths)),
        stems=tuple(map(str.casefold, route.stems)),
        regex=regex,
    )


def _name(route: Route | None) -> str:
    return "no route" if route is None else route.name
