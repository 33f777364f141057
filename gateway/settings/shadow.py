"""Variants of a configuration: with the routes that decide, and with only what decides."""

from gateway.settings.routes import RouteSettings
from gateway.settings.schema import Settings
from gateway.settings.upstreams import UpstreamSettings, UpstreamTlsSettings


def has_shadow(settings: Settings) -> bool:
    """Whether anything decides requests beside `settings`, without effect."""
    return settings.shadow is not None or bool(shadow_names(settings))


def enforced(settings: Settings) -> Settings:
    """`settings` without the routes that have ``enforce: false``."""
    if all(route.enforce for route in settings.routes):
        return settings
    return settings.model_copy(update={"routes": settings.enforced_routes})


def all_enforced(settings: Settings) -> Settings | None:
    """`settings` as if every route were enforced; None if every route is."""
    if all(route.enforce for route in settings.routes):
        return None
    routes = tuple(route.model_copy(update={"enforce": True}) for route in settings.routes)
    return settings.model_copy(update={"routes": routes})


def shadow_names(settings: Settings) -> frozenset[str]:
    """The names of the routes that have ``enforce: false``."""
    return frozenset(route.name for route in settings.routes if not route.enforce)


def only_deciding(settings: Settings) -> Settings:
    """`settings` without what follows a decision: rate limits, sign-outs, cookies, assertions.

    Rate limits are no property of one request, and to count a request twice would slow clients.
    """
    routes = tuple(map(_unlimited, settings.routes))
    upstreams = {name: _idle(upstream) for name, upstream in settings.upstreams.items()}
    return settings.model_copy(update={"routes": routes, "upstreams": upstreams})


def _unlimited(route: RouteSettings) -> RouteSettings:
    return route if route.rate_limit is None else route.model_copy(update={"rate_limit": None})


def _idle(upstream: UpstreamSettings) -> UpstreamSettings:
    identity = upstream.identity.model_copy(update={"assertion": None})
    unused = {"identity": identity, "cookies": "shared", "logout_paths": ()}
    return upstream.model_copy(update={**unused, "tls": UpstreamTlsSettings()})
