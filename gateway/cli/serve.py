"""`gatepost serve`: run the gateway until SIGTERM or SIGINT, then drain."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.app import Gateway

_log = logging.getLogger(__name__)


@click.command("serve")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The file; else what GATEPOST_CONFIG names, ./gatepost.yaml, or the environment alone.",
)
def serve_command(config: Path | None) -> None:
    """Run the gateway.

    SIGTERM ends it: no new connection is taken, requests under way may still end.

    Example: gatepost serve -c gatepost.yaml
    """
    from gateway.settings.load import load

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("gateway").setLevel(logging.INFO)
    try:
        loaded = load(config, os.environ)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    for warning in loaded.warnings:
        _log.warning("%s", warning)

    import uvloop

    from gateway.app import Gateway

    try:
        uvloop.run(_serve(Gateway(loaded.settings), loaded.settings.public_url[0]))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except (GatewayError, OSError) as error:
        click.echo(f"gatepost: cannot start: {error}", err=True)
        sys.exit(1)


async def _serve(gateway: "Gateway", public_url: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await gateway.start()
    _log.info("serving %s on port %d", public_url, gateway.port)
    await stop.wait()
    _log.info("draining")
    await gateway.stop()
