"""However much a client sends, all others have their turn in between.

A turn shows nowhere outside: a peer sees the same bytes however they were cut.  So these tests look
into the connection.
"""

import asyncio

import pytest

from tests.dataplane.harness import request
from tests.patience import PATIENCE_S, until

# Twice what a client is given in one turn.
REQUESTS, CHUNKS = 64, 2048


async def most_at_once(count, total):
    """By how much `count()` grew at most in one round of the loop, until it came to `total`."""
    most = before = 0
    async with asyncio.timeout(PATIENCE_S):
        while before < total:
            await asyncio.sleep(0)
            now = count()
            most, before = max(most, now - before), now
    return most


async def test_requests_that_come_at_once_are_answered_some_at_a_time(gateway):
    running = await gateway()
    metrics = running.gateway.lasting.metrics
    client = await running.client()

    client.writer.write(request(method="TRACE") * 2000)

    assert await most_at_once(lambda: sum(metrics.decisions.values()), 2000) <= REQUESTS
    for _ in range(2000):
        assert (await client.response("TRACE")).status == 405


async def test_paths_of_many_readings_are_read_few_at_a_time(gateway):
    running = await gateway()
    metrics = running.gateway.lasting.metrics
    client = await running.client()
    unclean = "/" + "%2f%u002e%09%c0%ae%25" * 45

    client.writer.write(request(unclean, method="TRACE") * 60)

    # One is a whole turn's work, and the loop may take two turns in a round.
    assert await most_at_once(lambda: sum(metrics.decisions.values()), 60) <= 4
    for _ in range(60):
        assert (await client.response("TRACE")).status == 405


async def test_tiny_chunks_are_passed_on_some_at_a_time(gateway, raw_upstream):
    async def handle(connection):
        await connection.read_head()
        while not (await connection.reader.read(65536)).endswith(b"0\r\n\r\n"):
            pass
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await connection.read_to_end()

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)
    client = await running.client()
    await client.send(request("/", "Transfer-Encoding: chunked", method="POST"))
    (connection,) = running.gateway.front.connections
    await until(lambda: connection._sink is not None)
    all_of_it = connection._body_bytes_left

    client.writer.write(b"1\r\na\r\n" * 100_000)
    most = await most_at_once(lambda: all_of_it - connection._body_bytes_left, 100_000)
    await client.send(b"0\r\n\r\n")

    assert most <= CHUNKS
    assert (await client.response("POST")).body == b"ok"


async def served_by(running):
    """A client, and the gateway's end of its connection."""
    client = await running.client()
    await until(lambda: running.gateway.front.connections)
    (connection,) = running.gateway.front.connections
    return client, connection


@pytest.mark.parametrize("size", [40, 1000, 6000, 16_000, 32_000])
async def test_what_fills_the_loops_buffer_is_more_than_a_turn(gateway, size):
    running = await gateway()
    client, connection = await served_by(running)
    shortest = request("/", "X: ", method="TRACE")
    one = shortest.replace(b"X: ", b"X: " + b"a" * (size - len(shortest)))

    # However it is cut, so that none of it is left for the next turn.
    count = 256_000 // len(one)
    connection.data_received(one * count)

    assert connection._resting
    for _ in range(count):
        assert (await client.response("TRACE")).status == 405


async def test_bodies_that_nobody_wants_are_work_too(gateway):
    running = await gateway()
    metrics = running.gateway.lasting.metrics
    client, connection = await served_by(running)
    chunks = b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"

    connection.data_received(
        request("/", "Transfer-Encoding: chunked", method="TRACE", body=chunks) * 20
    )

    assert connection._resting
    assert sum(metrics.decisions.values()) <= 2
    for _ in range(20):
        assert (await client.response("TRACE")).status == 405


async def test_a_connection_that_closes_begins_no_more(gateway):
    running = await gateway()
    metrics = running.gateway.lasting.metrics
    _, connection = await served_by(running)
    connection.pause_writing()
    connection.data_received(request(method="TRACE") * 100)
    connection._spent = CHUNKS
    connection._transport.close()

    connection.resume_writing()

    assert not metrics.decisions


async def test_a_drain_amid_many_requests_is_told(gateway):
    running = await gateway()
    client, connection = await served_by(running)
    connection.data_received(request(method="TRACE") * 200)
    assert connection._resting

    connection.drain()

    answers = 1
    while not (await client.response("TRACE")).closes:
        answers += 1
    assert answers <= REQUESTS
    assert await client.is_closed()


async def test_many_requests_one_after_the_other_are_all_answered(gateway, raw_upstream):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    running = await gateway(upstream.url)
    client = await running.client()

    client.writer.write(request() * 500)

    for _ in range(500):
        assert (await client.response("GET")).body == b"ok"
