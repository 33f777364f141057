"""What other machines tell of rate limits, whoever sends it."""

import math
import os
import subprocess
import sys
from struct import Struct

import pytest

from gateway.assembly.shared_rates import SharedRates
from gateway.limits import Rate, RateTable, shared_memory
from gateway.storage.memory import MemoryStore

NOW = 1_800_000_000.0
RATE = Rate(10, 60.0)
ELSEWHERE = b"m" * 16
ITEM = Struct("<QQdI")


def hearing(table):
    return SharedRates(table, MemoryStore(lambda: NOW), lambda: NOW)


@pytest.fixture
def table():
    return RateTable(key=b"k")


@pytest.fixture
def tag(table):
    """The tag of a client who has taken one request."""
    table.note_takes()
    table.take(b"alice", RATE, NOW)
    return next(iter(table.noted_takes()))[0]


def left(table, now=NOW):
    """How many requests the client may send at once."""
    return sum(not hasattr(table.take(b"alice", RATE, now), "wait_s") for _ in range(11))


@pytest.mark.parametrize("per_s", [math.nan, math.inf, -math.inf, -1.0, 0.0])
@pytest.mark.parametrize("count", [0, 1, 2**32 - 1])
def test_no_time_but_a_real_one_is_counted(table, tag, per_s, count):
    hearing(table).hear(ELSEWHERE + ITEM.pack(tag, 1, per_s, count))

    assert left(table) == 9


@pytest.mark.parametrize("per_s", [5e-324, 60.0, 1e308])
@pytest.mark.parametrize("requests", [1, 2**64 - 1])
def test_whatever_is_told_a_client_waits_for_no_more_than_the_period(table, tag, per_s, requests):
    hearing(table).hear(ELSEWHERE + ITEM.pack(tag, requests, per_s, 2**32 - 1))

    left(table)
    assert left(table, NOW + 60) == 10


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"m",
        ELSEWHERE,
        ELSEWHERE + b"x" * 27,
        ELSEWHERE + bytes(28),
        b"x" * (28 * 100_000 + 16),
    ],
)
def test_what_is_no_message_counts_nothing(table, tag, message):
    hearing(table).hear(message)

    assert left(table) == 9


def test_a_machine_counts_once_what_all_its_workers_hear():
    descriptor = shared_memory()
    table = RateTable(descriptor, b"k")
    table.note_takes()
    table.take(b"alice", RATE, NOW)
    ((tag, _), _) = next(iter(table.noted_takes().items()))
    message = ELSEWHERE + ITEM.pack(tag, RATE.requests, RATE.per_s, 3)
    other_worker = f"""if True:
        from gateway.assembly.shared_rates import SharedRates
        from gateway.limits import RateTable
        SharedRates(RateTable({descriptor}, b"k"), None, lambda: {NOW}).hear({message!r})
    """

    hearing(table).hear(message)
    subprocess.run([sys.executable, "-c", other_worker], pass_fds=(descriptor,), check=True)

    assert left(table) == 6
    os.close(descriptor)


def test_when_the_worker_that_counts_has_ended_another_counts():
    descriptor = shared_memory()
    counts = f"""if True:
        from gateway.limits import RateTable
        table = RateTable({descriptor})
        print(table.is_first(), flush=True)
        input()
    """
    worker = subprocess.Popen(
        [sys.executable, "-c", counts],
        pass_fds=(descriptor,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    table = RateTable(descriptor)

    assert worker.stdout.readline() == b"True\n"
    assert not table.is_first()
    worker.communicate(b"\n")
    assert table.is_first()
    os.close(descriptor)
