"""Starts workers, restarts those that end, and answers the admin listener for all of them.

The supervisor serves no clients and opens no store, so little in it can fail.  Workers end with it:
they see that its end of their channel has closed.
"""

import asyncio
import logging
import signal
import socket
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from gateway import __version__, build
from gateway.errors import SettingsError
from gateway.limits import shared_memory
from gateway.record.metrics_sum import Snapshot, add
from gateway.record.report import GatewayReport, Reloads
from gateway.server.activation import NOTHING_PASSED, Passed
from gateway.server.addresses import listening
from gateway.server.admin import (
    RELOAD_FAILED,
    Admin,
    AdminListener,
    Names,
    Readiness,
    serve_admin,
)
from gateway.server.listener import bind_unix, probe
from gateway.server.place import Place
from gateway.server.worker_process import Failed, WorkerProcess, how_ended, start_process
from gateway.settings.schema import Settings
from gateway.storage.store import Clock

_log = logging.getLogger(__name__)

_FIRST_DELAY_S = 0.02
_LONGEST_DELAY_S = 30.0
# A worker that served this long did not fail because of how it was started.
_SERVED_S = 10.0
# After draining, a worker finishes its writes and revokes tokens.
_CLOSE_S = 10.0


class Supervisor:
    """Keeps the workers running.

    Attributes:
        reloads: How the configuration was read again.
    """

    def __init__(
        self, settings: Settings, workers: int, clock: Clock, passed: Passed = NOTHING_PASSED
    ) -> None:
        """Keep `workers` workers running; they listen on the sockets `passed`, where named."""
        self.reloads = Reloads()
        self._started_at = clock()
        self._settings = settings
        self._clock = clock
        self._passed = passed
        self._workers: list[WorkerProcess | None] = [None] * workers
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired = Snapshot()
        self._failed: Failed | None = None
        self._has_served = False
        self._serving = asyncio.Event()
        self._stop = asyncio.Event()
        self._place = Place(supervised=True)
        self._inherited: list[int] = []
        self._closing = ExitStack()
        self._admin: AdminListener | None = None

    async def start(self) -> Failed | None:
        """Listen and start the workers; on failure return the reason, with everything stopped.

        Raises:
            OSError: An address is in use, or not an address of this machine.
        """
        try:
            address = self._settings.server.admin_listen
            with listening("server.admin_listen", address):
                self._admin = await serve_admin(
                    self._answers(), address, self._clock, self._passed.at(address)
                )
            self._closing.callback(self._admin.close)
            self._open_shared()
        except OSError:
            self._closing.close()
            raise
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in range(len(self._workers)):
            self._tasks.add(loop.create_task(self._keep(number)))
        waiting = [loop.create_task(it.wait()) for it in (self._serving, self._stop)]
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if self._failed is not None:
            await self.stop()
        return self._failed

    async def reload(self, settings: Settings) -> None:
        """Apply `settings` to every worker, and to those started later.

        Workers change one after the other, so settings that the first cannot use change nothing.

        Raises:
            SettingsError: A worker cannot use them.
        """
        before, self._settings = self._settings, settings
        for worker in self._workers:
            if worker is not None and worker.is_started:
                failed = await worker.reload(settings)
                if failed is not None and not worker.ended.done():
                    self._settings = before
                    raise SettingsError(list(failed.problems))
        if self._admin is not None:
            self._admin.change(self._answers())

    async def report(self) -> GatewayReport:
        """What all workers know."""
        told = await asyncio.gather(*(it.report() for it in self._workers if it is not None))
        return GatewayReport(
            version=__version__,
            build=build(),
            started_at=self._started_at,
            workers=tuple(told),
            wanted=len(self._workers),
            retired=self._retired,
            reloads=self.reloads,
        )

    async def stop(self) -> None:
        """Drain and stop the workers; kill those that take too long."""
        self._stop.set()
        for worker in filter(None, self._workers):
            worker.stop()
        patience_s = self._settings.server.drain_timeout + _CLOSE_S
        _, late = await asyncio.wait(self._tasks, timeout=patience_s)
        if late:
            _log.warning("%d workers did not end in time", len(late))
            for worker in filter(None, self._workers):
                worker.kill()
            await asyncio.wait(late)
        self._closing.close()

    def _open_shared(self) -> None:
        """Open the sockets and the memory that all workers inherit."""
        rates = shared_memory()
        self._inherited.append(rates)
        sockets: dict[str, tuple[int, ...]] = {}
        for address in self._settings.server.listen:
            if address.fd:
                sockets[str(address)] = self._passed.at(address)
            elif address.path:
                with listening("server.listen", address):
                    bound = bind_unix(address)
                # From now on, connections wait in the backlog until a worker accepts them.
                bound.listen(socket.SOMAXCONN)
                self._closing.callback(Path(address.path).unlink, missing_ok=True)
                self._closing.callback(bound.close)
                sockets[str(address)] = (bound.fileno(),)
            else:
                with listening("server.listen", address):
                    probe(address)
        self._inherited += chain.from_iterable(sockets.values())
        self._place = Place(supervised=True, rates=rates, sockets=sockets)

    async def _keep(self, number: int) -> None:
        """Keep worker `number` running until the stop, with growing delays after failures."""
        delay_s, now = _FIRST_DELAY_S, asyncio.get_running_loop().time
        while not self._stop.is_set():
            began_at = now()
            await self._run_one(number)
            if self._stop.is_set():
                return
            delay_s = _FIRST_DELAY_S if now() - began_at >= _SERVED_S else delay_s
            await self._pause(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def _run_one(self, number: int) -> None:
        try:
            worker = await start_process(self._inherited)
        except OSError as error:
            self._start_failed(Failed(1, (f"cannot start a worker: {error}",)))
            return
        self._workers[number] = worker
        worker.report_of_all = self.report
        # It may have ended before `_reap` could find it.
        worker.reap()
        if self._stop.is_set():
            worker.stop()
        failed = await self._start(worker)
        if failed is not None:
            await asyncio.wait([worker.ended], timeout=_CLOSE_S)
            worker.kill()
            await worker.ended
            self._start_failed(failed)
        else:
            if all(it is not None and it.is_started for it in self._workers):
                self._has_served = True
                self._serving.set()
            how = how_ended(await worker.ended)
            if not self._stop.is_set():
                _log.error("worker %d ended %s: starting another", worker.pid, how)
        self._workers[number] = None
        self._retired = Snapshot.of(add([self._retired, worker.last.without_gauges()]))
        await worker.aclose()

    async def _start(self, worker: WorkerProcess) -> Failed | None:
        failed = await worker.start(self._settings, self._place)
        if failed is None and worker.settings is not self._settings:
            # The configuration changed while it started.
            failed = await worker.reload(self._settings)
        return failed

    def _start_failed(self, failed: Failed) -> None:
        if self._stop.is_set():
            return
        if self._has_served:
            for problem in failed.problems:
                _log.error("a worker did not start: %s", problem)
        else:
            # A failure at startup would repeat for ever, so stop and tell the operator.
            self._failed = failed
            self._stop.set()
            for worker in filter(None, self._workers):
                worker.stop()

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stop.wait()
        except TimeoutError:
            return

    def _reap(self) -> None:
        for worker in filter(None, self._workers):
            worker.reap()

    # Answers of the admin listener.

    def _answers(self) -> Admin:
        enabled = self._settings.metrics.enabled
        return Admin(
            self._readiness,
            self._exposition if enabled else None,
            Names(self._settings.server),
        )

    async def _readiness(self) -> Readiness:
        if self._stop.is_set():
            return Readiness("shutting-down")
        found = await asyncio.gather(*(_readiness(worker) for worker in self._workers))
        missing = [] if self.reloads.succeeded else [RELOAD_FAILED]
        missing += [line for it in found for line in it.missing]
        # Workers often miss the same.
        lines = tuple(dict.fromkeys(missing))
        return Readiness(next((it.obstacle for it in found if it.obstacle), ""), lines)

    async def _exposition(self) -> bytes:
        from gateway.record.metrics_text import exposition  # Slow: loads prometheus_client.

        told = await asyncio.gather(*(it.snapshot() for it in self._workers if it is not None))
        succeeded = ("gatepost_config_last_reload_success", ())
        own = Snapshot(gauges={succeeded: float(self.reloads.succeeded)})
        return exposition(add([self._retired, own, *told]))


async def _readiness(worker: WorkerProcess | None) -> Readiness:
    return Readiness("starting") if worker is None else await worker.readiness()
