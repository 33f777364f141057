"""Which settings of a provider go with its type: OpenID Connect, or plain OAuth 2.0."""

from typing import TYPE_CHECKING

from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.provider_protocol import PROTOCOL
from gateway.settings.provider_quirks import (
    ENDPOINTS,
    judge_algorithms,
    judge_endpoints,
    judge_roles,
    judge_tenants,
)
from gateway.settings.scalars import wrong

if TYPE_CHECKING:
    from gateway.settings.providers import ProviderSettings

# Settings that only plain OAuth 2.0 uses.
_OF_OAUTH2 = ("emails_endpoint", "roles_endpoint", "roles_in", "recheck")
# Profiles of both types.
_OF_BOTH = ("generic", "gitlab")
# Settings that only OpenID Connect uses.
_OF_OIDC = (
    *("tenants", "algorithms", "nonce", "response_mode"),
    *PROTOCOL,
)


def judge_oidc(provider: "ProviderSettings") -> None:
    """Check the settings of a provider of OpenID Connect.

    Raises:
        ValueError: One does not fit.
    """
    if provider.profile not in _OF_BOTH and provider.profile in OAUTH2_PROFILES:
        raise wrong(f"profile {provider.profile} needs type: oauth2")
    given = [name for name in _OF_OAUTH2 if name in provider.model_fields_set]
    given += [f"claims.{it}" for it in ("subject", "group") if getattr(provider.claims, it)]
    if given:
        raise wrong(f"{given[0]} needs type: oauth2")
    if provider.groups_overage == "graph" and provider.profile != "entra":
        raise wrong("groups_overage: graph needs profile: entra")
    if provider.groups_endpoint is not None and provider.groups_overage != "graph":
        raise wrong("groups_endpoint needs type: oauth2, or groups_overage: graph")
    if provider.scopes is not None and "openid" not in provider.scopes:
        raise wrong("scopes must include openid")
    judge_tenants(provider.issuer, provider.tenants)
    judge_algorithms(provider.algorithms or (), provider.client_secret)


def judge_oauth2(provider: "ProviderSettings") -> None:
    """Check the settings of a provider of plain OAuth 2.0.

    Raises:
        ValueError: One does not fit.
    """
    given = {name: getattr(provider, name) for name in (*ENDPOINTS, "roles_endpoint")}
    judge_endpoints(provider.profile, given)
    profile = OAUTH2_PROFILES[provider.profile]
    judge_roles(profile, provider.roles_in, given)
    if profile.fold_case and provider.claims.groups.fold_case is None:
        provider.claims.groups.judge_map()
    for name in _OF_OIDC:
        if name in provider.model_fields_set:
            raise wrong(f"{name} needs OpenID Connect: remove it")
    if provider.client_key is not None:
        raise wrong("type: oauth2 uses no client_key: set client_secret_file")
    if provider.backchannel_logout:
        raise wrong("backchannel_logout needs OpenID Connect: remove it")
    if provider.claims.group is not None and provider.groups_endpoint is None:
        raise wrong("claims.group needs groups_endpoint")
    if provider.recheck <= 0:
        raise wrong("recheck must be more than 0")
