"""Either side may die, hang or dawdle at any point: the other hears of it, memory stays flat."""

import asyncio
import ssl

import pytest

from gateway.forward.address import Address
from tests.dataplane.harness import BrokenBodyError, request
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, soon, until, until_still

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = request("/")


def post(size: int, body: bytes = b"", method: str = "POST") -> bytes:
    return request("/", f"Content-Length: {size}", method=method, body=body)


def hears_the_end(answer: bytes = b""):
    """A handler that reads a head, sends something, and notes when the gateway leaves."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def handle(connection):
        try:
            await connection.read_head()
            await connection.send(answer)
            asked.set()
            await connection.read_to_end()
        finally:
            left.set()

    return handle, asked, left


async def test_an_upstream_that_refuses_is_502_and_warned_about_once(gateway, caplog):
    url = f"http://127.0.0.1:{take_free_port()}"
    running = await gateway(url)
    client = await running.client()

    for _ in range(2):
        answer = await client.ask(GET)
        assert answer.status == 502
        assert b"upstream-refused" in answer.body
    (warning,) = [it for it in caplog.records if it.name == "gateway.forward.upstream"]
    assert warning.levelname == "WARNING"
    assert warning.getMessage().startswith(f"upstream app at {url}: [Errno 111]")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("app.test", 80), "http://app.test:80"),
        (Address("::1", 443, tls=ssl.create_default_context()), "https://[::1]:443"),
        (Address(path="/run/app.sock"), "unix:/run/app.sock"),
    ],
)
def test_an_address_is_told_as_it_is_configured(address, text):
    assert str(address) == text


async def test_an_upstream_that_does_not_answer_is_504(raw_upstream, gateway):
    handle, _, left = hears_the_end()
    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, {"timeouts": {"response": "500ms"}})
    client = await running.client()

    async with asyncio.timeout(PATIENCE_S):
        answer = await client.ask(GET)
        await left.wait()
    assert answer.status == 504
    assert b"upstream-timeout" in answer.body
    assert upstream.connections == 1


async def test_an_upstream_that_stops_amid_its_body_breaks_it_off(raw_upstream, gateway):
    handle, _, left = hears_the_end(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, {"timeouts": {"response": "500ms", "idle": "1s"}})

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BrokenBodyError):
            await running.ask(GET)
        await left.wait()


async def test_a_slow_upload_is_no_slow_answer(raw_upstream, gateway):
    async def handle(connection):
        await connection.read_head()
        await connection.read(5)
        await connection.send(OK)

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, {"timeouts": {"response": "1s"}})
    client = await running.client()

    await client.send(post(5))
    for _ in range(5):
        await asyncio.sleep(0.3)
        await client.send(b"a")
    assert (await client.response()).body == b"ok"


async def test_an_app_that_boots_is_waited_for_and_its_time_to_answer_begins_then(
    raw_upstream, gateway
):
    port = take_free_port()
    running = await gateway(
        f"http://127.0.0.1:{port}", {"wake_timeout": "60s", "timeouts": {"response": "1s"}}
    )
    client = await running.client()
    await client.send(post(5, b"hello"))
    await asyncio.sleep(1.2)

    async def boot(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(5)
        writer.write(OK)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(boot, "127.0.0.1", port)
    assert (await client.response()).body == b"ok"
    server.close()


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_an_upstream_may_close_between_requests(raw_upstream, gateway, how):
    async def handle(connection):
        await connection.read_head()
        await connection.send(OK)
        await answered.acquire()
        if how == "abort":
            connection.abort()

    answered = asyncio.Semaphore(0)
    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)
    client = await running.client()

    for n in range(3):
        assert (await client.ask(post(2, b"hi"))).body == b"ok"
        answered.release()
        await until(lambda: not any(running.gateway.front.upstream_connections().values()))
        assert upstream.connections == n + 1


@pytest.mark.parametrize(
    ("sent", "again"),
    [
        (GET, True),
        (request("/", method="HEAD"), True),
        (request("/", method="OPTIONS"), True),
        (request("/", method="DELETE"), True),
        (request("/", method="PUT"), True),
        (request("/", method="POST"), False),
        (request("/", method="PATCH"), False),
        (request("/", method="PURGE"), False),
        # Once part of a body is used up, it cannot be sent a second time.
        (post(2, b"hi", "PUT"), False),
        (post(2, b"hi"), False),
        # None of the body had come: the app cannot have had the whole request.
        (post(2), True),
    ],
)
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_request_is_sent_again_only_where_that_is_safe(
    raw_upstream, gateway, sent, again, how
):
    heads = []

    async def handle(connection):
        heads.append(await connection.read_head())
        await connection.send(OK)
        head = await connection.read_head()
        if head:
            heads.append(head)
        if len(heads) == 2 and how == "abort":
            connection.abort()
        elif len(heads) > 2:
            await connection.send(OK)

    async def serve(connection):
        # The first connection dies with its second request; later ones live.
        if heads:
            while head := await connection.read_head():
                heads.append(head)
                await connection.send(OK)
                await connection.reader.read(2)
        else:
            await handle(connection)

    upstream = await raw_upstream(serve)
    client = await (await gateway(upstream.url)).client()
    assert (await client.ask(GET)).status == 200

    method = sent.partition(b" ")[0].decode()
    await client.send(sent)
    if sent == post(2):
        await until(lambda: len(heads) > 1)
        await client.send(b"hi")
    answer = await client.response(method)
    assert answer.status == (200 if again else 502)
    assert len(heads) == (3 if again else 2)
    assert upstream.connections == (2 if again else 1)


async def test_a_request_is_sent_again_once_only(raw_upstream, gateway):
    first = True

    async def handle(connection):
        nonlocal first
        await connection.read_head()
        if first:
            first = False
            await connection.send(OK)
            await connection.read_head()

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    assert (await client.ask(GET)).status == 200
    assert (await client.ask(GET)).status == 502
    assert upstream.connections == 2


async def test_nothing_is_sent_again_once_an_answer_has_begun(raw_upstream, gateway):
    async def handle(connection):
        await connection.read_head()
        await connection.send(OK)
        if await connection.read_head():
            await connection.send(b"HTTP/1.1 2")

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    assert (await client.ask(GET)).status == 200
    assert (await client.ask(GET)).status == 502
    assert upstream.connections == 1


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize(
    "sent", [GET, request("/", "Expect: 100-continue", "Content-Length: 2", method="POST")]
)
async def test_nothing_is_sent_again_after_an_interim_answer(raw_upstream, gateway, sent, status):
    async def handle(connection):
        await connection.read_head()
        await connection.send(OK)
        if await connection.read_head():
            await connection.send(b"HTTP/1.1 %d Interim\r\n\r\n" % status)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    assert (await client.ask(GET)).status == 200
    assert (await client.ask(sent)).status == 502
    assert upstream.connections == 1


LEAVING = {
    "while it waits": (GET, b""),
    "amid its upload": (post(1000, b"half"), b""),
    "amid a chunk": (
        request("/", "Transfer-Encoding: chunked", method="POST", body=b"9\r\na"),
        b"",
    ),
    "amid a download": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
    "amid chunks": (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    "amid events": (GET, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"),
    "after early hints": (GET, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "with more pipelined": (GET * 3, b""),
}


@pytest.mark.parametrize("how", ["close", "abort", "half-close"])
async def test_the_upstream_stops_when_the_client_leaves(raw_upstream, gateway, how):
    async def leave(name: str) -> str:
        sent, answer = LEAVING[name]
        handle, asked, left = hears_the_end(answer)
        upstream = await raw_upstream(handle)
        client = await (await gateway(upstream.url)).client()
        await client.send(sent)
        await soon(asked.wait())
        if how == "close":
            client.close()
        elif how == "abort":
            client.abort()
        else:
            client.writer.write_eof()
        try:
            await soon(left.wait())
        except TimeoutError:
            return name
        return ""

    assert set(await asyncio.gather(*[leave(name) for name in LEAVING])) == {""}


async def test_a_client_that_has_said_all_still_gets_its_answer(raw_upstream, gateway):
    async def handle(connection):
        await connection.read_head()
        await asyncio.sleep(0.3)
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):  # Longer than a quiet one would be waited for.
            await connection.send(b"a")
            await asyncio.sleep(0.2)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(GET)
    client.writer.write_eof()

    assert (await client.response()).body == b"a" * 10
    assert await client.is_closed()


async def test_requests_pipelined_before_a_half_close_are_all_answered(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    client = await (await gateway(upstream.url)).client()
    await client.send(GET * 5)
    client.writer.write_eof()

    for _ in range(5):
        assert (await client.response()).body == b"ok"
    assert await client.is_closed()


async def test_an_early_answer_ends_the_upload_and_reaches_the_client(raw_upstream, gateway):
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"

    async def handle(connection):
        await connection.read_head()
        await connection.send(refusal)
        await connection.read_to_end()

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(post(10**9))

    async def upload():
        while True:
            await client.send(b"x" * 65536)

    uploading = asyncio.gather(upload(), return_exceptions=True)
    answer = await client.response()
    assert (answer.status, answer.body, answer.closes) == (413, b"big", True)
    uploading.cancel()


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(1000, b"a" * 1000), 200),
        (post(1001, b"a" * 1001), 413),
        (post(10**15), 413),
        (
            request("/", CHUNKED, method="POST", body=b"3e8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n"),
            200,
        ),
        (
            request("/", CHUNKED, method="POST", body=b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n"),
            413,
        ),
        (request("/", CHUNKED, method="POST", body=b"1\r\na\r\n" * 1001 + b"0\r\n\r\n"), 413),
        (request("/", CHUNKED, method="POST", body=b"1\r\na\r\n" * 2000), 413),
    ],
)
async def test_a_body_over_the_limit_is_413_however_it_is_framed(
    raw_upstream, gateway, sent, status
):
    ends = []

    async def handle(connection):
        head = await connection.read_head()
        if b"chunked" in head:
            try:
                await connection.reader.readuntil(b"0\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                ends.append(error.partial)
                return
        else:
            await connection.read(1000)
        await connection.send(OK)

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, server={"limits": {"body_bytes": 1000}})
    client = await running.client()

    answer = await client.ask(sent)
    assert answer.status == status
    if status == 413:
        assert b"body-too-large" in answer.body


async def test_a_body_over_the_limit_hides_no_request(raw_upstream, gateway):
    """What follows a body that was not read to its end is not taken for a request."""
    upstream = await raw_upstream(b"")
    running = await gateway(upstream.url, server={"limits": {"body_bytes": 10}})
    client = await running.client()
    body = b"14\r\n" + b"a" * 20 + b"\r\n0\r\n\r\n"

    answer = await client.ask(request("/", CHUNKED, method="POST", body=body + b"GET /smuggled HT"))
    assert (answer.status, answer.closes) == (413, True)
    assert await client.is_closed()


async def test_a_client_that_does_not_read_is_not_answered_without_end(raw_upstream, gateway):
    """Neither one big answer nor many small ones gather in memory."""
    big = b"x" * 100_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + big
    upstream = await raw_upstream(answer)
    running = await gateway(upstream.url)
    client = await running.client(limit=65536)

    client.writer.write(GET * 2000)
    await until_still(lambda: len(upstream.heads))
    assert len(upstream.heads) < 300  # Of 2000: what sockets and a few buffers hold.
    # Once it reads, all of it comes, in order.
    for _ in range(400):
        assert (await client.response()).body == big


async def test_an_upload_pauses_while_the_upstream_does_not_read(raw_upstream, gateway):
    go_on = asyncio.Event()
    size = 48 * 2**20

    async def handle(connection):
        await connection.read_head()
        await go_on.wait()
        left = size
        while left:
            left -= len(await connection.reader.read(2**20))
        await connection.send(OK)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    written = 0

    async def upload():
        nonlocal written
        client.writer.write(post(size))
        piece = b"x" * 65536
        while written < size:
            client.writer.write(piece)
            await client.writer.drain()
            written += len(piece)

    uploading = asyncio.get_running_loop().create_task(upload())
    await until_still(lambda: written)
    assert written < size / 2
    go_on.set()
    assert (await client.response()).body == b"ok"
    await uploading


async def test_a_kept_upstream_connection_still_listens_after_a_slow_reader(raw_upstream, gateway):
    """A pause that was for one client is not left to the next one."""
    body = b"x" * 600_000

    async def handle(connection):
        while await connection.read_head():
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + body)

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, {"timeouts": {"response": "1s"}})
    for _ in range(4):
        client = await running.client(limit=1024)
        await client.send(GET)
        await asyncio.sleep(0.2)
        assert (await client.response()).body == body


async def test_a_slow_reader_gets_all_of_a_body_that_ends_with_the_connection(
    raw_upstream, gateway
):
    body = b"x" * 3_000_000

    async def handle(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client(limit=65536)
    await client.send(GET.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    await client.head()
    got = 0
    for _ in range(4):
        await asyncio.sleep(0.3)
        got += len(await client.reader.read(65536))
    got += len(await client.rest())
    assert got == len(body)
