"""A worker asks its supervisor for what all workers know."""

import asyncio
import socket

from gateway.record.report import GatewayReport
from gateway.server import above
from gateway.server.above import Asked, Supervision
from gateway.server.channel import open_channel

REPORT = GatewayReport("1", "interpreted", 0.0, ())


async def ends():
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    return await open_channel(ours), await open_channel(theirs)


async def test_each_question_gets_its_own_answer():
    worker, supervisor = await ends()
    supervision = Supervision(worker)
    one, other = supervision.report(), supervision.report()
    asking = asyncio.gather(one, other)

    numbers = []
    for _ in range(2):
        number, asked = await supervisor.receive()
        assert isinstance(asked, Asked)
        numbers.append(number)
    second = GatewayReport("2", "interpreted", 0.0, ())
    supervision.take(numbers[1], second)
    supervision.take(numbers[1], second)
    supervision.take(numbers[0], REPORT)
    supervision.take(99, REPORT)

    assert await asking == [REPORT, second]
    await worker.aclose()
    await supervisor.aclose()


async def test_a_supervisor_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(above, "_ANSWERED_S", 0.01)  # As if five seconds had passed.
    worker, supervisor = await ends()

    assert await Supervision(worker).report() is None
    await worker.aclose()
    await supervisor.aclose()
