"""Finds the route of a request, and caches it for later requests to the same place."""

from collections.abc import Callable

from gateway.bounded import remember
from gateway.message.moving import moved_to
from gateway.message.request import Request
from gateway.routing.route import Route
from gateway.routing.table import RouteTable

# Limits of the cache, so that clients who make up paths and hosts cannot fill the memory.
_REMEMBERED_ROUTES, _REMEMBERED_PATH_CHARS = 4096, 256


class Matcher:
    """Finds routes in `table`; caches only results for hosts that it `serves`."""

    def __init__(self, table: RouteTable, serves: Callable[[str], bool]) -> None:
        self._table = table
        self._serves = serves
        self._routes: dict[tuple[str, str, str], Route | None] = {}

    def match(self, request: Request) -> Route | None:
        """The route of `request`, `RESERVED` for the gateway's own paths, None if no match."""
        to = moved_to(request)
        if to is not None or request.method == "OPTIONS" or request.target.is_ambiguous:
            return self._table.match_readings(request, to)
        key = (request.host, request.method, request.target.path)
        route = self._routes.get(key)
        if route is not None or key in self._routes:
            return route
        route = self._table.match_readings(request)
        if self._serves(request.host) and len(key[2]) <= _REMEMBERED_PATH_CHARS:
            remember(self._routes, key, route, _REMEMBERED_ROUTES)
        return route
