"""Builds the pipeline from settings and from what outlives them."""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.assembly.apps import apps_of
from gateway.assembly.authserver import (
    RouteResources,
    auth_server_of,
    clients_of,
    entries_of,
)
from gateway.assembly.hosts import hosts_of
from gateway.assembly.lasting import Lasting
from gateway.assembly.launch import RouteLauncher
from gateway.assembly.routes import metadata_path, protected_resource, route_plans
from gateway.assembly.upstreams import (
    account_secrets,
    told_fields,
    upstream_plans,
    upstreams_of,
)
from gateway.authn import (
    AUTHENTICATORS,
    Authenticator,
    Parts,
    authenticate_all,
    guarded_fields,
    own_fields,
)
from gateway.authn.bearer import BearerAuthenticator
from gateway.authn.session import SessionAuthenticator, authenticator_of, cookie_name
from gateway.authserver.clients import Clients
from gateway.authserver.server import AuthServer
from gateway.authz.access import Access, compile_items
from gateway.credentials.apps import Apps
from gateway.credentials.one_time_exchange import OneTimeExchange
from gateway.credentials.tokens import TokenFamilies
from gateway.endpoints.app_cookies import AppCookies
from gateway.endpoints.authorization_server import AuthorizationServer
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.doctor import Doctor
from gateway.endpoints.logout import Logout
from gateway.endpoints.oauth2_proxy import build_oauth2_proxy
from gateway.endpoints.table import build_endpoints
from gateway.endpoints.token_clients import TokenClients
from gateway.endpoints.well_known import WellKnown
from gateway.forward.upstream import Upstream
from gateway.kinds import LDAP
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import Identity
from gateway.mutate.templates import Template, compile_template
from gateway.mutate.trace import request_ids, traceparents
from gateway.oidc.provider import Provider
from gateway.pipeline.admit import SessionTools
from gateway.pipeline.forward_auth import ForwardAuth
from gateway.pipeline.oauth2_proxy import OAuth2ProxyAuth
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.tools import Tools
from gateway.responses import LANGUAGE_COOKIE, Admission
from gateway.routing.table import build_table
from gateway.sessions import Sealer
from gateway.sessions.all_sessions import AllSessions
from gateway.sessions.session import Session
from gateway.settings.countries import countries_of
from gateway.settings.presets import PRESETS
from gateway.settings.schema import Settings
from gateway.settings.shadow import enforced
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory  # With the library of an extra.

clock: Clock = time.time  # noqa: TID251 - the only place that chooses the clock


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings, and what is built from them before serving.

    Attributes:
        providers: By name.
        by_app: The provider of each app, called as the app.
        bearer: The authenticator for access tokens; None if no issuer is configured.
        directories: The directory that people sign in with, by its name; empty if there is none.
    """

    settings: Settings
    providers: Mapping[str, Provider]
    by_app: Mapping[str, Provider]
    sealer: Sealer
    bearer: BearerAuthenticator | None
    directories: "Mapping[str, Directory]"


def pipeline_of(
    config: Configuration,
    lasting: Lasting,
    judge: Callable[[Authenticator], Authenticator] = lambda real: real,
    access_of: Callable[[Access], Access] = lambda access: access,
) -> tuple[Pipeline, list[Upstream]]:
    """The pipeline for `config`, and the upstreams it forwards to.

    `judge` may replace the authenticator of each kind of credential, and `access_of` the access of
    each route.
    """
    watch = None if lasting.watch_of is None else lasting.watch_of(config.settings)
    # Routes that are not enforced take no part: not even their hosts are served.
    config = replace(config, settings=enforced(config.settings))
    settings = config.settings
    apps = _apps(config, lasting)
    clients = clients_of(settings, lasting.registrations, lasting.clock)
    parts = Parts(
        settings,
        lasting.sessions,
        config.bearer,
        lasting.keys,
        _tokens(settings, lasting, clients),
    )
    built = {kind: it for kind, build in AUTHENTICATORS.items() if (it := build(parts)) is not None}
    authenticators = {kind: judge(it) for kind, it in built.items()}
    # Logout and cookie handling read session cookies even if no sessions are accepted.
    found = built.get("session")
    browser = found if isinstance(found, SessionAuthenticator) else authenticator_of(parts)
    rules, own_names = _cookie_rules(settings), _own_cookies(settings, built.values())
    app_cookies = AppCookies(rules, config.sealer, own_names)
    upstreams = upstreams_of(settings)
    to = upstream_plans(
        settings,
        upstreams,
        own_names,
        lasting.signer.sign,
        app_cookies.owners,
        own_fields(settings, built.values()),
    )
    table = build_table(settings.routes, next(iter(settings.upstreams)), settings.ignoring_case)
    plans = route_plans(settings, table, to, authenticators, lasting.rates, access_of)
    server = auth_server_of(
        settings,
        clients,
        RouteResources(table, plans, entries_of(settings)),
        lasting.registrations,
        lasting.store,
        lasting.tokens,
        lasting.sign_ins,
        lasting.id_token_keys,
        lasting.clock,
        lasting.metrics.count_client_tokens,
    )
    launcher = RouteLauncher(
        settings.routes, table, plans, hosts_of(settings), settings.accounts.user_header
    )
    deps = _deps(config, lasting, authenticators, rules, app_cookies, apps, server)
    deps = replace(deps, launcher=launcher, watch=watch)
    tools = _tools(config, lasting, deps, plans, browser)
    networks = settings.server.trusted_proxies
    return Pipeline(table, plans, hosts_of(settings), networks, tools), list(upstreams.values())


def _cookie_rules(settings: Settings) -> CookieRules:
    cookie = settings.sessions.cookie
    return CookieRules(
        name=cookie.name,
        domain=cookie.domain,
        same_site=cookie.same_site_sent,
        session_s=int(settings.sessions.absolute_timeout),
        partitioned=cookie.partitioned,
    )


def _own_cookies(settings: Settings, kinds: Iterable[Authenticator]) -> tuple[bytes, ...]:
    name = settings.sessions.cookie.name
    carrying = (cookie for kind in kinds for cookie in kind.cookies)
    # Those besides the session's have a prefix even where that has a domain.  Another gateway on
    # the same host may be below a path.
    all_urls = ("http://a", "https://a", "https://a/b")
    prefixed = (cookie_name(name, url, None) for url in all_urls)
    named = dict.fromkeys((*prefixed, *carrying, LANGUAGE_COOKIE))
    return tuple(it.encode() for it in named)


def _tokens(
    settings: Settings, lasting: Lasting, clients: Clients | None
) -> tuple[TokenFamilies, Callable[[str], bool]] | None:
    """The gateway's own tokens, and whether a client may be one that has them."""
    if settings.tokens is None:
        return None
    apps = frozenset(settings.tokens.clients)
    if clients is None:
        return lasting.tokens, apps.__contains__
    return lasting.tokens, lambda name: name in apps or clients.may_know(name)


def _apps(config: Configuration, lasting: Lasting) -> Apps | None:
    tokens = lasting.tokens
    once = OneTimeExchange(lasting.store, lambda: tokens.sessions.sealer, lasting.clock)
    return apps_of(config.settings, config.by_app, config.bearer, tokens, once, lasting.clock)


def _deps(
    config: Configuration,
    lasting: Lasting,
    authenticators: Mapping[str, Authenticator],
    rules: CookieRules,
    app_cookies: AppCookies,
    apps: Apps | None,
    server: AuthServer | None,
) -> Deps:
    """The endpoints' dependencies."""
    settings = config.settings
    country_of = countries_of(settings.country_file)
    isolates = any(it.cookies == "isolate" for it in settings.upstreams.values())
    return Deps(
        providers=config.providers,
        sessions=lasting.sessions,
        all_sessions=AllSessions(lasting.sessions, lasting.tokens.sessions),
        cookies=rules,
        clock=lasting.clock,
        key_set=lambda: lasting.signer.document,
        store=lasting.store,
        journal=lasting.journal,
        told_of_logouts=frozenset(
            name for name, it in settings.providers.items() if it.backchannel_logout
        ),
        on_sign_in=partial(count_outcome, lasting.metrics.sign_ins),
        app_cookies=app_cookies if isolates else None,
        admins=compile_items(settings.admins, country_of),
        find_refusal=lasting.refusals.find,
        accounts=lasting.accounts,
        local=lasting.local if settings.has_local_accounts else None,
        directory=config.directories.get(LDAP),
        outbox=None if settings.smtp is None else lasting.outbox,
        identify=partial(
            authenticate_all,
            authenticators=tuple(authenticators.values()),
            guarded=guarded_fields(settings, authenticators.values()),
        ),
        admission=Admission(
            frozenset(authenticators), resource_metadata=metadata_path(authenticators)
        ),
        keys=None if settings.api_keys is None else (lasting.keys, settings.api_keys),
        apps=apps,
        auth_server=server,
        country_of=country_of,
        access_requests=lasting.access_requests if settings.admins else None,
        account_secrets=account_secrets(settings),
    )


def _tools(
    config: Configuration,
    lasting: Lasting,
    deps: Deps,
    plans: Mapping[int, RoutePlan],
    browser: SessionAuthenticator,
) -> Tools:
    """The pipeline's dependencies, apart from the routes."""
    settings = config.settings
    app_cookies = deps.app_cookies
    parents = traceparents(os.urandom)
    return Tools(
        endpoints=build_endpoints(deps),
        metrics=lasting.metrics,
        audit=lasting.audit,
        new_request_id=request_ids(os.urandom),
        trace_parent=parents if lasting.tracing is None else lasting.tracing.parents(parents),
        monotonic=time.monotonic,
        knows_client=partial(_knows_client, deps.token_clients),
        user_header=settings.accounts.user_header,
        doctor=Doctor(config.sealer, lasting.clock, hosts_of(settings).serves),
        well_known=WellKnown(protected_resource(settings, plans), _metadata(settings, deps)),
        forward_auth=None
        if settings.forward_auth is None
        else ForwardAuth(settings.forward_auth.dialect, told_fields(settings)),
        oauth2_proxy=None
        if settings.compatibility is None or settings.forward_auth is None
        else (
            OAuth2ProxyAuth(settings.forward_auth.dialect, _told_by_oauth2_proxy(settings)),
            build_oauth2_proxy(deps, _sharing_a_cookie(settings)),
        ),
        sessions=SessionTools(
            clear=deps.cookies.no_session_cookie,
            end=_end_session(deps, lasting.tokens, browser),
            leave=Logout(deps).leave,
            signed_out=_nothing_left if app_cookies is None else app_cookies.signed_out,
            peek=browser.peek,
            look_up=browser.look_up,
        ),
    )


def _knows_client(clients: TokenClients | None, name: str) -> bool:
    # Sessions are kept under names, which another client may have at its provider.
    return clients is not None and clients.name_of(name) == name


def _metadata(settings: Settings, deps: Deps) -> AuthorizationServer | None:
    if deps.token_clients is None:
        return None
    keys = settings.api_keys is not None
    return AuthorizationServer(deps.apps, deps.auth_server, introspects=keys)


def _told_by_oauth2_proxy(settings: Settings) -> Mapping[str, Template]:
    user = settings.accounts.user_header
    fields = PRESETS["x-auth-request"]
    return {name: compile_template(text, user) for name, text in fields.items()}


def _sharing_a_cookie(settings: Settings) -> tuple[str, ...]:
    """The public URLs whose hosts have the session cookie in common."""
    domain = settings.sessions.cookie.domain
    if domain is None:
        return ()
    hosts = ((urlsplit(url).hostname or "", url) for url in hosts_of(settings).public_urls.values())
    return tuple(url for host, url in hosts if host == domain or host.endswith(f".{domain}"))


def count_outcome(counts: dict[tuple[str, str], int], provider: str, outcome: str) -> None:
    """Count one `outcome` of `provider`."""
    counts[provider, outcome] += 1


def _end_session(
    deps: Deps, tokens: TokenFamilies, authenticator: SessionAuthenticator
) -> Callable[[Request, Identity], Awaitable[Session | None]]:
    async def end(request: Request, identity: Identity) -> Session | None:
        if identity.client is not None and identity.session_id is not None:
            await tokens.sessions.end_by_id(identity.session_id)
        session = await deps.session(request)
        for cookie in authenticator.presented(request):
            await deps.sessions.end(cookie)
        return session

    return end


def _nothing_left(_request: Request, _identity: Identity) -> FieldList:
    """If all apps share their cookies, a sign-out removes none of them."""
    return ()
