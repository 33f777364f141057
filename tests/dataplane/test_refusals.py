"""What is not plainly one request is refused, its connection closed; no upstream hears of it."""

import asyncio
import logging
from contextlib import suppress

import pytest

from tests.dataplane.harness import HOST, request
from tests.patience import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
H = b"Host: " + HOST + b"\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def post(*lines: bytes, body: bytes = b"hello") -> bytes:
    return b"POST / HTTP/1.1\r\n" + H + b"".join(n + b"\r\n" for n in lines) + b"\r\n" + body


TE_SPELLINGS = [
    b"xchunked",
    b"chunked, chunked",
    b"chunked,",
    b", chunked",
    b"gzip, chunked",
    b"chunked, identity",
    b"identity",
    b"chunked;q=1",
    b'"chunked"',
    b"chunke\x64\x0b",
    b"chunked\x00",
    b"\x0bchunked",
    b"chunked\xa0",
    b"chun ked",
    b"chunked\r\n\tfolded",
    b"",
    b"chunked\x7f",
    b"CHUNKED\x85",
]
FRAMING = {
    "length and coding": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=CHUNKS),
    "coding and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=CHUNKS),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6"),
    "one length twice": post(b"Content-Length: 5", b"content-length: 5"),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "a signed length": post(b"Content-Length: +5"),
    "a negative length": post(b"Content-Length: -5"),
    "a hexadecimal length": post(b"Content-Length: 0x5"),
    "an empty length": post(b"Content-Length:"),
    "a length of many digits": post(b"Content-Length: 18446744073709551621"),
    "a length with a fraction": post(b"Content-Length: 5.0"),
    "a length in other digits": post("Content-Length: \u0665".encode()),
    "two lengths in one": post(b"Content-Length: 5 5"),
    "a length with an underscore": post(b"Content_Length: 5"),
    "a digit group": post(b"Content-Length: 1_0"),
    "both spellings of a length": post(b"Content-Length: 5", b"Content_Length: 9"),
    "a length with a full stop": post(b"Content.Length: 5"),
    "a coding with a plus sign": post(b"Transfer+Encoding: chunked", body=CHUNKS),
    "a coding with an underscore": post(b"Transfer_Encoding: chunked", body=CHUNKS),
    "an underscored coding beside a length": post(
        b"Content-Length: 5", b"TRANSFER_ENCODING: chunked"
    ),
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS),
    "a coding and another": post(
        b"Transfer-Encoding: chunked", b"Transfer-encoding: cow", body=CHUNKS
    ),
    "a coding in HTTP/1.0": b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n",
    **{f"coding {n!r}": post(b"Transfer-Encoding: " + n, body=CHUNKS) for n in TE_SPELLINGS},
    "space before the colon of a length": post(b"Content-Length : 5"),
    "space before the colon of a coding": post(b"Transfer-Encoding : chunked", body=CHUNKS),
    "tab before the colon": post(b"Transfer-Encoding\t: chunked", body=CHUNKS),
    "an indented first field": b"GET / HTTP/1.1\r\n " + H + b"\r\n",
    "a control in a name": post(b"Transfer-\x0bEncoding: chunked", body=CHUNKS),
    "a name that is none": post(b"(Transfer-Encoding): chunked", body=CHUNKS),
    "an empty name": post(b": chunked", body=CHUNKS),
    "a line without a colon": post(b"Transfer-Encoding chunked", body=CHUNKS),
    "a name beyond ASCII": post("Transfer-Encoding\u00ad: chunked".encode(), body=CHUNKS),
}
LINES = {
    "bare line feeds": b"GET / HTTP/1.1\nHost: app.test\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\n" + H + b"X: 1\nY: 2\r\n\r\n",
    "a bare line feed after the request line": b"GET / HTTP/1.1\n" + H + b"\r\n",
    "a bare line feed at the end": b"GET / HTTP/1.1\r\n" + H + b"\n",
    "carriage returns alone": b"GET / HTTP/1.1\r" + H.replace(b"\r\n", b"\r") + b"\r\r\n\r\n",
    "a carriage return in a value": b"GET / HTTP/1.1\r\n" + H + b"X: a\rb\r\n\r\n",
    "a carriage return before the end": b"GET / HTTP/1.1\r\n" + H + b"X: a\r\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n",
    "a line folded with a tab": b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n\tb\r\n\r\n",
    **{
        f"control {n:#04x}": b"GET / HTTP/1.1\r\n" + H + b"X: a%cb\r\n\r\n" % n
        for n in [*range(9), 11, 12, *range(14, 32), 127]
    },
    "a NUL in a name": b"GET / HTTP/1.1\r\n" + H + b"X\x00: a\r\n\r\n",
}
REQUEST_LINES = [
    b"GET /\r\n",
    b"GET / HTTP/2.0\r\n",
    b"GET / HTTP/0.9\r\n",
    b"GET / HTTP/1.2\r\n",
    b"GET / HTTP/1.10\r\n",
    b"GET / HTTP/01.1\r\n",
    b"GET / HTTP/1.1 \r\n",
    b"GET / http/1.1\r\n",
    b"GET / HTTP/1,1\r\n",
    b"GET / HTP/1.1\r\n",
    b"get / HTTP/1.1\r\n",
    b"Post / HTTP/1.1\r\n",
    b"propfind / HTTP/1.1\r\n",
    b"GET  / HTTP/1.1\r\n",
    b"GET /  HTTP/1.1\r\n",
    b"GET\t/ HTTP/1.1\r\n",
    b" GET / HTTP/1.1\r\n",
    b"GET / a HTTP/1.1\r\n",
    b"GET /\x00 HTTP/1.1\r\n",
    b"GET /\x0b HTTP/1.1\r\n",
    b"GET /\x7f HTTP/1.1\r\n",
    b"GET /a#b HTTP/1.1\r\n",
    b"GET http:/app.test/ HTTP/1.1\r\n",
    b"GET app.test/ HTTP/1.1\r\n",
    b"GET ftp://app.test/ HTTP/1.1\r\n",
    b"GET * HTTP/1.1\r\n",
    b"G(T / HTTP/1.1\r\n",
    b"G\xc3\x84T / HTTP/1.1\r\n",
    b"/ HTTP/1.1\r\n",
    b"GET HTTP/1.1\r\n",
    b"GET\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    b"GET http://other.test/ HTTP/1.1\r\n",
    b"GET http://user@app.test/ HTTP/1.1\r\n",
    b"GET http:///x HTTP/1.1\r\n",
    b"GET http://app.test:81/ HTTP/1.1\r\n",
]
HOSTS = [
    b"",
    b"Host:\r\n",
    H + H,
    H + b"hOsT: app.test\r\n",
    H + b"Host: other.test\r\n",
    b"Host: app.test, other.test\r\n",
    b"Host: app.test/x\r\n",
    b"Host: http://app.test\r\n",
    b"Host: user@app.test\r\n",
    b"Host: app.test:80:80\r\n",
    b"Host: app.test:port\r\n",
    b"Host: app.test:-1\r\n",
    b"Host: app test\r\n",
    b"Host: [::1\r\n",
    b"Host: app.test#\r\n",
    b"Host: app.test\\\r\n",
    b"Host: app.test%00\r\n",
    "Host: äpp.test\r\n".encode(),
    b"Host: .\r\n",
    b"H_ost: app.test\r\n",
    b"Host : app.test\r\n",
]
ONCE = {
    "two Authorizations": request("/", "Authorization: Bearer a", "authorization: Bearer b"),
    "one Authorization twice": request("/", "Authorization: Bearer a", "Authorization: Bearer a"),
    "another expectation": request("/", "Expect: 200-ok", "Content-Length: 0", method="POST"),
    "an expectation and another": request("/", "Expect: 100-continue, x"),
    "two expectations": request("/", "Expect: 100-continue", "Expect: 100-continue"),
}
REFUSED = {
    **FRAMING,
    **LINES,
    **{repr(n): n + H + b"\r\n" for n in REQUEST_LINES},
    **{repr(n): b"GET / HTTP/1.1\r\n" + n + b"\r\n" for n in HOSTS},
    **ONCE,
}
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + H + b"\r\n"


@pytest.fixture
async def serves(raw_upstream, gateway):
    """Asks a gateway, and gives the heads its upstream saw."""
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    return running, upstream


async def test_what_is_not_plainly_one_request_is_400_and_the_connection_closes(serves):
    running, upstream = serves

    async def refused(name: str, data: bytes) -> list[str]:
        client = await running.client()
        await client.send(data + SMUGGLED)
        answer = await client.response()
        problems = []
        if answer.status != 400:
            problems.append(f"{name}: {answer.status}")
        if not answer.closes:
            problems.append(f"{name}: does not say close")
        if rest := await client.rest():
            problems.append(f"{name}: more came: {rest!r}")
        return problems

    results = await asyncio.gather(*[refused(name, data) for name, data in REFUSED.items()])
    assert [p for problems in results for p in problems] == []
    assert upstream.connections == 0


async def test_it_is_refused_the_same_when_it_comes_byte_by_byte(serves):
    running, upstream = serves

    async def drip(data: bytes) -> int:
        client = await running.client()
        try:
            for at in range(len(data)):
                await client.send(data[at : at + 1])
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        return (await client.response()).status

    names = ["length and coding", "one bare line feed", "a folded line", "coding b'chunked;q=1'"]
    assert await asyncio.gather(*[drip(REFUSED[n]) for n in names]) == [400] * len(names)
    assert upstream.connections == 0


# No more of it comes, and nobody has to wait for it: the time for a head is an hour.
OTHER_PROTOCOLS = {
    "TLS, its first byte": (b"\x16", "a TLS handshake on a port without TLS"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "or set server.tls"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n", "HTTP/2, which is not supported here"),
    "PROXY in words": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "the PROXY protocol"),
    "PROXY in bytes": (b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c", "the PROXY protocol"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2p1", "no valid method"),
    "a database": (b"\0\0\0\x08\x04\xd2\x16\x2f", "no valid method"),
    "lower case": (b"g", "no valid method"),
    "a space": (b" ", "no valid method"),
    "a control in the method": (b"GE\0", "no valid method"),
    "a method without end": (b"G" * 65, "no valid method"),
    "a carriage return": (b"\rG", "no valid method"),
    "a line feed": (b"\n", "no valid method"),
}


@pytest.mark.parametrize("name", OTHER_PROTOCOLS)
async def test_what_no_method_begins_with_is_refused_at_once(gateway, caplog, name):
    caplog.set_level(logging.INFO)
    sent, told = OTHER_PROTOCOLS[name]
    running = await gateway(server={"limits": {"header_timeout": "1h"}})
    client = await running.client()

    await client.send(sent)

    answer = await client.response()
    assert (answer.status, answer.closes) == (400, True)
    (line,) = [r.message for r in caplog.records if "malformed-request" in r.message]
    assert told in line


CHUNKINGS = {
    "a size that overflows": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a size of many zeros": b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
    "no size but an extension": b";a=b\r\nhello\r\n0\r\n\r\n",
    "a size with a digit group": b"1_0\r\nhello, everybody\r\n0\r\n\r\n",
    "a size that is none": b"G\r\nhello\r\n0\r\n\r\n",
    "a bare line feed after the size": b"5\nhello\r\n0\r\n\r\n",
    "a carriage return in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a bare line feed in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a control in an extension": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "a NUL in an extension": b"5;\x00\r\nhello\r\n0\r\n\r\n",
    "a bare line feed after the data": b"5\r\nhello\n0\r\n\r\n",
    "a chunk longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "a bare line feed after the last size": b"0\n\r\n",
    "a bare line feed at the very end": b"5\r\nhello\r\n0\r\nX: y\n\r\n\r\n",
    "a trailer that is none": b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    "a trailer with space before the colon": b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "a trailer section of bare line feeds": b"5\r\nhello\r\n0\r\nX: y\n\n",
    "a trailer section without end": b"0\r\n" + b"X: y\r\n" * 4000,
    "an extension without end": b"5;" + b"a" * 5000,
    "extensions without end": (b"5;" + b"a" * 1000 + b"\r\nhello\r\n") * 20 + b"0\r\n\r\n",
    "short extensions without end": b"1;x\r\na\r\n" * 10_000 + b"0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKINGS)
async def test_chunks_that_can_be_read_apart_are_refused_and_never_end_upstream(
    raw_upstream, gateway, name
):
    got: list[bytes] = []

    async def take(connection):
        got.append(await connection.read_to_end())

    upstream = await raw_upstream(take)
    running = await gateway(upstream.url)
    client = await running.client()

    head = request("/", "Transfer-Encoding: chunked", method="POST")
    await client.send(head + CHUNKINGS[name] + SMUGGLED)

    answer = await client.response()
    assert (answer.status, answer.closes) == (400, True)
    assert await client.is_closed()
    await until(lambda: len(got) == upstream.connections)
    for sent in got:
        assert b"smuggled" not in sent
        assert not sent.endswith(b"0\r\n\r\n")


async def test_a_head_over_the_limit_is_431(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, server={"limits": {"head_bytes": "4KiB"}})
    fits = request("/", "X: " + "a" * (4096 - len(request("/", "X: ")) + 2))

    assert (await running.ask(fits)).status == 200
    assert (await running.ask(request("/", "X: " + "a" * 4096))).status == 431
    # Before its end is there: nothing is gathered beyond the limit.
    client = await running.client()
    await client.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 800)
    answer = await client.response()
    assert (answer.status, answer.closes) == (431, True)
    assert await client.is_closed()
    assert len(upstream.heads) == 1


@pytest.mark.parametrize("kind", ["/%s", "/?%s", "http://app.test/%s", "/caf%%C3%%A9/%s"])
async def test_a_target_is_as_long_as_a_head_may_be_and_then_414(raw_upstream, gateway, kind):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    least = len(request(kind % "")) - len(b"\r\n\r\n")
    line = len(request(kind % "").partition(b"\r\n")[0])
    most = 32 * 1024

    for more, status in ((most - least, 200), (most - line, 431), (most - line + 1, 414)):
        answer = await running.ask(request(kind % ("a" * more)))
        assert (answer.status, answer.closes) == (status, status != 200)
    client = await running.client()
    await client.send(b"GET /" + b"a" * most)
    assert (await client.response()).status == 414
    assert len(upstream.heads) == 1


PAGE = "Sec-Fetch-Mode: navigate"
REFUSED_FOR_SOMEBODY = {
    "a browser": (request("/", PAGE, "X : y"), 400, True),
    "an old browser": (request("/", "Accept: text/html,*/*;q=0.8", "X : y"), 400, True),
    "a script": (request("/", "Accept: text/html", "Sec-Fetch-Mode: cors", "X : y"), 400, False),
    "a program": (request("/", "X : y"), 400, False),
    "no valid method": (request("/", PAGE, method="get"), 400, True),
    "cookies that are too many": (request("/", PAGE, "Cookie: " + "a" * 40000), 431, True),
    "no end of them": (request("/", PAGE, "Cookie: " + "a" * 40000)[:-4], 431, True),
    "too many fields": (request("/", PAGE, *["X: y"] * 500), 431, True),
    "a path nobody can read": (request("/" + "/%2e" * 400, PAGE), 400, True),
    "another host in the target": (request("http://other.test/", PAGE), 400, True),
    "a field of the body": (request("/", "X : y", body=PAGE.encode()), 400, False),
    "what comes after the head": (request("/", "X : y", body=b"\r\n" + PAGE.encode()), 400, False),
}


@pytest.mark.parametrize("name", REFUSED_FOR_SOMEBODY)
async def test_a_browser_gets_a_page_of_what_is_refused_early_too(gateway, name):
    sent, status, is_page = REFUSED_FOR_SOMEBODY[name]

    answer = await (await gateway()).ask(sent)

    assert (answer.status, answer.closes) == (status, True)
    kind = b"text/html; charset=utf-8" if is_page else b"application/problem+json"
    assert answer.all(b"content-type") == [kind]
    assert answer.all(b"cache-control") == [b"no-store"]


async def test_a_head_of_more_fields_than_anybody_sends_is_431(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)

    # One is Host.
    assert (await running.ask(request("/", *["a:"] * 499))).status == 200
    assert (await running.ask(request("/", *["a:"] * 500))).status == 431
    assert len(upstream.heads) == 1


@pytest.mark.parametrize(
    ("limit", "count", "status"), [(20, 20, 200), (20, 21, 431), (0, 900, 200)]
)
async def test_how_many_fields_are_taken_is_a_setting(raw_upstream, gateway, limit, count, status):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, server={"limits": {"fields": limit}})

    assert (await running.ask(request("/", *["a:"] * (count - 1)))).status == status


@pytest.mark.parametrize(("count", "status"), [(20, 200), (21, 431)])
async def test_trailers_are_no_more_than_fields_may_be(raw_upstream, gateway, count, status):
    async def handle(connection):
        with suppress(asyncio.IncompleteReadError):
            await connection.reader.readuntil(b"\r\n0\r\n")
            await connection.reader.readuntil(b"\r\n\r\n")
            await connection.send(OK)

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url, server={"limits": {"fields": 20}})
    body = b"2\r\nok\r\n0\r\n" + b"a: b\r\n" * count + b"\r\n"

    sent = request("/", "Transfer-Encoding: chunked", method="POST", body=body)
    assert (await running.ask(sent)).status == status


@pytest.mark.parametrize(
    "start",
    [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: app.test\r\n", b"\r\nGET"],
)
async def test_a_head_that_comes_too_slowly_is_408(gateway, start):
    running = await gateway(server={"limits": {"header_timeout": "1500ms"}})
    client = await running.client()

    await client.send(start)
    for _ in range(3):  # Bytes that keep coming do not help.
        await asyncio.sleep(0.1)
        await client.send(b"A")

    answer = await client.response()
    assert (answer.status, answer.closes) == (408, True)
    assert await client.is_closed()


async def test_a_connection_nobody_asks_anything_on_is_closed_in_silence(gateway):
    running = await gateway(server={"limits": {"header_timeout": "500ms"}})

    assert await (await running.client()).is_closed()


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
async def test_connect_and_trace_are_405(serves, method):
    running, upstream = serves

    answer = await running.ask(request("/", method=method))
    assert answer.status == 405
    # RFC 9110, section 15.5.6.
    assert answer.all(b"allow") == [b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]
    assert upstream.connections == 0


async def test_nothing_is_read_behind_connect(serves):
    """It has no body: a proxy in front may send another client's request there."""
    running, upstream = serves
    client = await running.client()

    await client.send(request("/", "Content-Length: 5", method="CONNECT") + request("/"))
    answer = await client.response()
    assert (answer.status, answer.closes) == (405, True)
    assert await client.is_closed()
    assert upstream.connections == 0


async def test_connect_to_an_authority_is_refused(serves):
    running, upstream = serves

    assert (await running.ask(request("app.test:443", method="CONNECT"))).status in (400, 405)
    assert upstream.connections == 0


async def test_a_host_that_is_not_served_is_421(serves):
    running, upstream = serves

    answer = await running.ask(b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert answer.status == 421
    assert upstream.connections == 0


@pytest.mark.parametrize(
    "host", [b"app.test", b"APP.test", b"app.test.", b"app.test:80", b"App.Test.:80"]
)
async def test_a_host_is_known_in_every_spelling(serves, host):
    running, upstream = serves

    assert (await running.ask(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")).status == 200
    assert upstream.heads[0].count(b"ost: ") == 2  # Host and X-Forwarded-Host.
    assert b"\r\nHost: app.test\r\n" in upstream.heads[0]


async def test_an_absolute_form_of_the_same_host_goes_on_in_origin_form(serves):
    running, upstream = serves

    for target in ("http://app.test/a?b", "HTTP://APP.TEST/a?b", "http://app.test:80/a?b"):
        assert (await running.ask(request(target))).status == 200
    assert {head.split(b"\r\n")[0] for head in upstream.heads} == {b"GET /a?b HTTP/1.1"}


@pytest.mark.parametrize(
    ("case", "statuses"), [("ignore", (403, 403, 403, 200)), ("exact", (403, 200, 200, 200))]
)
async def test_an_app_that_ignores_case_is_guarded_in_every_case(
    raw_upstream, gateway, case, statuses
):
    upstream = await raw_upstream(OK)
    routes = [
        {"name": "admin", "prefix": "/admin", "access": "denied"},
        {"name": "all", "prefix": "/", "access": "public"},
    ]
    running = await gateway(upstream.url, {"path_case": case}, routes=routes)

    paths = ("/admin", "/ADMIN", "/Admin/%55sers", "/administrator")
    assert tuple([(await running.ask(request(path))).status for path in paths]) == statuses


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("http://app.test/files/b", 200),
        ("https://elsewhere.test/files/b%20c", 200),
        ("/files/b", 200),
        ("http://app.test/files/admin/b", 400),
        ("/files/admin/b", 400),
        ("/files/%61dmin/b", 400),
        ("/files/x/../admin/b", 400),
        ("/files/x/..;/admin/b", 400),
        ("/files//admin/b", 400),
        ("/other", 400),
        ("/_gatepost/x", 400),
        ("http://u@app.test/files/b", 400),
        ("ftp://app.test/files/b", 400),
        ("files/b", 400),
        ("/files/b\r\nDestination: /files/admin/b", 400),
    ],
)
async def test_nothing_is_moved_to_a_path_of_another_route(
    gateway, raw_upstream, method, to, status
):
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    routes = [
        {"name": "admin", "prefix": "/files/admin", "access": "denied"},
        {"name": "files", "prefix": "/files", "access": "public"},
    ]
    running = await gateway(app.url, routes=routes)

    got = await running.ask(request("/files/a", f"Destination: {to}", method=method))
    assert got.status == status
    assert len(app.heads) == (status == 200)


async def test_a_destination_means_nothing_to_other_methods(gateway, raw_upstream):
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    running = await gateway(app.url)

    assert (await running.ask(request("/", "Destination: x"))).status == 200
    assert (await running.ask(request("/", method="COPY"))).status == 200
