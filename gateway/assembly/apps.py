"""Builds the apps that get tokens from settings.  Opens nothing and connects to nothing."""

from collections.abc import Mapping

from gateway.authn.bearer import BearerAuthenticator
from gateway.credentials.apps import App, Apps
from gateway.credentials.one_time_exchange import OneTimeExchange
from gateway.credentials.tokens import TokenFamilies
from gateway.oidc.provider import Provider
from gateway.oidc.subject_token import SubjectTokens
from gateway.sessions.session import Limits
from gateway.settings.schema import ClientSettings, Settings, TokenSettings
from gateway.storage.store import Clock


def token_settings(settings: Settings) -> TokenSettings:
    """The token settings, or the defaults if no app gets tokens."""
    return settings.tokens or TokenSettings.model_construct(clients={})


def token_limits(settings: Settings) -> Limits:
    """The lifetime limits of the sessions behind tokens."""
    tokens = token_settings(settings)
    return Limits(idle_s=tokens.refresh_ttl, absolute_s=tokens.absolute_ttl)


def apps_of(
    settings: Settings,
    providers: Mapping[str, Provider],
    bearer: BearerAuthenticator | None,
    tokens: TokenFamilies,
    once: OneTimeExchange,
    clock: Clock,
) -> Apps | None:
    """The apps that get tokens, or None; `providers` come from `app_providers`."""
    known: dict[str, App] = {}
    for name, client in token_settings(settings).clients.items():
        if client.provider is not None:
            app = _app(name, client, providers[name], bearer, clock)
            known[name] = known[client.client_id or name] = app
    return Apps(known, tokens, once) if known else None


def _app(
    name: str,
    client: ClientSettings,
    provider: Provider,
    bearer: BearerAuthenticator | None,
    clock: Clock,
) -> App:
    # If the issuer introspects bearer tokens, it introspects subject tokens too.
    issuer = None if bearer is None else bearer.issuer(provider.registration.issuer)
    ask = issuer.ask if issuer is not None and issuer.introspects else None
    audiences = frozenset(client.audiences or (client.client_id or name,))
    return App(name, provider, SubjectTokens(provider, audiences, clock, ask), client.redirect_uris)
