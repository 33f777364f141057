"""A stream of events lasts as long as its session; a connection outlives its streams."""

import asyncio

from tests.dataplane.harness import request
from tests.patience import soon, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIGNED_IN = [{"name": "all", "prefix": "/", "access": "signed_in"}]
ORIGIN = "Origin: http://app.test"


def sign_out(cookie):
    return request("/_gatepost/logout", cookie, ORIGIN, "Content-Length: 0", method="POST")


async def test_a_session_that_ends_closes_its_streams(raw_upstream, gateway):
    async def events(connection):
        await connection.read_head()
        # Ends with the connection, as HTTP/1.0 apps send it.
        await connection.send(
            b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
        )
        await connection.reader.read()

    upstream = await raw_upstream(events)
    running = await gateway(upstream.url, routes=SIGNED_IN)
    clients = {}
    for user in ("alice", "bob"):
        cookie = (await running.sign_in(user)).strip()
        clients[user] = client = await running.client()
        await client.send(request("/events", cookie))
        assert (await client.head()).status == 200
        await soon(client.reader.readuntil(b"data: 1\n\n\r\n"))
        if user == "alice":
            hers = cookie
    metrics = running.gateway.lasting.metrics
    assert len(running.gateway.front.tunnels) == 2

    assert (await running.ask(sign_out(hers))).status < 400

    assert await soon(clients["alice"].is_closed())
    # The client did not leave, so it is not recorded as 499.
    assert metrics.requests["all", "GET", 200] == 1
    assert len(running.gateway.front.tunnels) == 1
    clients["bob"].close()
    await until(lambda: metrics.requests["all", "GET", 499] == 1)
    assert not running.gateway.front.tunnels


async def test_a_connection_goes_on_after_its_stream(raw_upstream, gateway):
    end = asyncio.Event()

    async def app(connection):
        while head := await connection.read_head():
            if b"/events" not in head:
                await connection.send(OK)
                continue
            await connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n"
            )
            await end.wait()
            await connection.send(b"0\r\n\r\n")

    upstream = await raw_upstream(app)
    running = await gateway(upstream.url, routes=SIGNED_IN)
    cookie = (await running.sign_in()).strip()
    client = await running.client()
    await client.send(request("/events", cookie))
    assert (await client.head()).status == 200
    await until(lambda: len(running.gateway.front.tunnels) == 1)

    end.set()
    assert (await soon(client.reader.readuntil(b"0\r\n\r\n"))).endswith(b"0\r\n\r\n")
    await until(lambda: not running.gateway.front.tunnels)
    assert (await running.ask(sign_out(cookie))).status < 400

    assert (await client.ask(request("/", cookie))).status == 401


async def test_only_streams_of_events_end_early(raw_upstream, gateway):
    end = asyncio.Event()

    async def app(connection):
        await connection.read_head()
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
        )
        await end.wait()
        await connection.send(b"0\r\n\r\n")

    upstream = await raw_upstream(app)
    running = await gateway(upstream.url, routes=SIGNED_IN)
    cookie = (await running.sign_in()).strip()
    client = await running.client()
    await client.send(request("/", cookie))
    await soon(client.reader.readuntil(b"hi\r\n"))

    assert (await running.ask(sign_out(cookie))).status < 400
    end.set()

    assert await soon(client.reader.readuntil(b"0\r\n\r\n")) == b"0\r\n\r\n"
