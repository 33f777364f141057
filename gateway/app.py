"""The composition root: Settings -> a running gateway.  The only module that knows every part."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.accounts.manager import Accounts, load_accounts
from gateway.audit import AuditWriter
from gateway.authn import AUTHENTICATORS, GUARDED, Parts, authenticate_all
from gateway.authn.bearer import BearerAuthenticator
from gateway.authn.session import SessionAuthenticator
from gateway.compose import (
    client_limits,
    hosts_of,
    key_field,
    protected_resource,
    route_plans,
    upstreams_of,
    wanted_claims,
)
from gateway.compose_apps import (
    app_providers,
    apps_of,
    authorization_server,
    token_limits,
    token_settings,
)
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.keys import ApiKeys
from gateway.credentials.once import Once
from gateway.credentials.tokens import Tokens
from gateway.endpoints.app_cookies import AppCookies
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.protected_resource import WELL_KNOWN
from gateway.endpoints.refreshes import Refreshes
from gateway.endpoints.revocations import Revocations
from gateway.endpoints.table import build_endpoints
from gateway.endpoints.well_known import WellKnown
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.forward.upstream import Upstream
from gateway.limits import RateTable
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.metrics import Metrics
from gateway.metrics_sum import Snapshot, add
from gateway.model import Identity
from gateway.oidc.bearer_issuer import BearerIssuer
from gateway.oidc.configured import register
from gateway.oidc.http import ProviderHttp
from gateway.oidc.provider import Provider
from gateway.passage import SessionTools
from gateway.pipeline import Pipeline, Tools
from gateway.responses import Admission
from gateway.routing.table import build_table
from gateway.server.admin import Admin, AdminListener, serve_admin
from gateway.server.front import Front
from gateway.server.listener import ServerTls, listen, port_of, server_tls
from gateway.server.place import ALONE, Place
from gateway.sessions import Limits, Sealer, SessionManager
from gateway.sessions.kinds import EveryKind, token_store
from gateway.sessions.secret import configured_secrets, kept_secrets
from gateway.settings.schema import Settings
from gateway.signer import AssertionSigner, load_signer
from gateway.storage import open_store
from gateway.storage.measured import MeasuredStore
from gateway.storage.store import Store
from gateway.storage.sweeper import sweep_forever
from gateway.trace import request_ids, traceparents

_log = logging.getLogger(__name__)

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


class Gateway:
    """One worker.  `start` opens everything, `stop` closes it in reverse order.

    Attributes:
        port: Of the first public listener; 0 for a Unix socket.
        admin_port: 0 where a supervisor answers there.
        reload_succeeded: Whether the configuration that was read last is the one served.
    """

    def __init__(self, settings: Settings, place: Place = ALONE) -> None:
        self._settings = settings
        self._place = place
        self._closing = contextlib.AsyncExitStack()
        self._lasting: Lasting | None = None
        self._front: Front | None = None
        self._bearer: BearerAuthenticator | None = None
        self._servers: list[asyncio.Server] = []
        self._tls: ServerTls | None = None
        self._admin: AdminListener | None = None
        self.port = 0
        self.admin_port = 0
        self.reload_succeeded = True

    async def start(self) -> None:
        """Open the store and listen.

        Raises:
            StoreUnavailableError: The store cannot be opened.
            SettingsError: The secret cannot be had.
            OSError: An address is taken, or a file cannot be read.
        """
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise

    async def _start(self) -> None:
        settings, on_exit = self._settings, self._closing
        metrics = Metrics()
        audit = AuditWriter(settings.audit.file)
        on_exit.callback(audit.close)
        sealer = sealer_of(settings)
        store = MeasuredStore(
            open_store(settings.store, settings.data_dir, clock),
            settings.store,
            metrics.store_seconds,
        )
        on_exit.push_async_callback(store.aclose)
        sessions = SessionManager(store, sealer, limits_of(settings), clock=clock)
        signer = await load_signer(store, sealer)
        accounts = await load_accounts(store, sealer)
        keys = ApiKeys(store, await load_key_sealer(store, sealer), clock)
        tokens = tokens_of(settings, store, sealer)

        http = ProviderHttp()
        on_exit.push_async_callback(http.aclose)
        providers = providers_of(settings, http)
        apps = app_providers(settings, providers)
        for kept, asked in ((sessions, providers), (tokens.sessions, apps)):
            revocations = Revocations(asked)
            on_exit.push_async_callback(revocations.aclose)
            kept.on_revoke(revocations.session_ended)
            kept.refresh_with(
                Refreshes(asked).ask,
                lambda name, outcome: _count(metrics.session_refreshes, name, outcome),
            )

        rates = RateTable(self._place.rates)
        lasting = self._lasting = Lasting(
            store,
            sessions,
            tokens,
            signer,
            accounts,
            keys,
            http,
            providers,
            apps,
            metrics,
            audit,
            rates,
        )
        self._bearer = _bearer(settings, lasting)
        pipeline, upstreams = _pipeline(
            settings, lasting, dict(providers), dict(apps), sealer, self._bearer
        )
        front = self._front = Front(pipeline, client_limits(settings), upstreams, clock)
        front.every_tick(audit.flush)
        for kept, credential in ((sessions, "session"), (tokens.sessions, "token")):
            kept.on_end(front.tunnels.end_session)
            kept.watch(partial(front.tunnels.sessions, credential))
        keys.on_revoke(front.tunnels.end_key)
        keys.watch(front.tunnels.keys)
        metrics.gauges["gatepost_tunnels_active", ()] = lambda: len(front.tunnels)
        metrics.gauges["gatepost_config_last_reload_success", ()] = lambda: self.reload_succeeded
        front.start()
        for kept in (sessions, tokens.sessions):
            await kept.start()
            on_exit.push_async_callback(kept.aclose)
        await keys.start()
        on_exit.push_async_callback(keys.aclose)
        sweeper = asyncio.get_running_loop().create_task(sweep_forever(store, clock))
        on_exit.callback(sweeper.cancel)
        await self._listen(front)

    async def _listen(self, front: Front) -> None:
        server, place = self._settings.server, self._place
        if server.tls is not None:
            self._tls = ServerTls(server_tls(server.tls.cert_file, server.tls.key_file))
        if not place.supervised:
            self._admin = await serve_admin(self._answers(), server.admin_listen, clock)
            self._closing.callback(self._admin.close)
            self.admin_port = self._admin.port
        for address in server.listen:
            opened = await listen(
                front,
                address,
                None if self._tls is None else self._tls.context,
                shared=place.supervised,
                inherited=place.sockets.get(address.path),
            )
            self._servers.append(opened)
            if address.path and not place.supervised:
                self._closing.callback(Path(address.path).unlink, missing_ok=True)
            self._closing.callback(opened.close)
        self.port = port_of(self._servers[0])

    def _answers(self) -> Admin:
        enabled = self._settings.metrics.enabled
        return Admin(self.obstacle, self._exposition if enabled else None)

    async def obstacle(self) -> str:
        """The reason why the gateway cannot serve, ``""`` where it can."""
        if self._front is None or self._lasting is None or self._front.draining:
            return "shutting-down"
        try:
            await self._lasting.store.ping()
        except GatewayError as error:
            return error.reason
        return ""

    async def numbers(self) -> Snapshot:
        """All numbers to watch, as of now."""
        lasting, front = self._lasting, self._front
        if lasting is None or front is None:
            return Snapshot()
        gauges = lasting.metrics.gauges
        try:
            held = await EveryKind(lasting.sessions, lasting.tokens.sessions).count()
        except StoreUnavailableError:
            # Whoever watches sees the store fail by other numbers, and that this one is missing.
            gauges.pop(("gatepost_sessions_active", ()), None)
        else:
            gauges["gatepost_sessions_active", ()] = lambda: held
        for key in [key for key in gauges if key[0] == "gatepost_upstream_connections"]:
            del gauges[key]
        for labels, count in front.upstream_connections().items():
            gauges["gatepost_upstream_connections", labels] = partial(int, count)
        return Snapshot.of(lasting.metrics)

    async def _exposition(self) -> bytes:
        from gateway.metrics_text import exposition  # With prometheus_client: not to start.

        # Tens of milliseconds: not on the loop that proxies.
        return await asyncio.to_thread(exposition, add([await self.numbers()]))

    async def reload(self, settings: Settings) -> None:
        """Serve by `settings` from now on, as far as that goes without a restart.

        Connections stay; requests under way end under the old configuration, and tunnels that
        the new one refuses are closed.

        Raises:
            SettingsError, GatewayError, OSError: Nothing was changed.
        """
        lasting, front = self._lasting, self._front
        assert lasting is not None  # noqa: S101 - nobody reloads what was not started
        assert front is not None  # noqa: S101
        sealer = sealer_of(settings)
        if not sealer.has_secrets_of(lasting.sessions.sealer):
            # What lasts is sealed anew, or the older secrets could never be given up.
            await load_signer(lasting.store, sealer)
            await load_accounts(lasting.store, sealer)
            await load_key_sealer(lasting.store, sealer)
        providers = self._kept_providers(settings, lasting)
        apps = app_providers(settings, providers)
        # What is remembered of tokens is good as long as they would be judged alike.
        same = _issuers(self._settings) == _issuers(settings)
        bearer = self._bearer if same else _bearer(settings, lasting)
        pipeline, upstreams = _pipeline(settings, lasting, providers, apps, sealer, bearer)
        tls = settings.server.tls
        chain = None if tls is None else server_tls(tls.cert_file, tls.key_file)
        lasting.audit.reopen(settings.audit.file)
        # From here on nothing fails.
        self._settings, self._bearer = settings, bearer
        for known, new in ((lasting.providers, providers), (lasting.apps, apps)):
            known.clear()
            known.update(new)
        lasting.sessions.limits, lasting.sessions.sealer = limits_of(settings), sealer
        lasting.tokens.access_s = token_settings(settings).access_ttl
        lasting.tokens.sessions.limits = token_limits(settings)
        lasting.tokens.sessions.sealer = sealer
        if self._tls is not None and chain is not None:
            self._tls.show(chain)
        if self._admin is not None:
            self._admin.change(self._answers())
        front.change(pipeline, client_limits(settings), upstreams)
        closed = front.tunnels.close_unless(lambda entry: pipeline.still_allows(entry, clock()))
        if closed:
            _log.info("%d tunnels are closed: the new configuration refuses them", closed)

    def _kept_providers(self, settings: Settings, lasting: Lasting) -> dict[str, Provider]:
        """The providers of `settings`; one that is configured as before is kept."""
        old, new = self._settings, settings
        found = providers_of(new, lasting.http)
        if wanted_claims(old) != wanted_claims(new):
            return found
        same = [name for name in found if old.providers.get(name) == new.providers[name]]
        return {**found, **{name: lasting.providers[name] for name in same}}

    async def stop(self) -> None:
        """Take no more connections, let requests end within the drain time-out, close."""
        for server in self._servers:
            server.close()
        if self._front is not None:
            await self._front.drain(self._settings.server.drain_timeout)
        await self._closing.aclose()


def _pipeline(
    settings: Settings,
    lasting: Lasting,
    providers: Mapping[str, Provider],
    by_app: Mapping[str, Provider],
    sealer: Sealer,
    bearer: BearerAuthenticator | None,
) -> tuple[Pipeline, list[Upstream]]:
    sessions, metrics = lasting.sessions, lasting.metrics
    cookie = settings.sessions.cookie
    own_cookies = (cookie.name.encode(), f"__Host-{cookie.name}".encode())
    rules = CookieRules(
        name=cookie.name,
        domain=cookie.domain,
        same_site=cookie.same_site,
        session_s=int(settings.sessions.absolute_timeout),
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
    authenticators = {
        kind: built for kind, build in AUTHENTICATORS.items() if (built := build(parts)) is not None
    }
    table = build_table(settings.routes, next(iter(settings.upstreams)))
    upstreams = upstreams_of(settings, own_cookies)
    endpoints = build_endpoints(
        Deps(
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
            on_sign_in=lambda name, outcome: _count(metrics.sign_ins, name, outcome),
            app_cookies=app_cookies if isolates else None,
            accounts=lasting.accounts,
            identify=partial(
                authenticate_all,
                authenticators=tuple(authenticators.values()),
                guarded=(*GUARDED, key_field(settings)),
            ),
            admission=Admission(
                frozenset(authenticators),
                resource_metadata=WELL_KNOWN if "bearer" in authenticators else None,
            ),
            keys=None if settings.api_keys is None else (lasting.keys, settings.api_keys),
            apps=apps,
        )
    )
    authenticator = authenticators["session"]
    assert isinstance(authenticator, SessionAuthenticator)  # noqa: S101 - by the table
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
        endpoints=endpoints,
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
            end=_end_session(sessions, authenticator),
            signed_out=app_cookies.signed_out if isolates else _nothing_left,
            peek=authenticator.peek,
            look_up=authenticator.look_up,
        ),
    )
    networks = settings.server.trusted_proxies
    return Pipeline(table, plans, hosts_of(settings), networks, tools), list(upstreams.values())


def _issuers(settings: Settings) -> tuple[object, ...]:
    """What decides how access tokens are judged, and whom they are about."""
    return settings.bearer, {name: it.issuer for name, it in settings.providers.items()}


def _bearer(settings: Settings, lasting: Lasting) -> BearerAuthenticator | None:
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

    Raises:
        SettingsError: The secret cannot be had.
    """
    if settings.secret:
        return Sealer(configured_secrets(settings.secret))
    return Sealer(kept_secrets(settings.data_dir))


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


def _count(counts: dict[tuple[str, str], int], provider: str, outcome: str) -> None:
    counts[provider, outcome] += 1


def _end_session(
    sessions: SessionManager, authenticator: SessionAuthenticator
) -> Callable[[Request], Awaitable[None]]:
    async def end(request: Request) -> None:
        for cookie in authenticator.presented(request):
            await sessions.end(cookie)

    return end


def _nothing_left(_request: Request, _identity: Identity) -> FieldList:
    """Where every app shares its cookies, none of them is taken from a browser."""
    return ()
