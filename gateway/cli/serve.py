"""`gatepost serve`: run the gateway until SIGTERM or SIGINT, then drain."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway import build
from gateway.cli import admin_address, garbage
from gateway.cli.logs import log_to_stderr
from gateway.cli.options import config_option
from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.assembly.reload import Reloader
    from gateway.settings.load import Loaded
    from gateway.settings.schema import Settings

_log = logging.getLogger(__name__)


@click.command("serve")
@config_option
def serve_command(config: Path | None) -> None:
    """Run the gateway.

    SIGTERM stops it after the requests in progress.  SIGHUP, or a change of its files, reloads the
    configuration.

    Example: gatepost serve -c gatepost.yaml
    """
    log_to_stderr()
    garbage.leave_while_starting()
    from gateway.settings.load import load

    read = partial(load, config, os.environ)
    try:
        loaded = read()
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        for note in loaded.notes:
            _log.info("%s", note)
        workers = _count(loaded.settings)
        sys.exit(_run_alone(loaded, read) if workers == 1 else _run_many(loaded, read, workers))
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


def _run_alone(loaded: "Loaded", read: "Callable[[], Loaded]") -> int:
    import uvloop

    return uvloop.run(_alone(loaded, read))


async def _alone(loaded: "Loaded", read: "Callable[[], Loaded]") -> int:
    from gateway.assembly.reload import Reloader
    from gateway.assembly.worker import Gateway

    gateway = Gateway(loaded.settings)
    await gateway.start()
    garbage.collect_from_now_on()
    _log.info("serving %s on port %d (%s)", loaded.settings.public_url[0], gateway.port, build())

    def told(succeeded: bool) -> None:
        gateway.reload_succeeded = succeeded

    reloader = Reloader(loaded, read, gateway.reload, told)
    await _until_stopped(loaded, reloader, gateway.stop)
    return 0


def _run_many(loaded: "Loaded", read: "Callable[[], Loaded]", workers: int) -> int:
    return asyncio.run(_many(loaded, read, workers))


async def _many(loaded: "Loaded", read: "Callable[[], Loaded]", workers: int) -> int:
    from gateway.assembly.reload import Reloader
    from gateway.server.supervisor import Supervisor

    # Chosen here too, because importing assembly.serving would load all of the gateway.
    clock = time.time  # noqa: TID251
    supervisor = Supervisor(loaded.settings, workers, clock)
    failed = await supervisor.start()
    if failed is not None:
        before = "" if failed.status == _WRONG_SETTINGS else "gatepost: cannot start: "
        for problem in failed.problems:
            click.echo(before + problem, err=True)
        return failed.status
    garbage.collect_from_now_on()
    served = loaded.settings.public_url[0]
    _log.info("serving %s with %d workers (%s)", served, workers, build())

    def told(succeeded: bool) -> None:
        supervisor.reload_succeeded = succeeded

    reloader = Reloader(loaded, read, supervisor.reload, told)
    await _until_stopped(loaded, reloader, supervisor.stop)
    return 0


_WRONG_SETTINGS = 2


async def _until_stopped(
    loaded: "Loaded", reloader: "Reloader", stop: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Reload on request, until told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, reloader.request)
    settings = loaded.settings
    config = None if loaded.path is None else str(loaded.path)
    left = admin_address.leave(str(settings.server.admin_listen), str(settings.data_dir), config)
    watching = loop.create_task(reloader.run())
    await stopped.wait()
    _log.info("draining")
    watching.cancel()
    await asyncio.wait([watching])
    await stop()
    admin_address.remove(left)
