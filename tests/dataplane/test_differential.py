"""What comes out of the gateway is what went in, for any message anybody makes up."""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

import httptools
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.fields import fold
from gateway.message.names import CONNECTION_NAMES, is_identity_name
from tests.dataplane.harness import HOST, Fields, split_fields, start_gateway
from tests.patience import PATIENCE_S

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VALUE = [9, *range(32, 127), *range(128, 256)]
OURS = {
    "content-length",
    "transfer-encoding",
    "trailer",
    "authorization",
    "x-api-key",
    "set-cookie",
}

values = st.lists(st.sampled_from(VALUE), max_size=20).map(lambda n: bytes(n).strip(b" \t"))
bodies = st.binary(max_size=300)
cuts = st.lists(st.integers(1, 40), max_size=6)


def is_free(name: str) -> bool:
    """Whether a field of this name is nobody's business but the two ends'."""
    folded = fold(name.encode())
    taken = CONNECTION_NAMES | {n.encode() for n in OURS}
    return folded not in taken and not is_identity_name(folded)


names = st.text(TOKEN, min_size=1, max_size=12).filter(is_free).map(str.encode)
fields = st.lists(st.tuples(names, values), max_size=6)
segments = st.lists(st.text("abcXYZ019._~!$&'()*+,=:@-", min_size=1, max_size=6), max_size=4)
queries = st.text("abc019/?:@-._~!$&'()*+,;=[]\"<>{}|\\^`%", max_size=12)
methods = st.one_of(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]),
    st.text(TOKEN, min_size=1, max_size=12).map(str.upper),
).filter(lambda m: m not in ("CONNECT", "TRACE", "HEAD"))


def lines(pairs: Fields) -> bytes:
    return b"".join([n + b": " + v + b"\r\n" for n, v in pairs])


def chunked(body: bytes, sizes: list[int], extension: bytes, trailers: Fields) -> bytes:
    out, at = b"", 0
    for size in [*sizes, len(body)]:
        if piece := body[at : at + size]:
            out += b"%x" % len(piece) + extension + b"\r\n" + piece + b"\r\n"
            at += size
    return out + b"0\r\n" + lines(trailers) + b"\r\n"


def unchunk(data: bytes) -> tuple[bytes, Fields, bytes]:
    """Body, trailers, and what follows."""
    body = b""
    while True:
        size_line, _, data = data.partition(b"\r\n")
        size = int(size_line, 16)
        if not size:
            break
        body += data[:size]
        assert data[size : size + 2] == b"\r\n"
        data = data[size + 2 :]
    if data.startswith(b"\r\n"):
        return body, [], data[2:]
    block, _, rest = data.partition(b"\r\n\r\n")
    return body, split_fields(block), rest


def read_message(data: bytes) -> tuple[bytes, Fields, bytes, Fields]:
    """First line, fields, body and trailers of the one message in `data`."""
    head, _, rest = data.partition(b"\r\n\r\n")
    line, _, block = head.partition(b"\r\n")
    found = split_fields(block)
    if (b"transfer-encoding", b"chunked") in found:
        body, trailers, after = unchunk(rest)
        assert after == b""
        return line, found, body, trailers
    return line, found, rest, []


def lower(pairs: Fields) -> Fields:
    return [(n.lower(), v) for n, v in pairs]


class World:
    """A gateway and its upstream in a thread; the test talks to them with blocking sockets."""

    def __init__(self, directory: Path) -> None:
        self.response = b""
        self.seen = b""
        self.port = 0
        self._directory = directory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()))
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running = await start_gateway(self._directory, {"upstreams": {"app": url}})
        self.port = running.port
        self._ready.set()
        await self._stop.wait()
        await running.gateway.stop()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        named = dict(split_fields(head.partition(b"\r\n")[2]))
        body = b""
        if b"transfer-encoding" in named:
            while size := int((line := await reader.readuntil(b"\r\n")), 16):
                body += line + await reader.readexactly(size + 2)
            body += line
            while line != b"\r\n":
                line = await reader.readuntil(b"\r\n")
                body += line
        elif b"content-length" in named:
            body = await reader.readexactly(int(named[b"content-length"]))
        self.seen = head + body
        writer.write(self.response)
        await writer.drain()

    def exchange(
        self, sent: bytes, response: bytes, *, half_close: bool = False
    ) -> tuple[bytes, bytes]:
        """What the upstream saw of `sent`, and what the client got of `response`."""
        self.response, self.seen = response, b""
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(sent)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            got = b""
            with contextlib.suppress(ConnectionError):
                while data := client.recv(65536):
                    got += data
        return self.seen, got

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    running = World(tmp_path_factory.mktemp("world"))
    yield running
    running.stop()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE = b"Host: " + HOST + b"\r\nConnection: close\r\n"


@settings(max_examples=150, deadline=None)
@given(
    method=methods,
    path=segments,
    query=queries,
    sent=fields,
    body=bodies,
    sizes=cuts,
    trailers=fields,
    framing=st.sampled_from(["none", "length", "chunked"]),
    extension=st.sampled_from([b"", b";a", b' ; b="c;d"', b';e="\xff"']),
)
def test_a_request_reaches_the_app_as_it_was_made(
    world, method, path, query, sent, body, sizes, trailers, framing, extension
):
    path = [s for s in path if s not in (".", "..")]
    line = f"{method} /{'/'.join(path)}?{query} HTTP/1.1".encode()
    raw = line + b"\r\n" + CLOSE + lines(sent)
    if framing == "length":
        raw += b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        raw += b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes, extension, trailers)
    else:
        raw += b"\r\n"

    seen, got = world.exchange(raw, OK)

    assert got.endswith(b"\r\n\r\nok")
    seen_line, seen_fields, seen_body, seen_trailers = read_message(seen)
    assert seen_line == line
    assert [p for p in seen_fields if is_free(p[0].decode())] == lower(sent)
    assert seen_body == (b"" if framing == "none" else body)
    assert seen_trailers == (lower(trailers) if framing == "chunked" else [])


@settings(max_examples=150, deadline=None)
@given(
    status=st.integers(200, 999).filter(lambda s: s not in (204, 304)),
    reason=values,
    sent=fields,
    body=bodies,
    sizes=cuts,
    trailers=fields,
    framing=st.sampled_from(["length", "chunked", "close"]),
    version=st.sampled_from([b"HTTP/1.0", b"HTTP/1.1"]),
)
def test_a_response_reaches_the_client_as_it_was_made(
    world, status, reason, sent, body, sizes, trailers, framing, version
):
    if framing == "chunked":
        version = b"HTTP/1.1"
    raw = b"%b %d %b\r\n" % (version, status, reason) + lines(sent)
    if framing == "length":
        raw += b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        raw += b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes, b"", trailers)
    else:
        raw += b"\r\n" + body

    _, got = world.exchange(b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n", raw)

    line, got_fields, got_body, got_trailers = read_message(got)
    assert line == b"HTTP/1.1 %d %b" % (status, reason)
    framed = {b"content-length", b"transfer-encoding", b"connection"}
    assert [p for p in got_fields if p[0] not in framed] == lower(
        [p for p in sent if p[0].lower() not in framed]
    )
    assert got_body == body
    assert got_trailers == (lower(trailers) if framing == "chunked" else [])


RESPONSES = [
    OK,
    b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
    b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close, X\r\nX: y\r\nSet-Cookie: a=b\r\n"
    b"Content-Length: 2\r\n\r\nok",
]
REQUESTS = [
    b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n",
    b"POST /a HTTP/1.1\r\n" + CLOSE + b"Content-Length: 5\r\n\r\nhello",
    b"POST /a HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /a HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
    b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET http://app.test/a HTTP/1.1\r\n" + CLOSE + b"Accept: */*\r\n\r\n",
    b"GET /a HTTP/1.0\r\n" + CLOSE + b"Content-Length: 0\r\n\r\n",
    b"PUT /a HTTP/1.1\r\n" + CLOSE + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
]
BITES = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"0",
    b"5",
    b"\x00",
    b"\x0b",
    b"\x7f",
    b"\xff",
    b"_",
]
BITES += [
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n\r\n",
    b"HTTP/1.1",
    b"chunked",
]


@st.composite
def bitten(draw, messages):
    """One of `messages`, a few bytes of it changed."""
    message = draw(st.sampled_from(messages))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(message)))
        cut = draw(st.sampled_from([0, 0, 1, 2]))
        message = message[:at] + draw(st.sampled_from(BITES)) + message[at + cut :]
    return message


@settings(max_examples=300, deadline=None)
@given(bitten(RESPONSES))
def test_whatever_an_app_sends_the_client_gets_clean_bytes(world, raw):
    _, got = world.exchange(REQUESTS[0], raw)

    # Strictly read: a second reading of what is passed on would be an error here.
    httptools.HttpResponseParser(object()).feed_data(got)
    assert got.startswith(b"HTTP/1.1 ")


class Whole:
    """What llhttp makes of the one message it is fed."""

    def __init__(self) -> None:
        self.count = 0
        self.body = b""

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.count += 1


@settings(max_examples=400, deadline=None)
@given(bitten(REQUESTS))
def test_whatever_a_client_sends_the_app_gets_one_clean_request_or_none(world, raw):
    seen, got = world.exchange(raw, OK, half_close=True)

    if not seen:
        assert b" 200 OK\r\n" not in got
        return
    judge = Whole()
    parser = httptools.HttpRequestParser(judge)
    line = seen.partition(b"\r\n")[0]
    judged = b"GET / HTTP/1.1" + seen[len(line) :]  # Methods and targets have tests of their own.
    parser.feed_data(judged)
    assert judge.count == 1
