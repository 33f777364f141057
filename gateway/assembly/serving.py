"""Settings and what outlives them -> the pipeline that serves by them, and its parts."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from gateway.accounts.manager import Accounts
from gateway.assembly.apps import (
    apps_of,
    authorization_server,
    token_limits,
    token_settings,
)
from gateway.assembly.routes import (
    hosts_of,
    key_field,
    metadata_path,
    protected_resource,
    route_plans,
    upstreams_of,
    wanted_claims,
)
from gateway.authn import AUTHENTICATORS, GUARDED, Authenticator, Parts, authenticate_all
from gateway.authn.bearer import BearerAuthenticator
from gateway.authn.session import SessionAuthenticator, authenticator_of
from gateway.credentials.keys import ApiKeys
from gateway.credentials.once import Once
from gateway.credentials.tokens import Tokens
from gateway.endpoints.app_cookies import AppCookies
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import Logout
from gateway.endpoints.table import build_endpoints
from gateway.endpoints.well_known import WellKnown
from gateway.forward.upstream import Upstream
from gateway.limits import RateTable
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import Identity
from gateway.mutate.signer import AssertionSigner
from gateway.mutate.trace import request_ids, traceparents
from gateway.oidc.bearer_issuer import BearerIssuer
from gateway.oidc.configured import register
from gateway.oidc.http import ProviderHttp
from gateway.oidc.provider import Provider
from gateway.pipeline.admit import SessionTools
from gateway.pipeline.pipeline import Pipeline, Tools
from gateway.record.audit import AuditWriter
from gateway.record.metrics import Metrics
from gateway.responses import Admission
from gateway.routing.table import build_table
from gateway.sealing.secret import server_secrets
from gateway.sessions import Limits, Sealer, SessionManager
from gateway.sessions.kinds import EveryKind, token_store
from gateway.sessions.session import Session
from gateway.settings.schema import Settings
from gateway.storage.location import is_networked
from gateway.storage.store import Store

clock: Callable[[], float] = time.time  # noqa: TID251 - here the clock is chosen


@dataclass(frozen=True, slots=True)
class Lasting:
    """What outlives a configuration.

    Attributes:
        sessions: Those of browsers.
        tokens: With the sessions behind them, whether or not any are given just now.
        providers: Those of the configuration that is served; changed in place.
        apps: The providers as each app's name stands for them; changed in place.
    """

    store: Store
    sessions: SessionManager
    tokens: Tokens
    signer: AssertionSigner
    accounts: Accounts
    keys: ApiKeys
    http: ProviderHttp
    providers: dict[str, Provider]
    apps: dict[str, Provider]
    metrics: Metrics
    audit: AuditWriter
    rates: RateTable


def pipeline_of(
    settings: Settings,
    lasting: Lasting,
    providers: Mapping[str, Provider],
    by_app: Mapping[str, Provider],
    sealer: Sealer,
    bearer: BearerAuthenticator | None,
    judge: Callable[[Authenticator], Authenticator] | None = None,
) -> tuple[Pipeline, list[Upstream]]:
    """What serves by `settings`, and the upstreams it forwards to.

    `judge` puts another in the place of each authenticator of a request's credentials.
    """
    sessions, metrics = lasting.sessions, lasting.metrics
    cookie = settings.sessions.cookie
    own_cookies = (cookie.name.encode(), f"__Host-{cookie.name}".encode())
    rules = CookieRules(
        name=cookie.name,
        domain=cookie.domain,
        same_site=cookie.same_site_sent,
        session_s=int(settings.sessions.absolute_timeout),
        partitioned=cookie.partitioned,
    )
    app_cookies = AppCookies(rules, sealer, own_cookies)
    isolates = any(it.cookies == "isolate" for it in settings.upstreams.values())
    once = Once(lasting.store, lambda: lasting.tokens.sessions.sealer, clock)
    apps = apps_of(settings, by_app, bearer, lasting.tokens, once, clock)
    parts = Parts(
        settings=settings,
        sessions=sessions,
        bearer=bearer,
        keys=lasting.keys,
        tokens=None if apps is None else lasting.tokens,
    )
    built = {kind: it for kind, build in AUTHENTICATORS.items() if (it := build(parts)) is not None}
    authenticators = built if judge is None else {kind: judge(it) for kind, it in built.items()}
    table = build_table(settings.routes, next(iter(settings.upstreams)), settings.ignoring_case)
    upstreams = upstreams_of(settings, own_cookies)
    deps = Deps(
        providers=providers,
        sessions=sessions,
        every_kind=EveryKind(sessions, lasting.tokens.sessions),
        cookies=rules,
        clock=clock,
        key_set=lambda: lasting.signer.document,
        store=lasting.store,
        told_of_logouts=frozenset(
            name for name, it in settings.providers.items() if it.backchannel_logout
        ),
        on_sign_in=lambda name, outcome: count_outcome(metrics.sign_ins, name, outcome),
        app_cookies=app_cookies if isolates else None,
        accounts=lasting.accounts,
        identify=partial(
            authenticate_all,
            authenticators=tuple(authenticators.values()),
            guarded=(*GUARDED, key_field(settings)),
        ),
        admission=Admission(
            frozenset(authenticators),
            resource_metadata=metadata_path(authenticators),
        ),
        keys=None if settings.api_keys is None else (lasting.keys, settings.api_keys),
        apps=apps,
    )
    # Cookies are taken from browsers even where no session is.
    found = built.get("session")
    authenticator = found if isinstance(found, SessionAuthenticator) else authenticator_of(parts)
    plans = route_plans(
        settings,
        table,
        upstreams,
        authenticators,
        own_cookies=app_cookies.own.names,
        sign=lasting.signer.sign,
        owners=app_cookies.owners,
        rates=lasting.rates,
    )
    tools = Tools(
        endpoints=build_endpoints(deps),
        metrics=metrics,
        audit=lasting.audit,
        new_request_id=request_ids(os.urandom),
        new_trace=traceparents(os.urandom),
        monotonic=time.monotonic,
        well_known=WellKnown(
            protected_resource(settings, plans), authorization_server(settings, apps)
        ),
        sessions=SessionTools(
            clear=rules.no_session_cookie,
            end=_end_session(deps, lasting.tokens, authenticator),
            leave=Logout(deps).leave,
            signed_out=app_cookies.signed_out if isolates else _nothing_left,
            peek=authenticator.peek,
            look_up=authenticator.look_up,
        ),
    )
    networks = settings.server.trusted_proxies
    return Pipeline(table, plans, hosts_of(settings), networks, tools), list(upstreams.values())


def issuers_of(settings: Settings) -> tuple[object, ...]:
    """What decides how access tokens are judged, and whom they are about."""
    return settings.bearer, {name: it.issuer for name, it in settings.providers.items()}


def bearer_of(settings: Settings, lasting: Lasting) -> BearerAuthenticator | None:
    """What judges access tokens; none of the issuers is asked anything yet."""
    if not settings.bearer:
        return None
    named = {it.issuer: name for name, it in settings.providers.items()}
    issuers = [
        BearerIssuer(it, lasting.http, clock, provider=named.get(it.issuer, ""))
        for it in settings.bearer
    ]
    return BearerAuthenticator(issuers, lasting.accounts)


def tokens_of(settings: Settings, store: Store, sealer: Sealer) -> Tokens:
    """The gateway's own tokens in `store`."""
    part = token_store(store)
    sessions = SessionManager(part, sealer, token_limits(settings), clock=clock)
    return Tokens(part, sessions, token_settings(settings).access_ttl, clock=clock)


def sealer_of(settings: Settings) -> Sealer:
    """Seals under the secret of `settings`, or under the one kept in the data directory.

    The one that was kept there before `settings` gave one opens too.

    Raises:
        SettingsError: The secret cannot be had.
    """
    # Nothing of a shared store was ever sealed under what lies on one machine.
    own = not is_networked(settings.store)
    return Sealer(server_secrets(settings.secret, settings.data_dir, uses_data_dir=own))


def limits_of(settings: Settings) -> Limits:
    """How long sessions may live, and how many there may be."""
    return Limits(
        idle_s=settings.sessions.idle_timeout,
        absolute_s=settings.sessions.absolute_timeout,
        max_per_user=settings.sessions.max_per_user,
    )


def providers_of(settings: Settings, http: ProviderHttp) -> dict[str, Provider]:
    """The providers by name; none of them is asked anything yet."""
    wanted = wanted_claims(settings)
    return {
        name: Provider(register(name, it), http, clock, wanted_claims=wanted)
        for name, it in settings.providers.items()
    }


def count_outcome(counts: dict[tuple[str, str], int], provider: str, outcome: str) -> None:
    """Count one more `outcome` of `provider`."""
    counts[provider, outcome] += 1


def _end_session(
    deps: Deps, tokens: Tokens, authenticator: SessionAuthenticator
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
    """Where every app shares its cookies, none of them is taken from a browser."""
    return ()
