"""The gateway as a process: how much memory it takes, and how it ends."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.dataplane.harness import Client
from tests.patience import PATIENCE_S, soon, until, until_still

SIZE = 200 * 2**20
PIECE = b"x" * 2**18
GROWTH_KIB = 16 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def resident_kib(pid: int) -> int:
    """The most memory the process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def resident_now_kib(pid: int) -> int:
    """The memory that the process has resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def settings(url: str, **server: object) -> dict[str, object]:
    return {
        "upstreams": {"app": url},
        "providers": {"idp": {"issuer": "https://id.test", "client_id": "c", "client_secret": "s"}},
        "routes": [{"name": "all", "prefix": "/", "access": "public"}],
        "server": server,
    }


@pytest.fixture
async def connect():
    """Connect to a gateway: ``await connect(running)``."""
    clients: list[Client] = []

    async def make(running) -> Client:
        opened = await asyncio.open_connection("127.0.0.1", running.port, limit=2**20)
        clients.append(Client(*opened))
        return clients[-1]

    yield make

    for client in clients:
        client.abort()
    closing = (client.writer.wait_closed() for client in clients)
    await asyncio.gather(*closing, return_exceptions=True)


def get(running, method: str = "GET", *lines: str) -> bytes:
    host = f"Host: 127.0.0.1:{running.port}"
    return "\r\n".join([f"{method} / HTTP/1.1", host, *lines, "", ""]).encode()


@pytest.mark.parametrize("framing", [f"Content-Length: {SIZE}", "Transfer-Encoding: chunked"])
async def test_big_bodies_pass_both_ways_in_constant_memory(
    gateway_process, raw_upstream, connect, framing
):
    chunked = "chunked" in framing
    pieces = SIZE // len(PIECE)
    wire = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    end = b"0\r\n\r\n" if chunked else b""

    async def send(writer) -> None:
        for _ in range(pieces):
            writer.write(wire)
            await writer.drain()
        writer.write(end)

    async def count(reader) -> int:
        """The bytes of the body's data: the chunks may be cut anew."""
        got = 0
        if not chunked:
            while got < SIZE:
                got += len(await reader.read(2**20))
            return got
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
            got += size
        await reader.readexactly(2)
        return got

    received = 0

    async def handle(connection):
        nonlocal received
        while head := await connection.read_head():
            if head.startswith(b"POST"):
                received = await count(connection.reader)
                await connection.send(OK)
            else:
                await connection.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
                await send(connection.writer)

    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url))
    client = await connect(running)
    before = resident_kib(running.process.pid)

    await client.send(get(running, "POST", framing))
    await send(client.writer)
    assert (await client.response()).body == b"ok"
    assert received == SIZE

    client = await connect(running)
    await client.send(get(running))
    assert (await client.head()).status == 200
    assert await count(client.reader) == SIZE
    assert resident_kib(running.process.pid) - before < GROWTH_KIB


async def test_a_slow_reader_costs_no_more_memory_than_a_quick_one(
    gateway_process, raw_upstream, connect
):
    async def handle(connection):
        nonlocal open_ones, sent
        await connection.read_head()
        open_ones += 1
        try:
            await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                await connection.send(PIECE)
                sent += 1
        finally:
            open_ones -= 1

    open_ones = sent = 0
    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url))
    before = resident_kib(running.process.pid)

    clients = [await connect(running) for _ in range(8)]
    for client in clients:
        await client.send(get(running))
        await client.head()
    await until_still(lambda: sent)
    assert resident_kib(running.process.pid) - before < GROWTH_KIB
    for client in clients:
        client.abort()
    await until(lambda: not open_ones)


async def test_what_slow_readers_held_is_given_back_once_they_have_left(
    gateway_process, raw_upstream, connect
):
    async def handle(connection):
        await connection.read_head()
        with suppress(ConnectionError):
            await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                await connection.send(PIECE)

    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url, limits={"header_timeout": "1h"}))
    pid = running.process.pid

    async def ask():
        client = await connect(running)
        await client.send(get(running))
        await client.head()
        return client

    # One that reads: from then on glibc takes such pieces from its heap.
    first = await ask()
    await first.reader.readexactly(20 * len(PIECE))
    first.abort()
    before = resident_now_kib(pid)
    slow = []
    for _ in range(120):
        slow.append(await ask())
        # And some of what comes between them stays.
        await connect(running)
    await until(lambda: resident_now_kib(pid) - before > GROWTH_KIB)
    for client in slow:
        client.abort()

    await until(lambda: resident_now_kib(pid) - before < GROWTH_KIB / 2)


async def test_a_flood_of_tiny_chunks_does_not_hold_up_the_others(
    gateway_process, raw_upstream, connect
):
    async def handle(connection):
        while head := await connection.read_head():
            if b"chunked" in head:
                while await connection.reader.read(65536):
                    pass
                return
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url))
    flood, other = await connect(running), await connect(running)
    flood.writer.write(get(running, "POST", "Transfer-Encoding: chunked"))

    async def pour():
        while True:
            flood.writer.write(b"1\r\na\r\n" * 10_000)
            await flood.writer.drain()

    async with asyncio.TaskGroup() as group:
        # It ends only once the others were answered.
        pouring = group.create_task(pour())
        for _ in range(5):
            assert (await other.ask(get(running))).body == b"ok"
        pouring.cancel()


async def test_sigterm_lets_requests_end_and_closes_the_rest(
    gateway_process, raw_upstream, connect
):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(connection):
        while head := await connection.read_head():
            if head.startswith(b"POST"):
                asked.set()
                await go_on.wait()
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url, drain_timeout="60s"))
    idle, unused, busy = [await connect(running) for _ in range(3)]
    assert not (await idle.ask(get(running))).closes
    await busy.send(get(running, "POST"))
    await soon(asked.wait())

    running.process.send_signal(signal.SIGTERM)
    assert await idle.is_closed()
    assert await unused.is_closed()
    with pytest.raises(ConnectionError):
        await connect(running)
    go_on.set()
    answer = await busy.response()
    assert (answer.body, answer.closes) == (b"ok", True)
    assert await busy.is_closed()
    assert await asyncio.to_thread(running.process.wait, PATIENCE_S) == 0


async def test_sigterm_does_not_wait_longer_than_the_drain_time_out(
    gateway_process, raw_upstream, connect
):
    asked = asyncio.Event()

    async def handle(connection):
        await connection.read_head()
        asked.set()
        await connection.read_to_end()

    upstream = await raw_upstream(handle)
    running = gateway_process(settings(upstream.url, drain_timeout="500ms"))
    client = await connect(running)
    await client.send(get(running))
    await soon(asked.wait())

    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.process.wait, PATIENCE_S) == 0
    assert await client.is_closed()
