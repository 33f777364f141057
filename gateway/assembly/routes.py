"""Builds the plan of each route, and the metadata of protected resources."""

from collections.abc import Callable, Collection, Mapping

from gateway.assembly.hosts import hosts_of
from gateway.assembly.upstreams import relocated
from gateway.authn import Authenticator, guarded_fields
from gateway.authn.foreign import Foreign
from gateway.authz.access import Access, compile_access
from gateway.authz.request_conditions import CountryOf
from gateway.endpoints.protected_resource import WELL_KNOWN, ProtectedResource, Taken
from gateway.kinds import ISSUED
from gateway.limits import RateLimiter, RateTable
from gateway.message.public_url import base_of, origin_of
from gateway.message.star import names_host
from gateway.pipeline.cors import OVERRULED, Cors
from gateway.pipeline.route_plan import RoutePlan, UpstreamPlan
from gateway.responses import Admission
from gateway.routing.deprecation import deprecation_of
from gateway.routing.route import Route, covers, stem_of
from gateway.routing.table import RouteTable
from gateway.settings.access import items_of
from gateway.settings.countries import countries_of
from gateway.settings.schema import AccessRules, Settings

# Those of a route that takes every method; a preflight asks for one of them.
_USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def route_plans(
    settings: Settings,
    table: RouteTable,
    upstreams: Mapping[str, UpstreamPlan],
    authenticators: Mapping[str, Authenticator],
    rates: RateTable,
    access_of: Callable[[Access], Access],
) -> dict[int, RoutePlan]:
    """The plan of each route, by the route's index; `access_of` may replace its access."""
    guarded = guarded_fields(settings, authenticators.values())
    resources = _own_resources(settings)
    foreign = _foreign_of(settings, authenticators, upstreams, guarded)
    country_of = countries_of(settings.country_file)
    return {
        route.index: _route_plan(
            route,
            _upstream_of(route, settings, upstreams),
            authenticators,
            rates,
            guarded,
            resources,
            foreign,
            country_of,
            access_of,
        )
        for route in table.routes
    }


def _upstream_of(
    route: Route, settings: Settings, plans: Mapping[str, UpstreamPlan]
) -> UpstreamPlan | None:
    if route.upstream is None:
        return None
    plan = plans[route.upstream]
    if route.settings is None:
        return plan
    return relocated(plan, settings.upstreams[route.upstream], route.settings)


def _foreign_of(
    settings: Settings,
    authenticators: Mapping[str, Authenticator],
    upstreams: Mapping[str, UpstreamPlan],
    guarded: Collection[bytes],
) -> dict[str, Foreign]:
    """The detector of foreign credentials for each upstream, by its name."""
    return {
        name: Foreign(
            authenticators.values(),
            [it.issuer for it in settings.bearer],
            introspects=any(it.introspection is not None for it in settings.bearer),
            lost=[field for field in guarded if not plan.fields.reaches_app(field)],
        )
        for name, plan in upstreams.items()
    }


def _route_plan(
    route: Route,
    to: UpstreamPlan | None,
    authenticators: Mapping[str, Authenticator],
    rates: RateTable,
    guarded: tuple[bytes, ...],
    resources: tuple[str, ...],
    foreign: Mapping[str, Foreign],
    country_of: CountryOf | None,
    access_of: Callable[[Access], Access],
) -> RoutePlan:
    accepted = route.credentials or tuple(authenticators)
    access = route.access
    assert isinstance(access, str | AccessRules)  # noqa: S101 - the schema ensures it
    return RoutePlan(
        route=route,
        access=access_of(compile_access(access, country_of)),
        admission=Admission(
            frozenset(accepted),
            route.unauthenticated,
            metadata_path(accepted),
            resources,
            scopes_of(access),
            () if route.settings is None else route.settings.challenges,
            _may_ask(route),
        ),
        authenticators=tuple(a for kind, a in authenticators.items() if kind in accepted),
        to=to,
        guarded=guarded,
        limiter=_limiter(route, rates),
        deprecation=None if route.settings is None else deprecation_of(route.settings.deprecated),
        foreign=_foreign(route, foreign),
        cors=_cors(route, to),
    )


def _may_ask(route: Route) -> str:
    launch = None if route.settings is None else route.settings.launch
    return route.name if launch is not None and launch.ask else ""


def _cors(route: Route, to: UpstreamPlan | None) -> Cors | None:
    settings = None if route.settings is None else route.settings.cors
    if settings is None:
        return None
    return Cors(
        settings.origins,
        credentials=settings.credentials,
        methods=sorted(route.methods) or _USUAL_METHODS,
        headers=settings.headers,
        max_age_s=int(settings.max_age),
        answers=None if to is None else to.answers.without(OVERRULED),
    )


def _foreign(route: Route, foreign: Mapping[str, Foreign]) -> Foreign | None:
    settings = route.settings
    if settings is None or not settings.passes_foreign or route.upstream is None:
        return None
    return foreign[route.upstream]


def scopes_of(access: str | AccessRules) -> tuple[str, ...]:
    """The scopes that a route's rules ask for."""
    if isinstance(access, str):
        return ()
    named = (scope for condition in items_of(access.allow) for scope in condition.scope or ())
    return tuple(dict.fromkeys(named))


def _own_resources(settings: Settings) -> tuple[str, ...]:
    """Our paths that tokens are issued for: an audience may be one of our URLs (RFC 8707)."""
    urls = tuple(hosts_of(settings).public_urls.values())
    audiences = {it.rstrip("/") for bearer in settings.bearer for it in bearer.audiences}
    paths = {
        it.removeprefix(origin_of(url))
        for it in audiences
        for url in urls
        if it.startswith(url + "/")
    }
    mcp = (it for it in settings.enforced_routes if it.mcp)
    named = [stem_of(path) for route in mcp for path in (*route.path, *route.prefix)]
    # Not "/": that is the host as a whole.
    paths |= {base_of(url) + path for url in urls for path in named if path}
    return tuple(sorted(paths, key=len, reverse=True))


def protected_resource(
    settings: Settings, plans: Mapping[int, RoutePlan]
) -> ProtectedResource | None:
    """The metadata of the routes that accept issued tokens; None if none does."""
    taking = [it for it in plans.values() if _takes_tokens(it)]
    if not taking:
        return None
    scopes = dict.fromkeys(scope for plan in taking for scope in plan.admission.scopes)

    def taken(host: str, path: str) -> Taken:
        found = [it for it in taking if _is_at(it.route, host, path)]
        # The first one that matches decides; a host as a whole is no MCP server.
        if path and found and found[0].route.is_mcp:
            return Taken(frozenset({"token"}), found[0].admission.scopes)
        kinds = frozenset[str]().union(*(it.admission.credentials for it in found))
        return Taken(kinds, tuple(scopes))

    return ProtectedResource([it.issuer for it in settings.bearer], taken)


def metadata_path(accepted: Collection[str]) -> str | None:
    """The path of the metadata that names the issuers of the `accepted` kinds, or None."""
    return None if ISSUED.isdisjoint(accepted) else WELL_KNOWN


def _takes_tokens(plan: RoutePlan) -> bool:
    asks = plan.access.word not in ("public", "sign_in") and plan.access.looks_at_credentials
    return asks and not ISSUED.isdisjoint(plan.admission.credentials)


def _is_at(route: Route, host: str, path: str) -> bool:
    """Whether `route` is on `host` and matches `path`; an empty path matches."""
    if route.hosts and not names_host(route.hosts, host):
        return False
    if not path or path in route.paths or any(covers(stem, path) for stem in route.stems):
        return True
    return route.regex is not None and route.regex.fullmatch(path) is not None


def _limiter(route: Route, rates: RateTable) -> RateLimiter | None:
    limit = None if route.settings is None else route.settings.rate_limit
    return None if limit is None else RateLimiter(rates, route.name, limit)
