"""Builds providers and token issuers, and collects the claims that rules need."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.accounts.manager import Accounts
from gateway.assembly.upstreams import identity_mapping
from gateway.authn.bearer import BearerAuthenticator
from gateway.kinds import LDAP
from gateway.oidc.bearer_issuer import BearerIssuer
from gateway.oidc.configured import given_endpoints, register
from gateway.oidc.http import ProviderHttp
from gateway.oidc.internal_url import Addresses
from gateway.oidc.oauth2 import OAuth2Provider
from gateway.oidc.provider import Provider
from gateway.oidc.reach import reached
from gateway.oidc.registration import Registration
from gateway.settings.access import items_of
from gateway.settings.bearer import BearerSettings
from gateway.settings.providers import ProviderSettings
from gateway.settings.schema import AccessRules, Settings
from gateway.settings.templates import PLACEHOLDER
from gateway.settings.tenants import in_tenant
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory


def providers_of(settings: Settings, http: ProviderHttp, clock: Clock) -> dict[str, Provider]:
    """The providers by name; makes no call yet."""
    wanted = wanted_claims(settings)
    return {
        name: _provider(register(name, it), _reached(it, http), clock, wanted)
        for name, it in settings.providers.items()
    }


def _provider(
    registration: Registration, http: ProviderHttp, clock: Clock, wanted: tuple[str, ...]
) -> Provider:
    if registration.oauth2 is not None:
        return OAuth2Provider(registration, registration.oauth2, http, clock)
    return Provider(registration, http, clock, wanted_claims=wanted)


def directories_of(settings: Settings) -> "dict[str, Directory]":
    """The directory that people sign in with, by its name; makes no call yet."""
    if settings.ldap is None:
        return {}
    from gateway.ldap.directory import Directory  # With the library of an extra.

    return {LDAP: Directory(settings.ldap)}


def app_providers(settings: Settings, providers: Mapping[str, Provider]) -> dict[str, Provider]:
    """The provider of each app, called as the app."""
    if settings.tokens is None:
        return {}
    return {
        name: providers[client.provider].for_app(client.client_id or name)
        for name, client in settings.tokens.clients.items()
        if client.provider is not None
    }


def wanted_claims(settings: Settings) -> tuple[str, ...]:
    """Claims that rules and fields use, so that userinfo is called if one is missing."""
    wanted: set[str] = set()
    for upstream in settings.upstreams.values():
        texts = [*identity_mapping(upstream).values()]
        for value in upstream.request_headers.set.values():
            texts += [value.value] if value.is_template else []
            texts += [value.basic.user] if value.basic is not None else []
        for text in texts:
            wanted.update(m[2] for m in PLACEHOLDER.finditer(text) if m[1] == "claim" and m[2])
    for route in settings.routes:
        if isinstance(route.access, AccessRules):
            for condition in items_of((*route.access.allow, *route.access.deny)):
                wanted.update(condition.claim or ())
    return tuple(sorted(wanted))


def issuers_of(settings: Settings) -> tuple[object, ...]:
    """The settings that decide how access tokens are verified and whose identity they give."""
    return settings.bearer, {
        name: (_issuers_of_users(it), it.internal_url, it.tls, it.proxy, given_endpoints(it))
        for name, it in settings.providers.items()
    }


def bearer_of(
    settings: Settings, http: ProviderHttp, accounts: Accounts, clock: Clock
) -> BearerAuthenticator | None:
    """The authenticator for access tokens, or None; makes no call yet."""
    if not settings.bearer:
        return None
    named = {
        issuer: name for name, it in settings.providers.items() for issuer in _issuers_of_users(it)
    }
    issuers = [
        _issuer(it, named.get(it.issuer, ""), settings.providers, http, clock)
        for it in settings.bearer
    ]
    return BearerAuthenticator(issuers, accounts)


def _issuer(
    settings: BearerSettings,
    provider: str,
    providers: Mapping[str, ProviderSettings],
    http: ProviderHttp,
    clock: Clock,
) -> BearerIssuer:
    """An issuer of access tokens; one that is also the `provider` of that name is reached so."""
    if not provider:
        return BearerIssuer(settings, reached(http, Addresses(settings.issuer)), clock)
    its = providers[provider]
    return BearerIssuer(
        settings,
        _reached(its, http),
        clock,
        provider=provider,
        internal_url=its.internal_url,
        endpoints=given_endpoints(its),
    )


def _issuers_of_users(settings: ProviderSettings) -> tuple[str, ...]:
    """The issuers that the provider's users are known by."""
    return tuple(in_tenant(settings.issuer, it) for it in settings.tenants) or (settings.issuer,)


def _reached(settings: ProviderSettings, http: ProviderHttp) -> ProviderHttp:
    addresses = Addresses(settings.issuer, settings.internal_url)
    return reached(http, addresses, settings.tls, settings.proxy)
