"""Workers as their supervisor sees them, and the channel between."""

import asyncio
import signal
import socket

import pytest

from gateway.server import worker_process
from gateway.server.channel import open_channel
from gateway.server.worker_process import Failed, how_ended, start_process
from tests.patience import soon


async def test_messages_arrive_whole_and_in_order_and_the_end_is_told():
    ours, theirs = socket.socketpair()
    one, other = await open_channel(ours), await open_channel(theirs)
    sent = [(1, "numbers", None), (2, "start", {"big": b"x" * 1_000_000}), "last"]

    for message in sent:
        one.send(message)

    assert [await other.receive() for _ in sent] == sent
    await one.aclose()
    assert await other.receive() is None
    await other.aclose()


async def test_a_message_that_breaks_off_is_the_end():
    ours, theirs = socket.socketpair()
    other = await open_channel(theirs)

    ours.sendall(b"\x00\x01\x00\x00half")
    ours.close()

    assert await other.receive() is None
    await other.aclose()


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, "with status 0"), (1, "with status 1"), (-9, "by SIGKILL"), (-250, "by signal 250")],
)
def test_an_end_is_told_in_words(status, text):
    assert how_ended(status) == text


@pytest.fixture
async def watched():
    """Children that end are noticed, as the supervisor does."""
    found = []
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGCHLD, lambda: [worker.reap() for worker in found]
    )
    yield found
    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


async def test_a_worker_that_ends_before_it_serves_is_told_at_once(watched, monkeypatch):
    # Any module that ends by itself.
    monkeypatch.setattr(worker_process, "WORKER", "this")
    worker = await start_process(())
    watched.append(worker)
    worker.reap()

    failed = await soon(worker.start("settings", "place"))

    assert failed == Failed(1, (f"worker {worker.pid} ended with status 0",))
    assert not worker.is_started
    await worker.aclose()


async def test_a_worker_without_a_supervisor_ends(watched):
    worker = await start_process(())
    watched.append(worker)
    worker.reap()

    await worker.aclose()

    assert await soon(worker.ended) == 0
