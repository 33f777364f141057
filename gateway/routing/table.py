"""Find the route for a request: the first in the file that covers it.

The cost of a match does not grow with the number of routes: by host, then by exact path and by
each ancestor of the path, routes are looked up, and the lowest place in the file wins.  Only
regexes that start with the same literal segments are tried one after the other.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.errors import AmbiguousPathError
from gateway.message.request import Request
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

# A route and, where it is found by regex, what the path must match in full.
_Entry = tuple[int, re.Pattern[str] | None, Route]
_Bucket = list[_Entry]


class _Scope:
    """The routes of one host, or those of every host."""

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
            self._add_stem(literal_stem(route.regex.pattern), route.regex, route)

    def _add_stem(self, stem: str, regex: re.Pattern[str] | None, route: Route) -> None:
        self.stems.setdefault(stem, []).append((route.index, regex, route))
        self.depth = max(self.depth, stem.count("/"))

    def buckets(self, path: str) -> list[_Bucket]:
        """Every bucket whose routes may cover `path`; each is in file order."""
        found = [self.paths.get(path), self.stems.get("")]
        end = 0
        for _ in range(self.depth):
            end = path.find("/", end + 1)
            if end < 0:
                found.append(self.stems.get(path))
                break
            found.append(self.stems.get(path[:end]))
        return [bucket for bucket in found if bucket]


class RouteTable:
    """All routes of one configuration.  Immutable once made.

    Attributes:
        routes: In file order; a route's `index` is its place here.
        hosts: Every host a route names.
    """

    __slots__ = ("_any_host", "_by_host", "hosts", "routes")

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._any_host = _Scope()
        self._by_host: dict[str, _Scope] = {}
        for route in self.routes:
            for host in route.hosts:
                self._by_host.setdefault(host, _Scope()).add(route)
            if not route.hosts:
                self._any_host.add(route)
        self.hosts = frozenset(self._by_host)

    def match(self, host: str, method: str, path: str, preflight_for: str = "") -> Route | None:
        """The first route for the decoded `path`; `RESERVED` below its prefix; None if none.

        A route whose host names no port is for every port.  `preflight_for` is the method a CORS
        preflight asks for.
        """
        if is_reserved(path):
            return RESERVED
        best: Route | None = None
        last = len(self.routes)
        for scope in self._scopes(host):
            for bucket in scope.buckets(path):
                for index, regex, route in bucket:
                    if index >= last:
                        break
                    covered = regex is None or regex.fullmatch(path) is not None
                    if covered and route.takes(method, preflight_for):
                        best, last = route, index
                        break
        return best

    def match_readings(self, request: Request) -> Route | None:
        """The route that every reading of the path lands on; None where none lands on any.

        Raises:
            AmbiguousPathError: The readings land on different routes.
        """
        asked = preflight_for(request)
        target = request.target
        route = self.match(request.host, request.method, target.path, asked)
        for reading in target.readings[1:]:
            other = self.match(request.host, request.method, reading, asked)
            if other is not route:
                raise AmbiguousPathError(
                    f"{target.path!r} is for {_name(route)}, {reading!r} for {_name(other)}"
                )
        return route

    def _scopes(self, host: str) -> list[_Scope]:
        scopes = [self._any_host]
        if self._by_host:
            found = (self._by_host.get(host), self._by_host.get(_without_port(host)))
            scopes += [scope for scope in dict.fromkeys(found) if scope is not None]
        return scopes


def build_table(routes: Sequence["RouteSettings"], default_upstream: str | None) -> RouteTable:
    """The table of the configured `routes`.

    `default_upstream` is where a route goes that names no upstream.
    """
    if not routes:
        return RouteTable([default_route(default_upstream)])
    return RouteTable(compile_route(i, r, default_upstream) for i, r in enumerate(routes))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and "]" not in port else host


def _name(route: Route | None) -> str:
    return "no route" if route is None else route.name
