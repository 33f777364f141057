"""Checks of where things are: the paths of routes, and those that apps have."""

from collections.abc import Iterator

from gateway.settings.coverage import is_below
from gateway.settings.document import Path, Problem
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote


def check_place(route: RouteSettings, path: Path) -> Iterator[Problem]:
    """Problems with the paths of `route`, which is at `path` in the configuration."""
    strip = route.strip_prefix
    if strip and not is_below(route, strip):
        message = f"{quote(strip)} is not the beginning of every path of this route"
        yield Problem((*path, "strip_prefix"), message)
