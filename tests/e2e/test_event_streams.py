"""Server-Sent Events end with the credential that they came with, as tunnels do."""

import asyncio

import pytest

from tests.e2e.raw import behind, connect, get
from tests.e2e.test_api_keys import SIGNED_IN, command, made
from tests.e2e.test_reload import hang_up
from tests.fixtures.network import counted_length
from tests.patience import soon

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"data: 1\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


class App:
    """Begins an answer of the type that the path names, and goes on when it is told to."""

    def __init__(self):
        self.go_on, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self, connection):
        head = await connection.read_head()
        await connection.read(counted_length(head))
        kind = b"text/plain" if b"/plain" in head else b"Text/Event-Stream;charset=utf-8"
        await connection.send(HEAD % kind + CHUNK)
        if b"/plain" in head:
            await self.go_on.wait()
            await connection.send(CHUNK + b"0\r\n\r\n")
        elif await connection.reader.read(1) == b"":
            self.left.set()


async def listen(gateway, path, *lines):
    """A client that has got the first event."""
    client = await connect(gateway)
    await client.send(get(gateway, path, *lines))
    assert (await client.head()).status == 200
    assert await soon(client.reader.readuntil(EVENT + b"\r\n")) == CHUNK
    return client


async def cut_off(client):
    """Whether nothing follows: not even the end of the chunks, which would end the events well."""
    rest = await client.rest()
    client.writer.close()
    return rest == b""


async def goes_on(app, client):
    app.go_on.set()
    assert await soon(client.reader.readuntil(b"0\r\n\r\n")) == CHUNK + b"0\r\n\r\n"
    client.writer.close()


@pytest.fixture
def app():
    return App()


async def test_they_end_on_every_gateway_with_the_key(gateway_process, raw_upstream, tmp_path, app):
    shared = {"api_keys": {}, "data_dir": str(tmp_path / "shared")}
    settings = behind(await raw_upstream(app), SIGNED_IN, **shared)
    here, there = gateway_process(settings), gateway_process(settings)
    keys = [made(here, "--user", "a") for _ in range(2)]
    stream, kept = [await listen(there, "/events", f"X-API-Key: {key}") for key in keys]
    download = await listen(there, "/plain", f"X-API-Key: {keys[0]}")

    assert command(here, "revoke", keys[0].split("_")[1]).returncode == 0

    assert await cut_off(stream)
    await soon(app.left.wait())
    await goes_on(app, download)
    assert not kept.reader.at_eof()
    kept.writer.close()


async def test_they_end_with_the_tokens_session(start_phone, app):
    phone, _ = await start_phone(app=app)
    tokens = await phone.sign_in("alice")
    bearer = f"Authorization: Bearer {tokens['access_token']}"
    stream = await listen(phone.gateway, "/rest/events", bearer)

    await phone.post("revoke", token=tokens["refresh_token"])

    assert await cut_off(stream)
    await soon(app.left.wait())


async def test_a_reload_decides_again(gateway_process, raw_upstream, app):
    routes = [{"name": name, "prefix": f"/{name}", "access": "public"} for name in ("a", "b")]
    gateway = gateway_process(behind(await raw_upstream(app), *routes))
    refused, allowed = [await listen(gateway, f"/{name}/events") for name in ("a", "b")]
    download = await listen(gateway, "/a/plain")

    await hang_up(gateway, routes=[{**routes[0], "access": "denied"}, routes[1]])

    assert await cut_off(refused)
    await goes_on(app, download)
    assert not allowed.reader.at_eof()
    allowed.writer.close()


async def test_a_reload_keeps_the_answer_to_a_message_that_is_still_allowed(
    gateway_process, raw_upstream, tmp_path, app
):
    """A rule about messages judges the one that the client sent, and not an unread one."""
    route = {"name": "mcp", "prefix": "/mcp", "access": {"allow": [{"mcp_tool": "read"}]}}
    settings = behind(await raw_upstream(app), route, api_keys={}, data_dir=str(tmp_path / "data"))
    gateway = gateway_process(settings)
    message = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}'
    client = await connect(gateway)
    lines = [f"X-API-Key: {made(gateway, '--user', 'a')}", "Content-Type: application/json"]
    head = get(gateway, "/mcp", *lines, f"Content-Length: {len(message)}")
    await client.send(head.replace(b"GET", b"POST", 1) + message)
    assert (await client.head()).status == 200
    assert await soon(client.reader.readuntil(EVENT + b"\r\n")) == CHUNK

    await hang_up(gateway, accounts={"user_header": "user"})
    assert not client.reader.at_eof()
    await hang_up(gateway, routes=[{**route, "access": {"allow": [{"mcp_tool": "write"}]}}])

    assert await cut_off(client)
