"""The composition root: Settings -> a running gateway.  The only module that knows every part."""

import asyncio
import contextlib
import itertools
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.audit import AuditWriter
from gateway.authn import AUTHENTICATORS, Parts
from gateway.authn.session import SessionAuthenticator
from gateway.compose import (
    client_limits,
    hosts_of,
    route_plans,
    upstreams_of,
    wanted_claims,
)
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.revocations import Revocations
from gateway.endpoints.table import build_endpoints
from gateway.forward.upstream import Upstream
from gateway.message.request import Request
from gateway.metrics import Metrics
from gateway.oidc.configured import register
from gateway.oidc.http import ProviderHttp
from gateway.oidc.provider import Provider
from gateway.pipeline import Pipeline, Tools
from gateway.plan import CookieOwners
from gateway.routing.table import build_table
from gateway.server.admin import Admin
from gateway.server.front import ClientLimits, Front
from gateway.server.listener import listen, port_of, server_tls
from gateway.sessions import Limits, Sealer, SessionManager
from gateway.sessions.secret import configured_secrets, kept_secrets
from gateway.settings.schema import Settings
from gateway.signer import AssertionSigner, load_signer
from gateway.storage import open_store
from gateway.storage.measured import MeasuredStore
from gateway.storage.sweeper import sweep_forever

_log = logging.getLogger(__name__)

clock: Callable[[], float] = time.time  # noqa: TID251 - here the clock is chosen

_ADMIN_LIMITS = ClientLimits(
    head_bytes=16384, body_bytes=0, header_s=10.0, keepalive_s=75.0, connections=1000
)


class Gateway:
    """One worker.  `start` opens everything, `stop` closes it in reverse order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closing = contextlib.AsyncExitStack()
        self._front: Front | None = None
        self._servers: list[asyncio.Server] = []
        self.port = 0
        self.admin_port = 0

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
        sealer = _sealer(settings)
        store = MeasuredStore(
            open_store(settings.store, settings.data_dir, clock),
            settings.store,
            metrics.store_seconds,
        )
        on_exit.push_async_callback(store.aclose)
        sessions = SessionManager(store, sealer, _limits(settings), clock=clock)
        signer = await load_signer(store, sealer)

        http = ProviderHttp()
        on_exit.push_async_callback(http.aclose)
        providers = _providers(settings, http)
        revocations = Revocations(providers)
        on_exit.push_async_callback(revocations.aclose)
        sessions.on_revoke(revocations.session_ended)

        pipeline, upstreams = self._pipeline(sessions, signer, providers, metrics, audit, sealer)
        front = self._front = Front(pipeline, client_limits(settings), upstreams, clock)
        front.every_tick(audit.flush)
        sessions.on_end(front.tunnels.end_session)
        metrics.gauges["gatepost_tunnels_active", ()] = lambda: len(front.tunnels)
        metrics.gauges["gatepost_config_last_reload_success", ()] = lambda: 1.0
        for upstream in upstreams:
            idle, busy = (upstream.name, "idle"), (upstream.name, "busy")
            metrics.gauges["gatepost_upstream_connections", idle] = partial(
                getattr, upstream, "idle"
            )
            metrics.gauges["gatepost_upstream_connections", busy] = partial(
                getattr, upstream, "busy"
            )
        front.start()
        await sessions.start()
        on_exit.push_async_callback(sessions.aclose)
        sweeper = asyncio.get_running_loop().create_task(sweep_forever(store, clock))
        on_exit.callback(sweeper.cancel)
        await self._listen(front, Admin(store.ping, _exposition(metrics, sessions)))

    def _pipeline(
        self,
        sessions: SessionManager,
        signer: AssertionSigner,
        providers: dict[str, Provider],
        metrics: Metrics,
        audit: AuditWriter,
        sealer: Sealer,
    ) -> tuple[Pipeline, list[Upstream]]:
        settings = self._settings
        cookie = settings.sessions.cookie
        own_cookies = (cookie.name.encode(), f"__Host-{cookie.name}".encode())
        rules = CookieRules(
            name=cookie.name,
            domain=cookie.domain,
            same_site=cookie.same_site,
            session_s=int(settings.sessions.absolute_timeout),
        )
        parts = Parts(settings=settings, sessions=sessions)
        authenticators = {kind: build(parts) for kind, build in AUTHENTICATORS.items()}
        table = build_table(settings.routes, next(iter(settings.upstreams)))
        upstreams = upstreams_of(settings, own_cookies)
        endpoints = build_endpoints(
            Deps(
                providers=providers,
                sessions=sessions,
                cookies=rules,
                clock=clock,
                key_set=lambda: signer.document,
                on_sign_in=lambda name, outcome: _count(metrics, name, outcome),
            )
        )
        authenticator = authenticators["session"]
        assert isinstance(authenticator, SessionAuthenticator)  # noqa: S101 - by the table
        plans = route_plans(
            settings,
            table,
            upstreams,
            authenticators,
            own_cookies=own_cookies,
            sign=signer.sign,
            owners=CookieOwners(lambda i, s: sealer.digests("cookie-owner", i, s)[0]),
        )
        tools = Tools(
            endpoints=endpoints,
            metrics=metrics,
            audit=audit,
            new_request_id=_request_ids(),
            new_trace=_traces(),
            monotonic=time.monotonic,
            clear_session=rules.no_session_cookie,
            end_session=_end_session(sessions, authenticator),
        )
        networks = settings.server.trusted_proxies
        return Pipeline(table, plans, hosts_of(settings), networks, tools), list(upstreams.values())

    async def _listen(self, front: Front, admin: Admin) -> None:
        server = self._settings.server
        tls = None if server.tls is None else server_tls(server.tls.cert_file, server.tls.key_file)
        admin_front = Front(admin, _ADMIN_LIMITS, [], clock)
        admin_front.start()
        self._closing.callback(admin_front.close)
        admin_server = await listen(admin_front, server.admin_listen)
        self._closing.callback(admin_server.close)
        self.admin_port = port_of(admin_server)
        for address in server.listen:
            opened = await listen(front, address, tls)
            self._servers.append(opened)
            self._closing.callback(opened.close)
        self.port = port_of(self._servers[0])

    async def stop(self) -> None:
        """Take no more connections, let requests end within the drain time-out, close."""
        for server in self._servers:
            server.close()
        if self._front is not None:
            await self._front.drain(self._settings.server.drain_timeout)
        await self._closing.aclose()


def _sealer(settings: Settings) -> Sealer:
    if settings.secret:
        return Sealer(configured_secrets(settings.secret))
    return Sealer(kept_secrets(settings.data_dir))


def _limits(settings: Settings) -> Limits:
    return Limits(
        idle_s=settings.sessions.idle_timeout, absolute_s=settings.sessions.absolute_timeout
    )


def _providers(settings: Settings, http: ProviderHttp) -> dict[str, Provider]:
    wanted = wanted_claims(settings)
    return {
        name: Provider(register(name, it), http, clock, wanted_claims=wanted)
        for name, it in settings.providers.items()
    }


def _count(metrics: Metrics, provider: str, outcome: str) -> None:
    metrics.sign_ins[provider, outcome] += 1


def _exposition(metrics: Metrics, sessions: SessionManager) -> Callable[[], Awaitable[bytes]]:
    async def render() -> bytes:
        from gateway.metrics_text import exposition  # With prometheus_client: not to start.

        count = await sessions.count()
        metrics.gauges["gatepost_sessions_active", ()] = lambda: count
        # Tens of milliseconds: not on the loop that proxies.
        return await asyncio.to_thread(exposition, metrics)

    return render


def _end_session(
    sessions: SessionManager, authenticator: SessionAuthenticator
) -> Callable[[Request], Awaitable[None]]:
    async def end(request: Request) -> None:
        for cookie in authenticator.presented(request):
            await sessions.end(cookie)

    return end


def _request_ids() -> Callable[[], str]:
    prefix, numbers = os.urandom(8).hex(), itertools.count(1)
    return lambda: f"{prefix}-{next(numbers):x}"


def _traces() -> Callable[[], str]:
    # W3C Trace Context, section 3.2.2.3: random, but nothing hangs on it being secret.
    bits = random.Random(os.urandom(16)).getrandbits  # noqa: S311

    def new() -> str:
        digits = f"{bits(192):048x}"
        return f"00-{digits[:32]}-{digits[32:]}-01"

    return new
