"""`gatepost serve`: run the gateway until SIGTERM or SIGINT, then drain."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from gateway import build
from gateway.cli import admin_address, garbage
from gateway.cli.logs import log_to_stderr
from gateway.cli.options import config_option
from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.record.report import Reloads
    from gateway.server.activation import Passed
    from gateway.server.service_manager import ServiceManager
    from gateway.settings.load import Loaded
    from gateway.settings.schema import Settings

_log = logging.getLogger(__name__)
_WRONG_SETTINGS = 2
# Chosen here too, because importing assembly.serving would load all of the gateway.
_clock = time.time  # noqa: TID251


class Served(Protocol):
    """What serves: one worker, or the supervisor of several.

    Attributes:
        reloads: How the configuration was read again.
    """

    reloads: "Reloads"

    async def reload(self, settings: "Settings") -> None:
        """Apply `settings`, or raise and change nothing."""

    async def stop(self) -> None:
        """Drain, then close."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `gatepost serve`.

    Attributes:
        read: Loads the configuration again.
        passed: The sockets that systemd opened.
    """

    loaded: "Loaded"
    read: "Callable[[], Loaded]"
    passed: "Passed"
    manager: "ServiceManager"

    async def until_stopped(self, served: Served) -> None:
        """Say that it is ready, and reload on request, until told to stop."""
        from gateway.assembly.reload import Reloader

        def told(reloads: "Reloads") -> None:
            served.reloads = reloads
            self.manager.ready("" if reloads.succeeded else "the last reload failed")

        async def take(settings: "Settings") -> None:
            await served.reload(settings)
            log_to_stderr(settings.log.format, settings.log.level)

        loop = asyncio.get_running_loop()
        reloader = Reloader(self.loaded, self.read, take, _clock, told, self.manager.reloading)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        loop.add_signal_handler(signal.SIGHUP, reloader.request)
        left = self._leave_address()
        tasks = [loop.create_task(reloader.run()), loop.create_task(self.manager.report())]
        self.manager.ready()
        await stopped.wait()
        _log.info("draining")
        self.manager.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await served.stop()
        admin_address.remove(left)

    def _leave_address(self) -> list[str]:
        settings, path = self.loaded.settings, self.loaded.path
        address = self.passed.where(settings.server.admin_listen)
        config = None if path is None else str(path)
        return admin_address.leave(address, str(settings.data_dir), config)


@click.command("serve")
@config_option
@click.option(
    "--shadow",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another configuration, which decides every request too, without effect: differences are"
    " counted, and in the audit.",
)
def serve_command(config: Path | None, shadow: Path | None) -> None:
    """Run the gateway.

    SIGTERM stops it after the requests in progress.  SIGHUP, or a change of its files, reloads the
    configuration.

    Example: gatepost serve -c gatepost.yaml
    """
    log_to_stderr()
    garbage.leave_while_starting()
    from gateway.server.activation import check_passed, take_passed
    from gateway.server.service_manager import ServiceManager
    from gateway.settings.load import load_beside

    passed = take_passed(os.environ, os.getpid())
    manager = ServiceManager(os.environ, os.getpid())
    read = partial(load_beside, config, shadow, os.environ)
    try:
        loaded = read()
        log_to_stderr(loaded.settings.log.format, loaded.settings.log.level)
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        for note in loaded.notes:
            _log.info("%s", note)
        for name in check_passed(loaded.settings.server, passed):
            _log.warning("systemd passed the socket %s, which no setting names", name)
        run = Run(loaded, read, passed, manager)
        workers = _count(loaded.settings)
        sys.exit(_run_alone(run) if workers == 1 else asyncio.run(_many(run, workers)))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except (GatewayError, OSError) as error:
        click.echo(f"gatepost: cannot start: {error}", err=True)
        sys.exit(1)


def _count(settings: "Settings") -> int:
    workers = settings.server.workers
    # The CPUs that this process may use, which may be fewer than the machine has.
    return len(os.sched_getaffinity(0)) if workers == "auto" else workers


def _run_alone(run: Run) -> int:
    import uvloop

    return uvloop.run(_alone(run))


async def _alone(run: Run) -> int:
    from gateway.assembly.worker import Gateway
    from gateway.server.place import Place

    settings = run.loaded.settings
    gateway = Gateway(settings, Place(sockets=run.passed.all_of(settings.server)))
    await gateway.start()
    garbage.collect_from_now_on()
    _log.info("serving %s on port %d (%s)", settings.public_url[0], gateway.port, build())
    await run.until_stopped(gateway)
    return 0


async def _many(run: Run, workers: int) -> int:
    from gateway.server.supervisor import Supervisor

    settings = run.loaded.settings
    supervisor = Supervisor(settings, workers, _clock, run.passed)
    failed = await supervisor.start()
    if failed is not None:
        before = "" if failed.status == _WRONG_SETTINGS else "gatepost: cannot start: "
        for problem in failed.problems:
            click.echo(before + problem, err=True)
        return failed.status
    garbage.collect_from_now_on()
    _log.info("serving %s with %d workers (%s)", settings.public_url[0], workers, build())
    await run.until_stopped(supervisor)
    return 0
