"""One of several workers, started by the supervisor of `gatepost serve`; see WORKER.

Separate from the command line, so that a worker need not import it.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from gateway.cli import garbage
from gateway.cli.logs import log_to_stderr
from gateway.errors import GatewayError, SettingsError
from gateway.server.above import Supervision
from gateway.server.channel import Channel, open_channel
from gateway.server.worker_process import Failed

if TYPE_CHECKING:
    from gateway.assembly.worker import Gateway


def run_worker(descriptor: int) -> int:
    """Obey the supervisor at the other end of `descriptor`; returns the exit status."""
    import uvloop

    log_to_stderr()
    garbage.leave_while_starting()
    # The supervisor handles these signals, and sends commands.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end = socket.socket(fileno=descriptor)
    end.setblocking(False)
    # Processes that a hook starts must not inherit this socket.
    end.set_inheritable(False)
    return uvloop.run(_work(end))


async def _work(end: socket.socket) -> int:
    from gateway.assembly.worker import Gateway

    channel = await open_channel(end)
    message = await channel.receive()
    if message is None:
        return 0
    number, _, (settings, place) = message
    log_to_stderr(settings.log.format, settings.log.level)
    above = Supervision(channel)
    gateway = Gateway(settings, place, report_of_all=above.report)
    failed = await _attempt(gateway.start())
    garbage.collect_from_now_on()
    channel.send((number, failed))
    if failed is None:
        await _serve(gateway, channel, above)
    await channel.aclose()
    return 0 if failed is None else failed.status


async def _attempt(work: Coroutine[Any, Any, None]) -> Failed | None:
    try:
        await work
    except SettingsError as error:
        return Failed(2, tuple(error.problems))
    except (GatewayError, OSError) as error:
        return Failed(1, (str(error),))
    return None


async def _serve(gateway: "Gateway", channel: Channel, above: Supervision) -> None:
    """Serve until SIGTERM, or until the supervisor has exited."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    answering = loop.create_task(_answer(gateway, channel, above))
    answering.add_done_callback(lambda _: stop.set())
    await stop.wait()
    # The supervisor may ask for metrics until draining ends.
    await gateway.stop()
    answering.cancel()
    await asyncio.wait([answering])


async def _answer(gateway: "Gateway", channel: Channel, above: Supervision) -> None:
    while (message := await channel.receive()) is not None:
        number, what, argument = message
        if what == "numbers":
            channel.send((number, await gateway.numbers()))
        elif what == "readiness":
            channel.send((number, await gateway.readiness()))
        elif what == "report":
            channel.send((number, await gateway.report()))
        elif what == "report of all":
            above.take(number, argument)
        elif what == "reload":
            failed = await _attempt(gateway.reload(argument))
            if failed is None:
                log_to_stderr(argument.log.format, argument.log.level)
            channel.send((number, failed))


if __name__ == "__main__":
    sys.exit(run_worker(int(sys.argv[1])))
