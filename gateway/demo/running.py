"""What the demos run: an app, the real gateway in front of it, and nothing that stays behind."""

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import yaml
from aiohttp import web

HOST = "127.0.0.1"
_POLL_S = 0.05
_START_S = 20
_STOP_S = 10
_MAX_LINE = 1024 * 1024


class DemoError(Exception):
    """The demo cannot run; the message is one line and says why."""


def stop_signals() -> asyncio.Event:
    """What SIGINT, SIGTERM and SIGHUP, from a terminal that is closed, set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def written(settings: dict[str, object], directory: Path) -> Path:
    """Write the configuration file into `directory`."""
    path = directory / "gatepost.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    return path


async def until_stopped(stopped: asyncio.Event, process: asyncio.subprocess.Process) -> None:
    """Wait for the signal.

    Raises:
        DemoError: The gateway exited before.
    """
    await _either(stopped.wait(), process.wait())
    if not stopped.is_set():
        raise DemoError(f"the gateway ended with status {process.returncode}")


@asynccontextmanager
async def serving(application: web.Application, port: int) -> AsyncIterator[str]:
    """Serve `application` on `port` (0 for any free port); yields its URL."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        listener = socket.create_server((HOST, port))
        await web.SockSite(runner, listener).start()
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def gateway(
    config_path: Path, port: int, on_line: Callable[[str], None] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`gatepost serve` with that file in a separate process, so that it is the real thing.

    `on_line` is called with each line that it logs, before that is printed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.demo.tied", "serve", "-c", str(config_path)),
        stdin=asyncio.subprocess.PIPE,
        stderr=None if on_line is None else asyncio.subprocess.PIPE,
        limit=_MAX_LINE,
        # Ctrl-C reaches the whole foreground process group, but the gateway must end last.
        start_new_session=True,
    )
    reading = asyncio.Task(_read_log(process, on_line))
    try:
        await _listening(process, port)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        await reading


async def _read_log(
    process: asyncio.subprocess.Process, on_line: Callable[[str], None] | None
) -> None:
    if process.stderr is None or on_line is None:
        return
    while line := await process.stderr.readline():
        text = line.decode("utf-8", "replace")
        on_line(text)
        with suppress(OSError):  # Nobody reads it any more.
            sys.stderr.write(text)
            sys.stderr.flush()


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(_POLL_S)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return
    except TimeoutError as error:
        raise DemoError(f"the gateway did not listen within {_START_S} s") from error
    raise DemoError(f"the gateway did not start: it ended with status {process.returncode}")


async def _either(*waiting: Coroutine[None, None, object]) -> None:
    """Wait until one of `waiting` is done, and cancel the others."""
    tasks = [asyncio.Task(coroutine) for coroutine in waiting]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def free_port(port: int) -> int:
    """`port`, or a free one if it is 0.

    Raises:
        DemoError: The port is taken, or not allowed.
    """
    try:
        with closing(socket.create_server((HOST, port))) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DemoError(
                f"port {port} is taken: choose another with --port, or PORT= for make"
            ) from error
        raise DemoError(f"cannot listen on port {port}: {error.strerror}") from error
