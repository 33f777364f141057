"""What strangers send is forgotten: none of it makes the gateway grow."""

import asyncio
import gc
import logging
import tracemalloc

import pytest

from gateway.record import audit, audit_writer
from tests.dataplane.harness import Client, request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LONG = "a" * 24_000
REQUESTS = 400
# A tenth of what was sent: room for what is remembered on purpose, in fixed numbers.
MOST_BYTES = REQUESTS * len(LONG) // 10
SENT = {
    "names of fields": lambda n: request("/", f"x{n}-{LONG}: 1"),
    "hosts": lambda n: request("/").replace(b"app.test", f"h{n}.{LONG}".encode()),
    "paths": lambda n: request(f"/{n}/{LONG[:8000]}"),
    "jars": lambda n: request(
        "/_gatepost/logout",
        "Sec-Fetch-Site: same-origin",
        f"Cookie: gatepost-jar={n}{LONG}",
        "Content-Length: 0",
        method="POST",
    ),
    "sessions": lambda n: request(
        "/_gatepost/logout",
        "Sec-Fetch-Site: same-origin",
        "Cookie: " + "; ".join(f"gatepost={'A' * 7}{n * 90 + i:06}{'A' * 51}" for i in range(90)),
        "Content-Length: 0",
        method="POST",
    ),
}


def bytes_in_use() -> int:
    gc.collect()
    # The audit's lines are written twice a second.
    kept = [tracemalloc.Filter(False, it.__file__) for it in (audit, audit_writer)]
    found = tracemalloc.take_snapshot().filter_traces(kept).statistics("filename")
    return sum(of_file.size for of_file in found)


@pytest.fixture
def traced():
    # What is logged, pytest keeps.
    logging.disable(logging.INFO)
    tracemalloc.start()
    yield
    tracemalloc.stop()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("what", SENT)
async def test_what_never_comes_again_is_not_kept(raw_upstream, gateway, traced, what):
    upstream = await raw_upstream(OK)
    client = await (await gateway(upstream.url)).client()
    for n in range(20):
        await client.ask(SENT[what](n))
    upstream.heads.clear()
    before = bytes_in_use()

    for n in range(20, 20 + REQUESTS):
        await client.ask(SENT[what](n))

    upstream.heads.clear()
    assert bytes_in_use() - before < MOST_BYTES


async def test_the_same_request_from_many_addresses_is_not_kept_for_each(
    raw_upstream, gateway, traced
):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    sent = request("/", "X-Pad: " + "p" * 3500)

    async def ask_from(address: str) -> None:
        local = (address, 0)
        client = Client(*await asyncio.open_connection("127.0.0.1", running.port, local_addr=local))
        assert (await client.ask(sent)).status == 200
        assert f"X-Forwarded-For: {address}\r\n".encode() in upstream.heads[-1]
        client.abort()

    for n in range(1, 20):
        await ask_from(f"127.0.1.{n}")
    before = bytes_in_use()

    for n in range(REQUESTS):
        await ask_from(f"127.1.{n // 200}.{n % 200 + 1}")
        upstream.heads.clear()

    assert bytes_in_use() - before < REQUESTS * 3500 // 2
