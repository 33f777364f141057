"""One route: which requests it covers, who may access it, and its upstream."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.message.methods import with_head
from gateway.message.public_url import OWN_PREFIX

if TYPE_CHECKING:
    from gateway.message.request import Request
    from gateway.settings.schema import RouteSettings

_RESERVED_BELOW = OWN_PREFIX + "/"


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled route; all its parts were checked when the configuration was loaded.

    Attributes:
        index: Position in the file, from 0; -1 for `RESERVED`.
        name: Unique; the label in metrics, audit and `explain`.
        hosts: Lower case, with or without port; empty for every host served.
        methods: Empty for every method.  Includes HEAD if it includes GET, because HEAD asks for
            the same resource without its content (RFC 9110, section 9.3.2).
        paths: Exact decoded paths.
        stems: Prefixes without their trailing slash, so that ``""`` covers everything.
        regex: Must match the whole decoded path (`re.fullmatch`).
        access: As configured; `authz` interprets it.
        upstream: The upstream's name; None if there is none.
        ignores_case: Whether its app reads ``/Admin`` as ``/admin``: the route then covers both.
        credentials: Accepted kinds of credential; empty for all that are configured.
        preflight: What happens to a CORS preflight: ``refuse``, ``pass`` (it goes on without
            identity) or ``answer`` (the gateway answers it).
        is_mcp: Whether it takes only those of our tokens that were asked for with it as resource.
        settings: The route's settings; None for `RESERVED` and the default route.
    """

    index: int
    name: str
    hosts: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    regex: re.Pattern[str] | None = None
    access: object = "denied"
    upstream: str | None = None
    ignores_case: bool = False
    credentials: tuple[str, ...] = ()
    unauthenticated: str = "auto"
    preflight: str = "refuse"
    is_mcp: bool = False
    settings: "RouteSettings | None" = None

    def takes(self, method: str, preflight_for: str = "") -> bool:
        """Whether the route covers `method`, or takes preflights for `preflight_for`.

        A route for POST alone that takes preflights must cover the OPTIONS request that asks
        for POST, or no browser would ever send the POST.
        """
        if not self.methods or method in self.methods:
            return True
        return self.preflight != "refuse" and preflight_for in self.methods


RESERVED = Route(index=-1, name="gatepost", stems=(OWN_PREFIX,))


def is_reserved(path: str) -> bool:
    """Whether the decoded `path` below a public URL is the gateway's and reaches no upstream."""
    return path.startswith(_RESERVED_BELOW) or path == OWN_PREFIX


def names_well_known(route: Route) -> bool:
    """Whether `route` is public and names ``/.well-known`` (RFC 8615) in its paths.

    The documents that an app serves there take precedence over the gateway's own.
    """
    if route.access != "public":
        return False
    named = (*route.paths, *route.stems, *(() if route.regex is None else (route.regex.pattern,)))
    return any("well-known" in name for name in named)


def is_preflight(request: "Request") -> bool:
    """Whether `request` is a CORS preflight (Fetch standard, section 4.9)."""
    return (
        request.method == "OPTIONS"
        and request.fields.has(b"origin")
        and request.fields.has(b"access-control-request-method")
    )


def preflight_for(request: "Request") -> str:
    """The method that a CORS preflight asks for; ``""`` for any other request."""
    return request.fields.text(b"access-control-request-method") if is_preflight(request) else ""


def stem_of(prefix: str) -> str:
    """`prefix` without its trailing slash: ``/static/`` covers the same as ``/static``."""
    return prefix.rstrip("/")


def covers(prefix: str, path: str) -> bool:
    """Whether `path` is `prefix` or below it; ``/admin`` does not cover ``/administrator``."""
    stem = stem_of(prefix)
    return path == stem or path.startswith(stem + "/")


def compile_route(
    index: int,
    settings: "RouteSettings",
    default_upstream: str | None,
    ignoring_case: Collection[str] = (),
) -> Route:
    """The route that `settings` describe; `ignoring_case` names upstreams that ignore case."""
    upstream = settings.upstream or default_upstream
    return Route(
        index=index,
        name=settings.name,
        hosts=frozenset(settings.host),
        methods=with_head(settings.methods),
        paths=settings.path,
        stems=tuple(map(stem_of, settings.prefix)),
        regex=None if settings.regex is None else re.compile(settings.regex),
        access=settings.access,
        upstream=upstream,
        ignores_case=upstream in ignoring_case,
        credentials=settings.credentials,
        unauthenticated=settings.unauthenticated,
        preflight=settings.preflight if settings.cors is None else "answer",
        is_mcp=settings.mcp,
        settings=settings,
    )


def default_route(upstream: str | None) -> Route:
    """The route if none are configured: every path needs a signed-in user."""
    return Route(index=0, name="everything", stems=("",), access="signed_in", upstream=upstream)
