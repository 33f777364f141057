"""Explains how the route of a request was found, with the same lookup.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.message.public_url import base_of, covers
from gateway.message.request import Request
from gateway.routing.route import RESERVED, Route, preflight_for
from gateway.routing.table import RouteTable

_EVERY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RouteTrial:
    """The result of trying one route for a request.

    Attributes:
        covers: The readings of the path that lead to it.
        why_not: Why it covers none of the readings; ``""`` if it covers one.
    """

    route: Route
    covers: tuple[str, ...]
    why_not: str = ""


def try_routes(table: RouteTable, request: Request) -> list[RouteTrial]:
    """All routes in the order they are tried, until every reading of the path has led to one.

    Below the gateway's own prefix, this is only `RESERVED`.
    """
    left: Sequence[str] = request.target.readings
    trials: list[RouteTrial] = []
    for route in (RESERVED, *table.routes):
        trial = _try(route, request, left)
        if trial.covers or route is not RESERVED:
            trials.append(trial)
        left = [reading for reading in left if reading not in trial.covers]
        if not left:
            break
    return trials


def _try(route: Route, request: Request, readings: Sequence[str]) -> RouteTrial:
    covers = tuple(path for path in readings if _finds(route, request, path))
    return RouteTrial(route, covers, "" if covers else _why_not(route, request, readings[0]))


def _why_not(route: Route, request: Request, path: str) -> str:
    """The first of public URL, host, path and method that does not cover the request."""
    if not covers(base_of(request.public_url), path):
        return f"{path} is outside of {request.public_url}"
    by_host = replace(route, methods=_EVERY, paths=(), stems=("",), regex=None)
    if not _finds(by_host, request, path):
        return f"is for {', '.join(sorted(route.hosts))}, not {request.host}"
    by_path = replace(route, methods=_EVERY, hosts=_EVERY)
    if not _finds(by_path, request, path):
        return f"does not match {path}"
    return f"is for {', '.join(sorted(route.methods))}"


def _finds(route: Route, request: Request, path: str) -> bool:
    """Whether a table with only `route` finds it for `path`."""
    alone = RouteTable([replace(route, index=0)])
    base = base_of(request.public_url)
    found = alone.match(request.host, request.method, path, preflight_for(request), base)
    return found is not None and (found is RESERVED) == (route is RESERVED)
