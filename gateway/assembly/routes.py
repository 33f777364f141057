"""Settings -> the parts of a running gateway.  Opens nothing and connects to nothing."""

import ssl
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from gateway.authn import GUARDED, Authenticator
from gateway.authn.foreign import Foreign
from gateway.authz.access import compile_access
from gateway.endpoints.protected_resource import TOKEN_KINDS, WELL_KNOWN, ProtectedResource
from gateway.forward.response import ResponseRules
from gateway.forward.upstream import Address, Timeouts, Upstream, tls_context
from gateway.limits import RateLimiter, RateTable
from gateway.mutate.cookies import OwnNames
from gateway.mutate.identity import AssertionRules, IdentityFields, Sign
from gateway.mutate.outbound import FieldRules
from gateway.mutate.owners import CookieOwners
from gateway.mutate.templates import PRESETS, Template, compile_template, literal
from gateway.pipeline.read import Hosts
from gateway.pipeline.route_plan import RoutePlan, UpstreamPlan
from gateway.responses import Admission
from gateway.routing.deprecation import deprecation_of
from gateway.routing.route import Route, covers
from gateway.routing.table import RouteTable
from gateway.server.front import ClientLimits
from gateway.settings.schema import AccessRules, ApiKeySettings, Settings, UpstreamSettings
from gateway.settings.templates import PLACEHOLDER
from gateway.settings.upstreams import fold_name


def client_limits(settings: Settings) -> ClientLimits:
    """What one client may take."""
    limits = settings.server.limits
    return ClientLimits(
        head_bytes=limits.head_bytes,
        fields=limits.fields,
        body_bytes=limits.body_bytes,
        header_s=limits.header_timeout or float("inf"),
        keepalive_s=limits.keepalive_timeout or float("inf"),
        connections=limits.connections,
    )


def hosts_of(settings: Settings) -> Hosts:
    """The hosts that are served, and the public URL of each."""
    public_urls = {_host_of(url): url for url in settings.public_url}
    for route in settings.routes:
        for host in route.host:
            # A host that only a route names is reached the same way as the first public URL.
            scheme = settings.public_url[0].partition("://")[0]
            public_urls.setdefault(host, f"{scheme}://{host}")
    return Hosts(public_urls, settings.public_url[0])


def _host_of(url: str) -> str:
    # As `canonical_host` reads a Host field: a default port is dropped whatever the scheme.
    authority = urlsplit(url).netloc
    return authority.removesuffix(":80").removesuffix(":443")


def upstreams_of(settings: Settings, own_cookies: Iterable[bytes]) -> dict[str, Upstream]:
    """The upstreams by name, none of them connected.

    Raises:
        OSError, ssl.SSLError: A certificate file cannot be used.
    """
    own = tuple(own_cookies)
    max_fields = settings.server.limits.fields
    return {name: _upstream(name, it, own, max_fields) for name, it in settings.upstreams.items()}


def _upstream(
    name: str, settings: UpstreamSettings, own_cookies: tuple[bytes, ...], max_fields: int
) -> Upstream:
    is_tls, at = settings.address
    added = settings.response_headers.set
    return Upstream(
        name,
        Address(
            host=at.host,
            port=at.port,
            path=at.path,
            tls=_tls(settings) if is_tls else None,
            server_name=(settings.tls.server_name or at.host) if is_tls else None,
        ),
        Timeouts(
            connect_s=settings.timeouts.connect or float("inf"),
            response_s=settings.timeouts.response or float("inf"),
            idle_s=settings.timeouts.idle or float("inf"),
            wake_s=settings.wake_timeout,
        ),
        ResponseRules(
            removed=[field.encode() for field in settings.response_headers.remove],
            added={field.encode(): value.encode() for field, value in added.items()},
            reserved=own_cookies,
        ),
        max_fields,
    )


def _tls(settings: UpstreamSettings) -> ssl.SSLContext:
    tls = settings.tls
    return tls_context(
        ca_file=tls.ca_file,
        cert_file=tls.cert_file,
        key_file=tls.key_file,
        insecure_skip_verify=tls.insecure_skip_verify,
    )


def route_plans(
    settings: Settings,
    table: RouteTable,
    upstreams: Mapping[str, Upstream],
    authenticators: Mapping[str, Authenticator],
    *,
    own_cookies: OwnNames,
    sign: Sign,
    owners: CookieOwners,
    rates: RateTable,
) -> dict[int, RoutePlan]:
    """What is done with the requests of each route, by the route's index."""
    configured = _configured_names(settings)
    plans = {
        name: _upstream_plan(settings, name, upstreams[name], configured, own_cookies, sign, owners)
        for name in settings.upstreams
    }
    guarded = tuple(dict.fromkeys((*GUARDED, key_field(settings))))
    resources = _own_resources(settings)
    foreign = {
        name: Foreign(
            authenticators.values(),
            [it.issuer for it in settings.bearer],
            introspects=any(it.introspection is not None for it in settings.bearer),
            lost=configured | _removed_names(of),
        )
        for name, of in settings.upstreams.items()
    }
    return {
        route.index: _route_plan(route, plans, authenticators, rates, guarded, resources, foreign)
        for route in table.routes
    }


def _route_plan(
    route: Route,
    plans: Mapping[str, UpstreamPlan],
    authenticators: Mapping[str, Authenticator],
    rates: RateTable,
    guarded: tuple[bytes, ...],
    resources: tuple[str, ...],
    foreign: Mapping[str, Foreign],
) -> RoutePlan:
    accepted = route.credentials or tuple(authenticators)
    access = route.access
    assert isinstance(access, str | AccessRules)  # noqa: S101 - the schema has seen to it
    return RoutePlan(
        route=route,
        access=compile_access(access),
        admission=Admission(
            frozenset(accepted),
            route.unauthenticated,
            metadata_path(accepted),
            resources,
            scopes_of(access),
            () if route.settings is None else route.settings.challenges,
        ),
        authenticators=tuple(a for kind, a in authenticators.items() if kind in accepted),
        to=None if route.upstream is None else plans[route.upstream],
        guarded=guarded,
        limiter=_limiter(route, rates),
        deprecation=None if route.settings is None else deprecation_of(route.settings.deprecated),
        foreign=_foreign(route, foreign),
    )


def _foreign(route: Route, foreign: Mapping[str, Foreign]) -> Foreign | None:
    settings = route.settings
    if settings is None or not settings.passes_foreign or route.upstream is None:
        return None
    return foreign[route.upstream]


def key_field(settings: Settings) -> bytes:
    """The field, in lower case, that carries an API key; whether or not any is taken."""
    header = ApiKeySettings().header if settings.api_keys is None else settings.api_keys.header
    return header.lower().encode()


def scopes_of(access: str | AccessRules) -> tuple[str, ...]:
    """The scopes that the rules of a route ask for."""
    if isinstance(access, str):
        return ()
    named = (scope for condition in access.allow for scope in condition.scope or ())
    return tuple(dict.fromkeys(named))


def _own_resources(settings: Settings) -> tuple[str, ...]:
    """The paths here that tokens are issued for: an audience may be a URL of ours (RFC 8707)."""
    urls = hosts_of(settings).public_urls.values()
    audiences = {it.rstrip("/") for bearer in settings.bearer for it in bearer.audiences}
    paths = {it.removeprefix(url) for it in audiences for url in urls if it.startswith(url + "/")}
    return tuple(sorted(paths, key=len, reverse=True))


def protected_resource(
    settings: Settings, plans: Mapping[int, RoutePlan]
) -> ProtectedResource | None:
    """What says whose access tokens are taken where; None where nobody's are."""
    taking = [it for it in plans.values() if _takes_tokens(it)]
    if not taking:
        return None
    scopes = dict.fromkeys(scope for plan in taking for scope in plan.admission.scopes)

    def accepted(host: str, path: str) -> frozenset[str]:
        found = (it.admission.credentials for it in taking if _is_at(it.route, host, path))
        return frozenset[str]().union(*found)

    return ProtectedResource([it.issuer for it in settings.bearer], list(scopes), accepted)


def metadata_path(accepted: Collection[str]) -> str | None:
    """Where the document is that says who issues the tokens `accepted`; None where none is."""
    return None if TOKEN_KINDS.isdisjoint(accepted) else WELL_KNOWN


def _takes_tokens(plan: RoutePlan) -> bool:
    asks = plan.access.word not in ("public", "sign_in") and plan.access.looks_at_credentials
    return asks and not TOKEN_KINDS.isdisjoint(plan.admission.credentials)


def _is_at(route: Route, host: str, path: str) -> bool:
    """Whether `route` is on `host`, and covers `path` where that is not empty."""
    if route.hosts and not route.hosts & {host, host.rpartition(":")[0]}:
        return False
    if not path or path in route.paths or any(covers(stem, path) for stem in route.stems):
        return True
    return route.regex is not None and route.regex.fullmatch(path) is not None


def _limiter(route: Route, rates: RateTable) -> RateLimiter | None:
    limit = None if route.settings is None else route.settings.rate_limit
    return None if limit is None else RateLimiter(rates, route.name, limit)


def _upstream_plan(
    settings: Settings,
    name: str,
    upstream: Upstream,
    configured: frozenset[bytes],
    own_cookies: OwnNames,
    sign: Sign,
    owners: CookieOwners,
) -> UpstreamPlan:
    of = settings.upstreams[name]
    removed = _removed_names(of)
    kept = [pattern.encode() for pattern in of.request_fields_kept]
    assertion = of.identity.assertion
    rules = None
    if assertion is not None:
        rules = AssertionRules(
            header=assertion.header,
            issuer=settings.public_url[0],
            audience=assertion.audience,
            ttl_s=int(assertion.ttl),
        )
    return UpstreamPlan(
        upstream=upstream,
        host=_host_sent(of),
        fields=FieldRules(configured | removed, key_field(settings), kept),
        fields_by_token=FieldRules(
            configured | removed | {b"authorization"}, key_field(settings), kept
        ),
        identity=IdentityFields(
            _identity_templates(of), _set_templates(of), rules, sign, new_id=lambda: uuid4().hex
        ),
        owners=owners if of.cookies == "isolate" else None,
        own_cookies=own_cookies,
        logout_paths=frozenset(
            map(str.casefold, of.logout_paths) if of.path_case == "ignore" else of.logout_paths
        ),
        ignores_case=of.path_case == "ignore",
        logout_then=of.logout_then,
    )


def _host_sent(settings: UpstreamSettings) -> bytes | None:
    if settings.host == "preserve":
        return None
    if settings.host != "upstream":
        return settings.host.encode()
    if settings.url.startswith("unix:"):
        return b"localhost"
    return urlsplit(settings.url).netloc.encode()


def _identity_templates(settings: UpstreamSettings) -> dict[str, Template]:
    """What the app is told of an identity; `request_headers.set` goes before it."""
    set_names = {fold_name(name) for name in settings.request_headers.set}
    mapping = identity_mapping(settings).items()
    return {name: compile_template(t) for name, t in mapping if fold_name(name) not in set_names}


def _set_templates(settings: UpstreamSettings) -> dict[str, Template]:
    """What the app is told on every request."""
    return {
        name: compile_template(value.value) if value.is_template else literal(value.value)
        for name, value in settings.request_headers.set.items()
    }


def identity_mapping(settings: UpstreamSettings) -> Mapping[str, str]:
    """Field names and templates of the identity an upstream is told."""
    headers = settings.identity.headers
    return PRESETS[headers] if isinstance(headers, str) else headers


def _removed_names(settings: UpstreamSettings) -> frozenset[bytes]:
    """The field names that no client may send to this upstream."""
    return frozenset(name.encode() for name in settings.request_headers.remove)


def _configured_names(settings: Settings) -> frozenset[bytes]:
    """Every field name any upstream is told something in: none of them passes from a client."""
    names: set[str] = set()
    for upstream in settings.upstreams.values():
        names.update(identity_mapping(upstream), upstream.request_headers.set)
        if upstream.identity.assertion is not None:
            names.add(upstream.identity.assertion.header)
    return frozenset(name.encode() for name in names)


def wanted_claims(settings: Settings) -> tuple[str, ...]:
    """Claims that policies and fields look at, so that userinfo is asked where one is missing."""
    wanted: set[str] = set()
    for upstream in settings.upstreams.values():
        texts = [*identity_mapping(upstream).values()]
        texts += [v.value for v in upstream.request_headers.set.values() if v.is_template]
        for text in texts:
            wanted.update(m[2] for m in PLACEHOLDER.finditer(text) if m[1] == "claim" and m[2])
    for route in settings.routes:
        if isinstance(route.access, AccessRules):
            for condition in (*route.access.allow, *route.access.deny):
                wanted.update(condition.claim or ())
    return tuple(sorted(wanted))
