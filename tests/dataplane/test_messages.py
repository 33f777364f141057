"""Messages of every shape HTTP/1.1 has pass whole, both ways."""

import asyncio

import pytest

from tests.dataplane.harness import HOST, Client, request, split_fields
from tests.patience import soon

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = request("/")
CHUNKED = "Transfer-Encoding: chunked"


async def read_request(connection):
    """The next request: its request line, fields, body and trailers; None at the end."""
    raw = await connection.read_head()
    if not raw:
        return None
    line, _, block = raw.partition(b"\r\n")
    fields = split_fields(block)
    body, trailers = b"", []
    named = dict(fields)
    if named.get(b"transfer-encoding") == b"chunked":
        while size := int(await connection.reader.readuntil(b"\r\n"), 16):
            body += await connection.read(size)
            assert await connection.read(2) == b"\r\n"
        while (last := await connection.reader.readuntil(b"\r\n")) != b"\r\n":
            trailers += split_fields(last)
    elif b"content-length" in named:
        body = await connection.read(int(named[b"content-length"]))
    return line, fields, body, trailers


@pytest.fixture
async def recording(raw_upstream, gateway):
    """A gateway, and the requests its upstream read; each is answered with `OK`."""
    seen = []

    async def handle(connection):
        while (got := await read_request(connection)) is not None:
            seen.append(got)
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    return await gateway(upstream.url), seen, upstream


@pytest.mark.parametrize("body", [b"", b"a", b"hello", bytes(range(256)) * 400])
async def test_a_counted_body_passes(recording, body):
    running, seen, _ = recording

    sent = request("/", f"Content-Length: {len(body)}", method="POST", body=body)
    assert (await running.ask(sent)).body == b"ok"

    line, fields, got, _ = seen[0]
    assert (line, got) == (b"POST / HTTP/1.1", body)
    assert [v for n, v in fields if n == b"content-length"] == [str(len(body)).encode()]


async def test_a_request_without_a_body_gets_no_length(recording):
    running, seen, _ = recording

    await running.ask(GET)
    await running.ask(request("/", method="POST"))

    for _, fields, _, _ in seen:
        assert not {b"content-length", b"transfer-encoding"} & dict(fields).keys()


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
async def test_a_chunked_body_passes_however_it_is_cut(recording, step):
    running, seen, _ = recording
    client = await running.client()
    sent = request(
        "/",
        CHUNKED,
        method="POST",
        body=b'5;a=b\r\nhello\r\n00C \t;x="\xff"\r\n, everybody!\r\n0;last\r\n\r\n',
    )

    for at in range(0, len(sent), step):
        await client.send(sent[at : at + step])
        await asyncio.sleep(0)

    assert (await client.response()).body == b"ok"
    assert seen[0][2] == b"hello, everybody!"
    assert dict(seen[0][1])[b"transfer-encoding"] == b"chunked"


async def test_trailers_pass_to_the_app_less_those_that_say_who_is_asking(recording):
    running, seen, _ = recording
    trailers = (
        b"X-Checksum: abc\r\nRemote-User: admin\r\nx_forwarded_for: 1.2.3.4\r\n"
        b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nCookie: a=b\r\n"
        b"Authorization: Basic eA==\r\nX-Named: 1\r\nGatepost-Assertion: x\r\n"
    )
    sent = request(
        "/", CHUNKED, "Trailer: X-Checksum", "Connection: x-named", method="POST",
        body=b"2\r\nhi\r\n0\r\n" + trailers + b"\r\n",
    )  # fmt: skip

    assert (await running.ask(sent + GET)).body == b"ok"

    assert seen[0][2:] == (b"hi", [(b"x-checksum", b"abc")])
    assert dict(seen[0][1])[b"trailer"] == b"X-Checksum"


async def test_trailers_pass_to_the_client_less_cookies_and_framing(raw_upstream, gateway):
    upstream = await raw_upstream(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        answer = await client.ask(GET)
        assert (answer.body, answer.trailers) == (b"hi", [(b"x-sum", b"1")])
    assert upstream.connections == 1


async def test_trailers_followed_by_much_else_are_still_short(recording):
    running, seen, _ = recording
    client = await running.client()
    big = b"a" * 40000
    first = request("/", CHUNKED, method="POST", body=b"2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n")
    await client.send(first + request("/b", "Content-Length: 40000", method="POST", body=big))

    assert (await client.response()).status == 200
    assert (await client.response()).status == 200
    assert seen[1][2] == big


async def test_100_continue_is_the_apps_to_send(raw_upstream, gateway):
    async def handle(connection):
        head = await connection.read_head()
        assert b"\r\nExpect: 100-continue\r\n" in head
        await connection.send(b"HTTP/1.1 100 Continue\r\nX-From: app\r\n\r\n")
        assert await connection.read(5) == b"hello"
        await connection.send(OK)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(request("/", "Expect: 100-Continue", "Content-Length: 5", method="POST"))

    going_on = await client.head()
    assert (going_on.status, going_on.all(b"x-from")) == (100, [b"app"])
    await client.send(b"hello")
    answer = await client.response()
    assert (answer.body, answer.interim) == (b"ok", [])


async def test_an_app_may_refuse_without_100(raw_upstream, gateway):
    async def handle(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        assert await connection.read_to_end() == b""

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)

    answer = await running.ask(
        request("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
    )
    assert (answer.status, answer.interim) == (417, [])
    assert answer.closes


async def test_nobody_hears_100_before_authorization(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(
        upstream.url, routes=[{"name": "all", "prefix": "/", "access": "signed_in"}]
    )

    answer = await running.ask(
        request("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
    )
    assert (answer.status, answer.interim, answer.closes) == (401, [], True)
    assert upstream.connections == 0


async def test_100_continue_nobody_waits_for_is_not_passed_on(raw_upstream, gateway):
    upstream = await raw_upstream(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    running = await gateway(upstream.url)

    assert (await running.ask(GET)).interim == []


async def test_early_hints_are_passed_on_as_they_come(raw_upstream, gateway):
    heard = asyncio.Event()

    async def handle(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX: 1\r\n\r\n")
        await heard.wait()
        await connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + OK)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(GET)

    first = await client.head()
    assert (first.status, first.all(b"link")) == (103, [b"</a.css>"])
    heard.set()
    answer = await client.response()
    assert answer.interim[0].all(b"link") == [b"</b.css>"]
    assert answer.body == b"ok"


async def test_an_http_1_0_client_hears_no_interim_answers(raw_upstream, gateway):
    upstream = await raw_upstream(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    running = await gateway(upstream.url)

    answer = await running.ask(GET.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert (answer.interim, answer.body) == ([], b"ok")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_head_has_the_framing_of_get_and_no_body(raw_upstream, gateway, head):
    upstream = await raw_upstream(head)
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        answer = await client.ask(request("/", method="HEAD"))
        assert answer.status == 200
        for name in (b"content-length", b"transfer-encoding"):
            assert answer.all(name) == [
                v for n, v in split_fields(head.partition(b"\r\n")[2]) if n == name
            ]


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", []),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 0\r\n\r\n", [b"0"]),
        (b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", []),
        (b"HTTP/1.1 205 Reset Content\r\nETag: x\r\nContent-Length: 0\r\n\r\n", [b"0"]),
        (b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 0\r\n\r\n", [b"0"]),
        (b"HTTP/1.1 200\r\nETag: x\r\nContent-Length: 0\r\n\r\n", [b"0"]),
        (b"HTTP/1.1 299 \r\nETag: x\r\nContent-Length: 0\r\n\r\n", [b"0"]),
    ],
)
async def test_answers_without_a_body_leave_both_connections_open(
    raw_upstream, gateway, head, length
):
    upstream = await raw_upstream(head)
    client = await (await gateway(upstream.url)).client()

    for _ in range(3):
        answer = await client.ask(GET)
        assert answer.line == head.split(b"\r\n")[0]
        assert answer.all(b"content-length") == length
        assert answer.all(b"etag") == [b"x"]
    assert upstream.connections == 1


async def test_pipelined_requests_are_answered_in_order(raw_upstream, gateway):
    async def handle(connection):
        while (got := await read_request(connection)) is not None:
            path = got[0].split(b" ")[1]
            await asyncio.sleep(0.03 if path == b"/slow" else 0)
            body = path + b"?" + got[2]
            await connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(
        request("/slow")
        + request("/_gatepost/whoami")
        + request("/post", "Content-Length: 3", method="POST", body=b"one")
        + b"\r\n"
        + request("/_gatepost/.well-known/jwks.json")
        + request("/chunked", CHUNKED, method="POST", body=b"3\r\ntwo\r\n0\r\n\r\n")
        + request(
            "/_gatepost/sign-out-that-is-none", "Content-Length: 3", method="POST", body=b"abc"
        )
        + b"GET /other HTTP/1.1\r\nHost: other.test\r\n\r\n"
        + request("/last", "Connection: close")
        + request("/never")
    )

    got = [await client.response() for _ in range(8)]
    assert [a.status for a in got] == [200, 401, 200, 200, 200, 404, 421, 200]
    assert [got[i].body for i in (0, 2, 4, 7)] == [
        b"/slow?",
        b"/post?one",
        b"/chunked?two",
        b"/last?",
    ]
    assert got[7].closes
    assert await client.is_closed()


async def test_a_thousand_pipelined_requests_are_all_answered(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    client = await (await gateway(upstream.url)).client()
    client.writer.write(GET * 1000)

    for _ in range(1000):
        assert (await client.response()).body == b"ok"
    assert len(upstream.heads) == 1000
    assert upstream.connections == 1


async def test_connections_are_kept_on_both_sides(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    for _ in range(3):
        client = await running.client()
        for _ in range(3):
            assert not (await client.ask(GET)).closes
    assert upstream.connections == 1


async def test_close_is_heard_from_the_client_alone(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    for spelling in ("Connection: close", "connection: Keep-Alive, CLOSE"):
        client = await running.client()
        assert (await client.ask(request("/", spelling))).closes
        assert await client.is_closed()
    assert upstream.connections == 1
    assert b"onnection" not in upstream.heads[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: X, cLose\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
    ],
)
async def test_an_upstream_may_close_after_each_answer(raw_upstream, gateway, answer):
    async def handle(connection):
        await connection.read_head()
        await connection.send(answer)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()

    for n in range(3):
        got = await client.ask(GET)
        assert (got.body, got.closes) == (b"ok", False)
        assert upstream.connections == n + 1


ANSWERS = {
    "counted": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "until the close": b"HTTP/1.1 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("keep", [True, False])
async def test_an_http_1_0_client_always_sees_where_the_body_ends(
    raw_upstream, gateway, name, keep
):
    async def handle(connection):
        while await connection.read_head():
            await connection.send(ANSWERS[name])
            if name == "until the close":
                return

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    fields = b"Connection: keep-alive\r\n" if keep else b""
    ask = b"GET / HTTP/1.0\r\nHost: " + HOST + b"\r\n" + fields + b"\r\n"

    answer = await client.ask(ask)
    assert answer.body == b"hello"
    assert answer.all(b"transfer-encoding") == []
    if keep and name == "counted":
        assert answer.all(b"connection") == [b"keep-alive"]
        assert (await client.ask(ask)).body == b"hello"
    else:
        assert answer.closes
        assert await client.is_closed()


async def test_an_http_1_0_request_can_have_a_counted_body(recording):
    running, seen, _ = recording

    sent = b"POST / HTTP/1.0\r\nHost: " + HOST + b"\r\nContent-Length: 5\r\n\r\nhello"
    assert (await running.ask(sent)).body == b"ok"
    assert seen[0][0] == b"POST / HTTP/1.1"
    assert seen[0][2] == b"hello"


async def test_server_sent_events_arrive_as_they_are_sent(raw_upstream, gateway):
    heard = asyncio.Queue()

    async def handle(connection):
        await connection.read_head()
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for n in range(5):
            event = b"data: %d\n\n" % n
            await connection.send(b"%x\r\n%b\r\n" % (len(event), event))
            await heard.get()
        await connection.send(b"0\r\n\r\n")

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    await client.send(GET)
    await client.head()

    for n in range(5):
        event = b"9\r\ndata: %d\n\n\r\n" % n
        assert await soon(client.reader.readexactly(len(event))) == event
        heard.put_nowait(None)
    assert await soon(client.reader.readexactly(5)) == b"0\r\n\r\n"


async def test_both_sides_may_speak_at_once(raw_upstream, gateway):
    async def echo(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await connection.reader.readuntil(b"\r\n"), 16):
            piece = await connection.read(size + 2)
            await connection.send(b"%x\r\n" % size + piece)
        await connection.read(2)
        await connection.send(b"0\r\n\r\n")
        await connection.read_to_end()

    upstream = await raw_upstream(echo)
    client = await (await gateway(upstream.url)).client()
    await client.send(request("/", CHUNKED, method="POST"))
    answer = await client.head()
    assert answer.status == 200
    for piece in (b"1\r\na\r\n", b"3\r\nbcd\r\n"):
        await client.send(piece)
        assert await soon(client.reader.readexactly(len(piece))) == piece
    await client.send(b"0\r\n\r\n")
    assert await soon(client.reader.readexactly(5)) == b"0\r\n\r\n"


async def test_an_empty_line_before_a_request_is_passed_over(recording):
    running, _, _ = recording
    client = await running.client()

    for _ in range(2):
        assert (await client.ask(b"\r\n" + GET)).body == b"ok"


async def test_a_body_of_a_form_of_our_own_may_be_waited_for(gateway):
    running = await gateway()
    client: Client = await running.client()
    await client.send(
        request(
            "/_gatepost/backchannel-logout/idp",
            "Expect: 100-continue",
            "Content-Type: application/x-www-form-urlencoded",
            "Content-Length: 5",
            method="POST",
        )
    )

    assert (await client.head()).status == 100
    await client.send(b"a=b&c")
    assert (await client.response()).status in (400, 404, 405, 501)


async def test_own_endpoints_take_small_bodies_only(gateway):
    running = await gateway()
    answer = await running.ask(
        request("/_gatepost/logout", "Content-Length: 65537", method="POST", body=b"a" * 65537)
    )
    assert answer.status == 413
