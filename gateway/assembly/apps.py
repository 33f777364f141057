"""Settings -> the apps that get tokens.  Opens nothing and connects to nothing."""

from collections.abc import Mapping

from gateway.authn.bearer import BearerAuthenticator
from gateway.credentials.apps import App, Apps
from gateway.credentials.one_time_exchange import OneTimeExchange
from gateway.credentials.tokens import TokenFamilies
from gateway.endpoints.authorization_server import AuthorizationServer
from gateway.oidc.provider import Provider
from gateway.oidc.subject_token import SubjectTokens
from gateway.sessions.session import Limits
from gateway.settings.schema import ClientSettings, Settings, TokenSettings
from gateway.storage.store import Clock


def token_settings(settings: Settings) -> TokenSettings:
    """The lifetimes of tokens; the defaults where no app gets any."""
    return settings.tokens or TokenSettings.model_construct(clients={})


def token_limits(settings: Settings) -> Limits:
    """How long the sessions behind tokens may live."""
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
    if settings.tokens is None:
        return None
    known: dict[str, App] = {}
    for name, client in settings.tokens.clients.items():
        app = _app(name, client, providers[name], bearer, clock)
        known[name] = known[client.client_id or name] = app
    return Apps(known, tokens, once)


def _app(
    name: str,
    client: ClientSettings,
    provider: Provider,
    bearer: BearerAuthenticator | None,
    clock: Clock,
) -> App:
    # Who may be asked about access tokens that come as bearers may be asked about these.
    issuer = None if bearer is None else bearer.issuer(provider.registration.issuer)
    ask = issuer.ask if issuer is not None and issuer.introspects else None
    audiences = frozenset(client.audiences or (client.client_id or name,))
    return App(name, provider, SubjectTokens(provider, audiences, clock, ask), client.redirect_uris)


def authorization_server(settings: Settings, apps: Apps | None) -> AuthorizationServer | None:
    """What tells apps where tokens are given; None where there are no apps."""
    if apps is None:
        return None
    return AuthorizationServer(apps, introspects=settings.api_keys is not None)
