"""An upgrade is a tunnel of raw bytes, both ways, for as long as its session lives."""

import asyncio
import re

import pytest

from tests.dataplane.harness import request
from tests.patience import PATIENCE_S, soon, until, until_still

SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\nX-App: 1\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def upgrade(protocol: str = "websocket", *lines: str | bytes) -> bytes:
    return request("/ws", f"Upgrade: {protocol}", "Connection: keep-alive, Upgrade", *lines)


async def echo(connection):
    """Switches to what is asked for, and sends everything back."""
    head = await connection.read_head()
    found = re.search(rb"\r\nUpgrade: (.*)\r\n", head)
    assert found is not None
    assert b"\r\nConnection: Upgrade\r\n" in head
    await connection.send(SWITCH % found[1])
    while piece := await connection.reader.read(65536):
        await connection.send(piece)


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "chat/2, chat", "x/1.0"])
async def test_any_protocol_is_passed_as_raw_bytes(raw_upstream, gateway, protocol):
    upstream = await raw_upstream(echo)
    client = await (await gateway(upstream.url)).client()

    answer = await client.ask(upgrade(protocol))
    assert answer.status == 101
    assert answer.all(b"upgrade") == [protocol.encode()]
    assert [v.lower() for v in answer.all(b"connection")] == [b"upgrade"]
    assert answer.all(b"x-app") == [b"1"]
    for sent in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 1000):
        await client.send(sent)
        assert await soon(client.reader.readexactly(len(sent))) == sent


async def test_bytes_right_behind_either_head_are_not_lost(raw_upstream, gateway):
    async def speak_first(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"websocket" + b"from the app")
        assert await connection.read(15) == b"from the client"

    upstream = await raw_upstream(speak_first)
    client = await (await gateway(upstream.url)).client()

    await client.send(upgrade() + b"from the client")
    assert (await client.head()).status == 101
    assert await client.rest() == b"from the app"


async def test_a_client_that_says_much_before_the_switch_is_heard_to_the_end(raw_upstream, gateway):
    said = bytes(range(256)) * 8192
    told = asyncio.Event()

    async def listen(connection):
        await connection.read_head()
        await told.wait()
        await connection.send(SWITCH % b"websocket")
        assert await connection.read(len(said)) == said
        await connection.send(b"heard")

    upstream = await raw_upstream(listen)
    running = await gateway(upstream.url)
    client = await running.client()

    client.writer.write(upgrade() + said)
    (here,) = running.gateway.front.connections
    # As much as is read ahead has come, and the rest waits, which no peer can see.
    await until(lambda: here._paused)
    told.set()

    assert (await client.head()).status == 101
    assert await soon(client.reader.readexactly(5)) == b"heard"


async def test_an_upgrade_that_is_declined_is_an_answer_like_any_other(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        assert (await client.ask(upgrade())).body == b"ok"


@pytest.mark.parametrize(
    "protocol",
    [
        "h2c", "H2C", "websocket, h2c", "h2c,websocket", "h2", "HTTP/2.0", "HTTP/1.1",
        "TLS/1.0", "tls/1.2", "TLS/1.0, HTTP/1.1", "websocket, TLS/1.2", "chat xTLS/9",
    ],
)  # fmt: skip
async def test_no_second_http_is_asked_for(raw_upstream, gateway, protocol):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)

    sent = upgrade(
        protocol, "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", "Connection: HTTP2-Settings"
    )
    assert (await running.ask(sent)).body == b"ok"
    head = upstream.heads[0].lower()
    assert b"upgrade" not in head
    assert b"http2-settings" not in head
    assert b"\r\nconnection:" not in head


@pytest.mark.parametrize(
    "sent",
    [
        request("/ws", "Upgrade: websocket"),
        request("/ws", "Connection: Upgrade"),
        upgrade().replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    ],
)
async def test_half_an_upgrade_is_none(raw_upstream, gateway, sent):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)

    assert (await running.ask(sent)).body == b"ok"
    assert b"pgrade" not in upstream.heads[0]


async def test_two_upgrade_fields_are_refused(gateway):
    running = await gateway()
    assert (await running.ask(upgrade("websocket", "Upgrade: chat"))).status == 400


async def test_a_switch_before_the_requests_end_is_502(raw_upstream, gateway):
    async def hasty(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"websocket")
        await connection.read_to_end()

    upstream = await raw_upstream(hasty)
    running = await gateway(upstream.url)

    assert (await running.ask(upgrade("websocket", "Content-Length: 5"))).status == 502


@pytest.mark.parametrize("first", ["client", "app"])
async def test_each_side_may_end_before_the_other(raw_upstream, gateway, first):
    ended = asyncio.Event()

    async def handle(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"x")
        if first == "client":
            assert await connection.read_to_end() == b"last words"
            await connection.send(b"and mine")
        else:
            await connection.send(b"and mine")
            connection.writer.write_eof()
            assert await connection.read_to_end() == b"last words"
        # Both have ended: the gateway closes, and does not wait for a time-out.
        ended.set()

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)
    client = await running.client()
    assert (await client.ask(upgrade("x"))).status == 101
    if first == "app":
        assert await client.rest() == b"and mine"
    await client.send(b"last words")
    client.writer.write_eof()
    if first == "client":
        assert await client.rest() == b"and mine"

    await soon(ended.wait())
    await until(lambda: not running.gateway.front.tunnels)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_the_app_hears_of_a_client_that_leaves(raw_upstream, gateway, how):
    left = asyncio.Event()

    async def handle(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"x")
        try:
            await connection.read_to_end()
        finally:
            left.set()

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.ask(upgrade("x"))
    client.close() if how == "close" else client.abort()

    await soon(left.wait())


async def test_the_client_hears_of_an_app_that_leaves(raw_upstream, gateway):
    async def handle(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"x")
        connection.abort()

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(upgrade("x"))

    async with asyncio.timeout(PATIENCE_S):
        await client.rest()


async def test_a_tunnel_nothing_moves_in_ends_at_the_idle_time_out(raw_upstream, gateway):
    upstream = await raw_upstream(echo)
    running = await gateway(upstream.url, {"timeouts": {"idle": "1s"}})
    client = await running.client()
    await client.ask(upgrade("x"))

    async with asyncio.timeout(PATIENCE_S):
        assert await client.is_closed()


async def test_a_tunnel_that_is_used_outlives_the_response_time_out(raw_upstream, gateway):
    upstream = await raw_upstream(echo)
    running = await gateway(upstream.url, {"timeouts": {"response": "500ms", "idle": "2s"}})
    client = await running.client()
    await client.ask(upgrade("x"))

    for _ in range(10):
        await client.send(b"ping")
        assert await client.reader.readexactly(4) == b"ping"
        await asyncio.sleep(0.25)


@pytest.mark.parametrize("slow", ["client", "app"])
async def test_a_side_that_does_not_read_stops_the_other(raw_upstream, gateway, slow):
    written = 0
    go_on = asyncio.Event()
    piece = b"x" * 65536
    total = 64 * 2**20

    async def pump(writer):
        nonlocal written
        while written < total:
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    async def drink(reader):
        await go_on.wait()
        got = 0
        while got < total:
            got += len(await reader.read(2**20))
        return got

    drunk = asyncio.get_running_loop().create_future()

    async def handle(connection):
        await connection.read_head()
        await connection.send(SWITCH % b"x")
        if slow == "client":
            await pump(connection.writer)
            await connection.read_to_end()
        else:
            drunk.set_result(await drink(connection.reader))

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client(limit=65536)
    await client.ask(upgrade("x"))
    side = pump(client.writer) if slow == "app" else drink(client.reader)
    task = asyncio.get_running_loop().create_task(side)

    await until_still(lambda: written)
    assert written < total / 2
    go_on.set()
    result = await soon(task)
    assert (result if slow == "client" else await soon(drunk)) == total


async def test_a_drain_does_not_wait_for_tunnels_longer_than_its_time_out(raw_upstream, gateway):
    upstream = await raw_upstream(echo)
    running = await gateway(upstream.url)
    client = await running.client()
    await client.ask(upgrade("x"))

    async with asyncio.timeout(PATIENCE_S):
        await running.gateway.stop()
        assert await client.is_closed()


async def test_a_session_that_ends_closes_its_tunnels(raw_upstream, gateway):
    upstream = await raw_upstream(echo)
    running = await gateway(
        upstream.url, routes=[{"name": "all", "prefix": "/", "access": "signed_in"}]
    )
    cookie = (await running.sign_in()).strip()
    client, other = await running.client(), await running.client()
    assert (await client.ask(upgrade("x", cookie))).status == 101
    their_cookie = (await running.sign_in("bob")).strip()
    assert (await other.ask(upgrade("x", their_cookie))).status == 101

    origin = "Origin: http://app.test"
    out = request("/_gatepost/logout", cookie, origin, "Content-Length: 0", method="POST")
    assert (await running.ask(out)).status < 400

    async with asyncio.timeout(PATIENCE_S):
        assert await client.is_closed()
    await other.send(b"still here")
    assert await other.reader.readexactly(10) == b"still here"


async def test_an_upgrade_from_a_foreign_page_is_refused(raw_upstream, gateway):
    upstream = await raw_upstream(echo)
    running = await gateway(
        upstream.url, routes=[{"name": "all", "prefix": "/", "access": "signed_in"}]
    )
    cookie = (await running.sign_in()).strip()

    for foreign in ("Origin: http://evil.test", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert (await running.ask(upgrade("websocket", cookie, foreign))).status == 403
    assert (await running.ask(upgrade("websocket"))).status == 401
    assert upstream.connections == 0

    own = ("Sec-Fetch-Site: same-origin", "Origin: null")
    assert (await running.ask(upgrade("websocket", cookie, *own))).status == 101
