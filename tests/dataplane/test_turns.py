"""However much a client sends, all others have their turn in between."""

import asyncio

from tests.dataplane.harness import request
from tests.patience import PATIENCE_S

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
    decisions = running.gateway._lasting.metrics.decisions
    client = await running.client()

    client.writer.write(request(method="TRACE") * 2000)

    assert await most_at_once(lambda: sum(decisions.values()), 2000) <= REQUESTS
    for _ in range(2000):
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
    (connection,) = running.gateway._front._connections
    async with asyncio.timeout(PATIENCE_S):
        while connection._sink is None:
            await asyncio.sleep(0)
    all_of_it = connection._body_bytes_left

    client.writer.write(b"1\r\na\r\n" * 100_000)
    most = await most_at_once(lambda: all_of_it - connection._body_bytes_left, 100_000)
    await client.send(b"0\r\n\r\n")

    assert most <= CHUNKS
    assert (await client.response("POST")).body == b"ok"


async def test_many_requests_one_after_the_other_are_all_answered(gateway, raw_upstream):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    running = await gateway(upstream.url)
    client = await running.client()

    client.writer.write(request() * 500)

    for _ in range(500):
        assert (await client.response("GET")).body == b"ok"
