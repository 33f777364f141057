"""A worker process as the supervisor sees it, with the channel to it."""

import asyncio
import itertools
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.record.metrics_sum import Snapshot
from gateway.record.report import GatewayReport, WorkerReport
from gateway.server.above import Asked
from gateway.server.admin import Readiness
from gateway.server.channel import Channel, open_channel

# The module to run; its argument is the descriptor of its end of the channel.
WORKER = "gateway.cli.worker"

_STARTED_S = 60.0
_ANSWERED_S = 2.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker could not carry out a request of the supervisor.

    Attributes:
        status: The exit status for this failure.
        problems: Printable lines.
    """

    status: int
    problems: tuple[str, ...]


class WorkerProcess:
    """One worker.

    Attributes:
        pid: The process id.
        is_started: Whether it serves.
        settings: The settings it was given last.
        ended: Resolves to the return code, as `subprocess` gives it, when the process ends.
        last: The metrics it reported last.
        report_of_all: Tells it of all workers, when it asks; None if nobody can.
    """

    report_of_all: Callable[[], Awaitable[GatewayReport]] | None = None

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        self.pid = process.pid
        self.is_started = False
        self.settings: object = None
        self.ended: asyncio.Future[int] = loop.create_future()
        self.last = Snapshot()
        self._process = process
        self._channel = channel
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._listening = loop.create_task(self._listen())

    async def start(self, settings: object, place: object) -> Failed | None:
        """Make it serve; returns the failure, or None on success."""
        self.settings = settings
        failed: Failed | None = await self._ask("start", (settings, place), _STARTED_S)
        self.is_started = failed is None
        return failed

    async def reload(self, settings: object) -> Failed | None:
        """Apply `settings`; returns the failure, after which nothing changed, or None."""
        failed: Failed | None = await self._ask("reload", settings, _STARTED_S)
        if failed is None:
            self.settings = settings
        return failed

    async def readiness(self) -> Readiness:
        """Whether it can serve."""
        if not self.is_started:
            return Readiness("starting")
        answer = await self._ask("readiness", None, _ANSWERED_S)
        return answer if isinstance(answer, Readiness) else Readiness("worker-silent")

    async def snapshot(self) -> Snapshot:
        """Its metrics, or the last ones it reported if it does not answer in time."""
        if self.is_started:
            answer = await self._ask("numbers", None, _ANSWERED_S)
            if isinstance(answer, Snapshot):
                self.last = answer
        return self.last

    async def report(self) -> WorkerReport:
        """What it knows of itself, or its last metrics if it does not answer in time."""
        if self.is_started:
            answer = await self._ask("report", None, _ANSWERED_S)
            if isinstance(answer, WorkerReport):
                self.last = answer.numbers
                return answer
        return WorkerReport(self.pid, 0.0, self.last, is_silent=True)

    def stop(self) -> None:
        """Ask it to drain and end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        if self._process.poll() is None:
            self._process.kill()

    def reap(self) -> None:
        """Check whether it has ended; called when any child process has."""
        status = self._process.poll()
        if status is not None and not self.ended.done():
            self.ended.set_result(status)

    async def aclose(self) -> None:
        """Close the channel after the process has ended."""
        tasks = [self._listening, *self._telling]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._channel.aclose()

    async def _ask(self, what: str, argument: object, timeout_s: float) -> Any:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._channel.send((number, what, argument))
        try:
            # `ended` is awaited too, so that a worker that dies is reported at once.
            await asyncio.wait(
                (answer, self.ended), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if answer.done():
                return answer.result()
            return Failed(1, (f"worker {self.pid} {self._why_silent(timeout_s)}",))
        finally:
            del self._asked[number]

    def _why_silent(self, timeout_s: float) -> str:
        if self.ended.done():
            return f"ended {how_ended(self.ended.result())}"
        return f"did not answer within {timeout_s:g} s"

    async def _listen(self) -> None:
        while (message := await self._channel.receive()) is not None:
            number, answer = message
            if isinstance(answer, Asked):
                # Beside this loop, which has to take this worker's part of the answer.
                task = asyncio.get_running_loop().create_task(self._tell_of_all(number))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)
                continue
            waiting = self._asked.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _tell_of_all(self, number: int) -> None:
        if self.report_of_all is not None:
            self._channel.send((number, "report of all", await self.report_of_all()))


async def start_process(inherited: Sequence[int]) -> WorkerProcess:
    """Start a worker, which waits for `start`; it inherits the descriptors `inherited`.

    Raises:
        OSError: The system cannot start another process.
    """
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", WORKER, str(theirs.fileno())]
    with theirs:
        try:
            # In its own session: signals that a terminal sends then reach only the supervisor.
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - a fork, which does not block
                command,
                pass_fds=(theirs.fileno(), *inherited),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    ours.setblocking(False)
    return WorkerProcess(process, await open_channel(ours))


def how_ended(status: int) -> str:
    """A return code of `subprocess` as text."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
