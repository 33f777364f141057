"""The supervisor as a worker sees it: it knows all workers."""

import asyncio
import itertools
from dataclasses import dataclass

from gateway.record.report import GatewayReport
from gateway.server.channel import Channel

# The supervisor waits two seconds for each worker, and for all of them at once.
_ANSWERED_S = 5.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker asks for the report of all workers."""


class Supervision:
    """Asks the supervisor at the other end of `channel`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[GatewayReport]] = {}

    async def report(self) -> GatewayReport | None:
        """The report of all workers; None if the supervisor does not answer in time."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._channel.send((number, Asked()))
        try:
            async with asyncio.timeout(_ANSWERED_S):
                found: GatewayReport = await answer
                return found
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]

    def take(self, number: int, report: GatewayReport) -> None:
        """Take the answer to question `number`."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(report)
