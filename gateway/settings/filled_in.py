"""What settings follow from others where the file leaves them out."""

from typing import TYPE_CHECKING, Literal

from gateway.kinds import ADMIN_ROLE, LOCAL
from gateway.settings.access import Conditions, ConditionSettings
from gateway.settings.conditions import clients_with_items, resolver, with_items
from gateway.settings.tokens import USUAL_DOCUMENT_HOSTS, TokenSettings
from gateway.settings.upstreams import UpstreamSettings

if TYPE_CHECKING:
    from gateway.settings.schema import Settings

AuthMode = Literal["standalone", "hybrid", "oidc-only"]


def default_mode(*ways_in: object) -> AuthMode:
    """The `auth_mode` if none is given: `ways_in` are the providers, bearer issuers and keys."""
    return "oidc-only" if any(ways_in) else "standalone"


def filled_in(settings: "Settings") -> dict[str, object]:
    """The mode, routes with the only upstream, assertions with their audience, and tokens."""
    mode = settings.auth_mode
    if "auth_mode" not in settings.model_fields_set:
        mode = default_mode(settings.providers, settings.bearer, settings.api_keys is not None)
    only = next(iter(settings.upstreams)) if len(settings.upstreams) == 1 else None
    routes = tuple(
        route.model_copy(update={"upstream": only})
        if route.upstream is None and route.forwards
        else route
        for route in with_items(settings.routes, settings.conditions)
    )
    upstreams = {name: _with_audience(name, it) for name, it in settings.upstreams.items()}
    tokens = settings.tokens
    if any(route.mcp for route in settings.enforced_routes):
        tokens = tokens or TokenSettings()
        if tokens.metadata_documents is None:
            hosts = {"metadata_documents": USUAL_DOCUMENT_HOSTS}
            tokens = tokens.model_copy(update=hosts)
    if tokens is not None:
        clients = clients_with_items(tokens.clients, settings.conditions)
        tokens = tokens.model_copy(update={"clients": clients})
    return {
        "auth_mode": mode,
        "routes": routes,
        "upstreams": upstreams,
        "admins": _admins(settings, mode),
        "tokens": tokens,
    }


def _admins(settings: "Settings", mode: AuthMode) -> Conditions:
    """Those of the file; if it has none, the accounts that were made administrators.

    Only if they sign in here: a provider may give anybody a role of that name.
    """
    if "admins" in settings.model_fields_set or mode == "oidc-only":
        return resolver(settings.conditions)(settings.admins)
    return (ConditionSettings.model_validate({"provider": LOCAL, "role": ADMIN_ROLE}),)


def _with_audience(name: str, upstream: UpstreamSettings) -> UpstreamSettings:
    assertion = upstream.identity.assertion
    if assertion is None or assertion.audience:
        return upstream
    named = assertion.model_copy(update={"audience": name})
    identity = upstream.identity.model_copy(update={"assertion": named})
    return upstream.model_copy(update={"identity": identity})
