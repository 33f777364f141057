"""A kept connection is in step with the app, or no other request is sent on it."""

import asyncio

import pytest

from tests.dataplane.harness import request
from tests.patience import soon

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: app.test\r\nRemote-User: admin\r\n\r\n"
ASKS = ("Connection: Upgrade", "Upgrade: foo")


@pytest.mark.parametrize("protocol", ["foo", "websocket", "TLS/1.0", "h2c"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_request_with_a_body_asks_for_no_upgrade(raw_upstream, gateway, protocol, framing):
    heads, bodies = [], []
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    body, field = (
        (SMUGGLED, f"Content-Length: {len(SMUGGLED)}")
        if framing == "length"
        else (coded, "Transfer-Encoding: chunked")
    )

    async def handle(connection):
        while head := await connection.read_head():
            heads.append(head)
            bodies.append(await connection.read(len(body)))
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()

    asked = ("Connection: Upgrade", f"Upgrade: {protocol}", field)
    assert (await client.ask(request("/", *asked, method="POST", body=body))).status == 200
    assert bodies == [body]
    assert b"upgrade" not in heads[0].lower()


async def test_a_request_without_a_body_still_asks_for_its_upgrade(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    client = await (await gateway(upstream.url)).client()

    await client.ask(request("/", *ASKS, "Content-Length: 0", method="POST"))
    assert b"Upgrade: foo\r\n" in upstream.heads[0]


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad Request", b"426 Upgrade Required"])
async def test_a_connection_on_which_an_upgrade_was_declined_is_not_used_again(
    raw_upstream, gateway, status
):
    upstream = await raw_upstream(OK.replace(b"200 OK", status))
    client = await (await gateway(upstream.url)).client()

    for _ in range(3):
        await client.ask(request("/ws", *ASKS))
    assert upstream.connections == 3


async def test_what_follows_an_upgrade_waits_for_its_answer(raw_upstream, gateway):
    """Declined, it is the next request, and judged as that."""
    rest = asyncio.get_running_loop().create_future()

    async def handle(connection):
        await connection.read_head()
        await connection.send(OK)
        # The connection is not used again: this is all else that was ever sent on it.
        rest.set_result(await connection.read_to_end())

    routes = [
        {"name": "admin", "prefix": "/admin", "access": "denied"},
        {"name": "all", "prefix": "/", "access": "public"},
    ]
    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url, routes=routes)).client()

    await client.send(request("/ws", *ASKS) + SMUGGLED)
    assert (await client.response()).status == 200
    assert (await client.response()).status == 403
    assert await soon(rest) == b""


async def test_an_app_that_answers_before_the_body_is_not_asked_again_on_that_connection(
    raw_upstream, gateway
):
    """It may read what is left of the body as the next request."""
    answered = asyncio.Event()

    async def hasty(connection):
        await connection.read_head()
        await connection.send(REFUSED)
        answered.set()
        await connection.read_to_end()

    upstream = await raw_upstream(hasty)
    running = await gateway(upstream.url)
    for number in range(3):
        client, answered = await running.client(), asyncio.Event()
        await client.send(
            request("/", f"Content-Length: {len(SMUGGLED)}", method="POST", body=SMUGGLED[:1])
        )
        await answered.wait()
        assert (await client.response()).status == 401
        assert upstream.connections == number + 1


async def test_an_app_that_answers_instead_of_100_is_not_asked_again_on_that_connection(
    raw_upstream, gateway
):
    """RFC 9110, section 10.1.1: it may wait for the body, or take it that none will come."""
    heads = []

    async def handle(connection):
        while head := await connection.read_head():
            heads.append(head)
            await connection.send(REFUSED)

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)

    asked = ("Expect: 100-continue", f"Content-Length: {len(SMUGGLED)}")
    answer = await running.ask(request("/", *asked, method="POST", body=SMUGGLED))
    assert answer.status == 401
    assert (await running.ask(request("/own"))).status == 401
    assert upstream.connections == 2
    assert heads[-1].startswith(b"GET /own ")


async def test_an_app_that_says_100_first_is_asked_again_on_that_connection(raw_upstream, gateway):
    async def handle(connection):
        while head := await connection.read_head():
            if b"Expect" in head:
                await connection.send(CONTINUE)
                await connection.read(4)
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()

    sent = request("/", "Expect: 100-continue", "Content-Length: 4", method="POST")
    for _ in range(2):
        await client.send(sent)
        assert (await client.head()).status == 100
        await client.send(b"body")
        assert (await client.response()).body == b"ok"
    assert upstream.connections == 1


POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
BODILESS = {
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    "HEAD without a length": ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
    "HEAD in chunks": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "204 with a length": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n"),
    "204 in chunks": ("GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "304 with a length": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"),
    "304 in chunks": ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
}


@pytest.mark.parametrize("name", BODILESS)
async def test_a_body_that_must_not_be_there_never_answers_the_next_request(
    raw_upstream, gateway, name
):
    """It comes late, when the next request would have been sent on the same connection."""
    method, head = BODILESS[name]

    async def handle(connection):
        while asked := await connection.read_head():
            if not asked.startswith(method.encode() + b" /first"):
                await connection.send(OK)
                continue
            await connection.send(head)
            if await connection.read_head():
                await connection.send(POISON)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()

    # At once, so that nothing tells the gateway of the late bytes in between.
    await client.send(request("/first", method=method) + request("/second"))
    await client.response(method)
    assert (await client.response()).body == b"ok"


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"],
)
async def test_an_answer_that_announces_no_body_keeps_the_connection(raw_upstream, gateway, answer):
    upstream = await raw_upstream(answer)
    client = await (await gateway(upstream.url)).client()

    for _ in range(3):
        await client.ask(request("/"))
    assert upstream.connections == 1


@pytest.mark.parametrize("line", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_interim_answers_without_end_are_502(raw_upstream, gateway, line):
    async def handle(connection):
        await connection.read_head()
        await connection.send((b"HTTP/1.1 " + line + b"\r\n\r\n") * 1000)
        await connection.read_to_end()

    upstream = await raw_upstream(handle)
    answer = await (await gateway(upstream.url)).ask(request("/"))

    assert answer.status == 502
    assert len(answer.interim) <= 100


async def test_a_304_that_announces_the_length_of_its_page_is_passed_on(raw_upstream, gateway):
    upstream = await raw_upstream(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n")
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        assert (await client.ask(request("/"))).all(b"content-length") == [b"1000"]
