"""The composition root: builds, reloads and closes a running gateway."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__, build
from gateway.assembly.accounts import AccountPolicy, ways_in
from gateway.assembly.authserver import own_clients
from gateway.assembly.change import brand_of, prepare, set_grace
from gateway.assembly.connections import connect_tunnels, refresh_sessions
from gateway.assembly.explained import Explainer
from gateway.assembly.first_run import announce_setup
from gateway.assembly.handler import handler_of
from gateway.assembly.hosts import client_limits
from gateway.assembly.key_upkeep import KeyUpkeep
from gateway.assembly.lasting import Lasting, load_lasting, sealer_of
from gateway.assembly.numbers import numbers_of
from gateway.assembly.providers import bearer_of
from gateway.assembly.readiness import readiness_of
from gateway.assembly.report import worker_report
from gateway.assembly.serving import Configuration, clock, pipeline_of
from gateway.assembly.shared_rates import SharedRates
from gateway.assembly.sign_outs import SignOuts
from gateway.authn.bearer import BearerAuthenticator
from gateway.endpoints.watch import Watch
from gateway.limits import RateTable
from gateway.message.forwarded import Networks
from gateway.oidc.http import ProviderHttp
from gateway.pages import set_brand
from gateway.record.audit_writer import AuditWriter
from gateway.record.metrics import Metrics
from gateway.record.metrics_sum import Snapshot, add
from gateway.record.report import GatewayReport, Reloads, WorkerReport
from gateway.server.addresses import listening
from gateway.server.admin import Admin, AdminListener, Names, Readiness, serve_admin
from gateway.server.front import Front
from gateway.server.listener import ServerTls, listen, port_of, server_tls
from gateway.server.place import ALONE, Place
from gateway.sessions import Sealer
from gateway.settings.schema import Settings
from gateway.storage import open_store
from gateway.storage.measured import MeasuredStore
from gateway.storage.store import Clock
from gateway.storage.stores import is_networked
from gateway.storage.sweeper import sweep_forever

if TYPE_CHECKING:
    from gateway.record.tracing import Tracing

_log = logging.getLogger(__name__)
# What the last spans get when the gateway stops.
_EXPORT_S = 5.0

ReportOfAll = Callable[[], Awaitable[GatewayReport | None]]


class Gateway:
    """One worker.  `start` opens everything, `stop` closes it in reverse order.

    Attributes:
        lasting: What outlives a configuration; None until it is open.
        front: The connections of the public listeners; None until they are open.
        port: Of the first public listener; 0 for a Unix socket.
        admin_port: 0 if a supervisor has the admin listener.
        reloads: How the configuration was read again, if no supervisor knows that.
    """

    def __init__(
        self,
        settings: Settings,
        place: Place = ALONE,
        clock: Clock = clock,
        report_of_all: ReportOfAll | None = None,
    ) -> None:
        """Serve `settings`; `report_of_all` asks the supervisor of several workers."""
        self._settings = settings
        self._place = place
        self._clock = clock
        self._report_of_all = report_of_all
        self._explainer = Explainer(clock)
        self._started_at = clock()
        self._closing = contextlib.AsyncExitStack()
        self.lasting: Lasting | None = None
        self.front: Front | None = None
        self._bearer: BearerAuthenticator | None = None
        self._account_policy: AccountPolicy | None = None
        self._sign_outs: SignOuts | None = None
        self._servers: list[asyncio.Server] = []
        self._tls: ServerTls | None = None
        self._admin: AdminListener | None = None
        self.port = 0
        self.admin_port = 0
        self.reloads = Reloads()

    async def start(self) -> None:
        """Open the store and listen.

        Raises:
            StoreUnavailableError: The store cannot be opened.
            SettingsError: The secret cannot be read or created.
            OSError: An address is taken, or a file cannot be read.
        """
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise

    async def _start(self) -> None:
        settings = self._settings
        sealer = sealer_of(settings)
        lasting = self.lasting = await self._open(sealer)
        refresh_sessions(lasting, self._closing, self._clock)
        policy = self._account_policy = AccountPolicy(lasting.accounts, self._clock)
        self._closing.push_async_callback(policy.aclose)
        policy.follow(settings.accounts, policy.hooks_of(settings.accounts), ways_in(settings))
        # Via self, because a reload may replace the bearer authenticator.
        lasting.keys.on_owner_change(self._account_changed)
        self._bearer = bearer_of(settings, lasting.http, lasting.accounts, self._clock)
        pipeline, upstreams = pipeline_of(
            Configuration(
                settings,
                dict(lasting.providers),
                dict(lasting.apps),
                sealer,
                self._bearer,
                dict(lasting.directories),
            ),
            lasting,
        )
        front = self.front = Front(
            await handler_of(pipeline, settings, lasting),
            client_limits(settings),
            upstreams,
            self._clock,
        )
        front.every_tick(lasting.audit.flush)
        connect_tunnels(lasting, front)
        gauges = lasting.metrics.gauges
        gauges["gatepost_tunnels_active", ()] = lambda: len(front.tunnels)
        gauges["gatepost_config_last_reload_success", ()] = lambda: self.reloads.succeeded
        front.start()
        await self._start_upkeep(lasting)
        self._closing.callback(lasting.local.hashes.close)
        self._closing.callback(lasting.close_directories)
        self._closing.push_async_callback(lasting.outbox.aclose)
        self._closing.push_async_callback(lasting.refusals.aclose)
        await announce_setup(settings, lasting, self._place)
        await self._listen(front)
        if settings.has_local_accounts:
            lasting.local.hashes.warm()

    async def _open(self, sealer: Sealer) -> Lasting:
        """Open what outlives a configuration."""
        settings, on_exit, metrics = self._settings, self._closing, Metrics()
        audit = AuditWriter(settings.audit, metrics.count_audit_dropped)
        on_exit.callback(audit.close)
        plain = open_store(settings.store, settings.data_dir, self._clock)
        tracing = _tracing(settings)
        if tracing is None:
            store = MeasuredStore(plain, settings.store, metrics.store_seconds)
            http = ProviderHttp()
        else:
            from gateway.assembly.tracing import TracedHttp, TracedStore

            on_exit.push_async_callback(_close_tracing, tracing)
            store = TracedStore(plain, settings.store, metrics.store_seconds, tracing)
            http = TracedHttp(tracing)
        on_exit.push_async_callback(store.aclose)
        on_exit.push_async_callback(http.aclose)
        shared = is_networked(settings.store)
        key = sealer.digests("rate-limits", "")[0].encode()[:64] if shared else b""
        rates = RateTable(self._place.rates, key)
        return await load_lasting(
            settings,
            sealer,
            store,
            http,
            metrics,
            audit,
            rates,
            self._clock,
            tracing,
            self._watch,
        )

    def _watch(self, settings: Settings) -> Watch:
        return Watch(settings, self.report_of_all, partial(self._explainer.explain, settings))

    def _account_changed(self, account_id: str | None, is_over: bool) -> None:
        if self._bearer is not None:
            self._bearer.account_changed(account_id)
        if is_over and account_id is not None and self.front is not None:
            self.front.tunnels.end_bearers(account_id)

    async def _start_upkeep(self, lasting: Lasting) -> None:
        """Start the background tasks of sessions, keys and store."""
        for kept in (lasting.sessions, lasting.tokens.sessions, lasting.keys):
            await kept.start()
            self._closing.push_async_callback(kept.aclose)
        set_grace(lasting, self._settings)
        set_brand(brand_of(self._settings))
        if is_networked(self._settings.store):
            shared = SharedRates(lasting.rates, lasting.store, self._clock)
            await shared.start()
            self._closing.push_async_callback(shared.aclose)
        self._start_sign_outs(lasting)
        upkeep = KeyUpkeep(lasting)
        upkeep.start()
        self._closing.callback(upkeep.stop)
        sweeping = sweep_forever(lasting.store, self._clock)
        sweeper = asyncio.get_running_loop().create_task(sweeping)
        self._closing.callback(sweeper.cancel)

    def _start_sign_outs(self, lasting: Lasting) -> None:
        sign_outs = self._sign_outs = SignOuts(
            lasting.sign_ins,
            lasting.id_token_keys,
            lasting.http,
            lasting.sessions,
            lasting.tokens.sessions,
            lasting.store,
            self._clock,
        )
        self._follow_clients()
        sign_outs.start()
        self._closing.push_async_callback(sign_outs.aclose)

    def _follow_clients(self) -> None:
        """Tell clients of the current configuration of sign-outs."""
        if self._sign_outs is not None:
            is_on = self._settings.is_authorization_server
            self._sign_outs.clients = own_clients(self._settings) if is_on else None

    async def _listen(self, front: Front) -> None:
        server, place = self._settings.server, self._place
        has_header = server.proxy_protocol == "v2"
        if server.tls is not None:
            self._tls = ServerTls(server_tls(server.tls))
        for address in server.listen:
            with listening("server.listen", address):
                for inherited in place.sockets.get(str(address), (None,)):
                    opened = await listen(
                        front,
                        address,
                        None if self._tls is None else self._tls.context,
                        shared=place.supervised,
                        inherited=inherited,
                        proxies=self._trusted_proxies if has_header else None,
                    )
                    self._servers.append(opened)
                    self._closing.callback(opened.close)
            if address.path and not place.supervised:
                self._closing.callback(Path(address.path).unlink, missing_ok=True)
        self.port = port_of(self._servers[0])
        # Last, because load balancers send requests as soon as the health check succeeds.
        if not place.supervised:
            at = server.admin_listen
            with listening("server.admin_listen", at):
                self._admin = await serve_admin(
                    self._answers(), at, self._clock, place.sockets.get(str(at), ())
                )
            self._closing.callback(self._admin.close)
            self.admin_port = self._admin.port

    def _trusted_proxies(self) -> Networks:
        return self._settings.server.trusted_proxies

    def _answers(self) -> Admin:
        enabled = self._settings.metrics.enabled
        return Admin(
            self.readiness, self.exposition if enabled else None, Names(self._settings.server)
        )

    async def readiness(self) -> Readiness:
        """Whether the gateway can serve, and what is missing."""
        if self.front is None or self.lasting is None:
            return Readiness("shutting-down")
        return await readiness_of(self.front, self.lasting, reloaded=self.reloads.succeeded)

    async def report(self) -> WorkerReport:
        """What this worker knows of itself and its surroundings."""
        lasting, front = self.lasting, self.front
        if lasting is None or front is None:
            return WorkerReport(os.getpid(), self._started_at, is_silent=True)
        return await worker_report(front, lasting, self._settings.store, self._started_at)

    async def report_of_all(self) -> GatewayReport:
        """What all workers know; only this one, if the supervisor does not answer."""
        found = None if self._report_of_all is None else await self._report_of_all()
        if found is not None:
            return found
        return GatewayReport(
            version=__version__,
            build=build(),
            started_at=self._started_at,
            workers=(await self.report(),),
            wanted=1 if self._report_of_all is None else 0,
            reloads=self.reloads,
        )

    async def numbers(self) -> Snapshot:
        """A snapshot of all metrics."""
        lasting, front = self.lasting, self.front
        if lasting is None or front is None:
            return Snapshot()
        return await numbers_of(lasting, front)

    async def exposition(self) -> bytes:
        """All metrics, in the text format of Prometheus."""
        from gateway.record.metrics_text import exposition  # With prometheus_client: not to start.

        # In a thread, because it takes tens of milliseconds and would stall the proxy.
        return await asyncio.to_thread(exposition, add([await self.numbers()]))

    async def reload(self, settings: Settings) -> None:
        """Apply `settings`, except those that need a restart.

        Connections stay open.  Requests in progress finish under the old configuration; tunnels
        that the new one refuses are closed.

        Raises:
            SettingsError, GatewayError, OSError: Nothing was changed.
        """
        lasting, front, policy = self.lasting, self.front, self._account_policy
        assert lasting is not None  # noqa: S101 - only a started gateway is reloaded
        assert front is not None  # noqa: S101
        assert policy is not None  # noqa: S101
        change = await prepare(settings, self._settings, lasting, policy, self._bearer, self._clock)
        handler = await handler_of(change.pipeline, settings, lasting)
        await announce_setup(settings, lasting, self._place)
        lasting.audit.reopen(settings.audit)
        # Nothing below can fail, so a reload applies completely or not at all.
        self._settings, self._bearer = settings, change.config.bearer
        change.take_effect(lasting, policy)
        self._follow_clients()
        if self._tls is not None and change.chain is not None:
            self._tls.show(change.chain)
        if self._admin is not None:
            self._admin.change(self._answers())
        pipeline = change.pipeline
        front.change(handler, client_limits(settings), change.upstreams)
        closed = front.tunnels.close_unless(
            lambda entry: (
                not policy.refuses(entry.identity) and pipeline.still_allows(entry, self._clock())
            )
        )
        if closed:
            _log.info("closed %d tunnels that the new configuration refuses", closed)

    async def stop(self) -> None:
        """Accept no more connections, wait for requests within the drain timeout, then close."""
        for server in self._servers:
            server.close()
        if self.front is not None:
            await self.front.drain(self._settings.server.drain_timeout)
        await self._closing.aclose()


def _tracing(settings: Settings) -> "Tracing | None":
    if settings.tracing is None:
        return None
    from gateway.record.tracing import Tracing  # With the libraries of an extra.

    return Tracing(settings.tracing.otlp, __version__)


async def _close_tracing(tracing: "Tracing") -> None:
    """Export the last spans, for a few seconds at most."""
    thread = tracing.close()
    await asyncio.to_thread(thread.join, _EXPORT_S)
