"""Memory of clients: of fixed size, and shared by processes."""

import os
import subprocess
import sys

import pytest

from gateway.limits.rate import Rate
from gateway.limits.table import RateTable, shared_memory

NOW = 1_800_000_000.0
RATE = Rate(2, 60.0)


def wait_s(table, client, rate, now):
    """Seconds until the request would be in time; 0 if it is."""
    return getattr(table.take(client, rate, now), "wait_s", 0.0)


def test_clients_are_told_apart():
    table = RateTable()

    assert [wait_s(table, b"alice", RATE, NOW) for _ in range(3)] == [0.0, 0.0, 30.0]
    assert wait_s(table, b"bob", RATE, NOW) == 0.0
    assert wait_s(table, b"alice", RATE, NOW + 30) == 0.0


def test_a_refused_request_costs_nothing():
    table = RateTable()

    waits = [wait_s(table, b"alice", RATE, NOW) for _ in range(100)]

    assert waits[2:] == [30.0] * 98


@pytest.mark.parametrize("flood", [100_000])
def test_a_flood_of_clients_takes_no_more_memory_and_forgets_who_counts_least(flood):
    table = RateTable()
    busy = Rate(1000, 3600.0)
    for _ in range(1000):
        wait_s(table, b"busy", busy, NOW)

    for number in range(flood):
        wait_s(table, b"%d" % number, RATE, NOW)

    assert wait_s(table, b"busy", busy, NOW) > 0


def test_processes_count_together():
    descriptor = shared_memory()
    table = RateTable(descriptor)
    wait_s(table, b"alice", RATE, NOW)
    code = f"""if True:
        from gateway.limits.rate import Rate
        from gateway.limits.table import RateTable
        table = RateTable({descriptor})
        taken = [table.take(b"alice", Rate(2, 60.0), {NOW}) for _ in range(2)]
        print([getattr(it, "wait_s", 0.0) for it in taken])
    """

    out = subprocess.run(
        [sys.executable, "-c", code], pass_fds=(descriptor,), capture_output=True, check=True
    ).stdout
    os.close(descriptor)

    assert out == b"[0.0, 30.0]\n"
    assert wait_s(table, b"alice", RATE, NOW) == 30.0


def test_machines_with_one_key_know_a_client_by_one_tag():
    here, there = RateTable(key=b"k"), RateTable(key=b"k")
    here.note_takes()
    for _ in range(3):
        here.take(b"alice", RATE, NOW)

    ((tag, rate), count), *rest = here.noted_takes().items()
    there.add(tag, rate, count, NOW)

    # What was refused counts nowhere.
    assert (rate, count, rest) == (RATE, 2, [])
    assert wait_s(there, b"alice", RATE, NOW) == 30.0
    assert wait_s(there, b"bob", RATE, NOW) == 0.0
    assert here.noted_takes() == {}


def test_however_much_is_told_a_client_waits_for_no_more_than_the_period():
    table = RateTable(key=b"k")
    table.note_takes()
    table.take(b"alice", RATE, NOW)
    (tag, rate), _ = next(iter(table.noted_takes().items()))

    table.add(tag, rate, 2**32 - 1, NOW)

    assert wait_s(table, b"alice", RATE, NOW) == 30.0
    assert wait_s(table, b"alice", RATE, NOW + 60) == 0.0


def test_a_clock_that_is_set_back_locks_nobody_out():
    table = RateTable()
    for _ in range(3):
        table.take(b"alice", RATE, NOW)

    before = NOW - 86_400
    assert wait_s(table, b"alice", RATE, before) == 30.0
    assert wait_s(table, b"alice", RATE, before + 30) == 0.0
