"""/readyz names what is missing, and stays ready where only a provider or an app is."""

import asyncio

import pytest

from gateway.record.report import Reloads
from tests.dataplane.harness import Client, request
from tests.fixtures.network import take_free_port
from tests.patience import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def ready(running):
    port = running.gateway.admin_port
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    answer = await client.ask(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.writer.close()
    return answer.status, answer.body.decode().splitlines()


@pytest.mark.parametrize("wake_timeout", ["0s", "300ms"])
async def test_an_app_that_cannot_be_reached_is_named_until_it_can(gateway, wake_timeout):
    port = take_free_port()
    running = await gateway(f"http://127.0.0.1:{port}", {"wake_timeout": wake_timeout})
    assert await ready(running) == (200, ["ready"])
    assert (await running.ask(request("/"))).status == 502

    status, (first, missing) = await ready(running)

    assert (status, first) == (200, "ready")
    assert missing.startswith("upstream app: [Errno 111]")

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    assert (await running.ask(request("/"))).status == 200
    assert await ready(running) == (200, ["ready"])
    server.close()


async def test_a_provider_that_cannot_be_reached_is_named(gateway):
    issuer = f"http://127.0.0.1:{take_free_port()}"
    provider = {"issuer": issuer, "client_id": "c", "client_secret": "s"}
    running = await gateway(providers={"idp": provider})
    answer = await running.ask(request("/_gatepost/login/idp", "Sec-Fetch-Mode: navigate"))
    assert answer.status == 503

    status, (first, missing) = await ready(running)

    assert (status, first) == (200, "ready")
    there = issuer.removeprefix("http://")
    assert missing == f'provider "idp": cannot connect to {there}: connection refused'


async def test_a_store_that_fails_and_a_failed_reload_are_named(gateway):
    running = await gateway()
    running.gateway.reloads = Reloads(succeeded=False)
    status, (first, missing) = await ready(running)
    assert (status, first) == (200, "ready")
    assert missing.startswith("configuration: the last reload failed")

    await running.gateway.lasting.store.aclose()

    async def is_named():
        status, lines = await ready(running)
        return status == 503 and lines[0] == "store-unavailable" and lines[1].startswith("store: ")

    await until(is_named)
