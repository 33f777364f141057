"""What an upstream sends wrongly is a 502; what breaks off is never passed off as whole."""

import asyncio

import pytest

from tests.dataplane.harness import BrokenBodyError, request
from tests.patience import PATIENCE_S, until

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
GET = request("/")

WRONG = {
    "no status line": b"hello\r\n\r\n",
    "a line feed first": b"\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + LENGTH + b"\r\nok",
    "HTTP/0.9": b"<html>hello</html>",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "a short status": b"HTTP/1.1 20 OK\r\n\r\n",
    "a long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status of zero": b"HTTP/1.1 000 OK\r\n\r\n",
    "a signed status": b"HTTP/1.1 +20 OK\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "a control in the reason": b"HTTP/1.1 200 O\x0bK\r\n" + LENGTH + b"\r\nok",
    "a carriage return in the reason": b"HTTP/1.1 200 O\rK\r\n" + LENGTH + b"\r\nok",
    "length and coding": OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": OK + LENGTH + b"Content-Length: 3\r\n\r\nok",
    "a list of lengths": OK + b"Content-Length: 2, 3\r\n\r\nok",
    "a list with a gap": OK + b"Content-Length: 2,, 2\r\n\r\nok",
    "a length and a longer spelling": OK + LENGTH + b"Content-Length: 02\r\n\r\nok",
    "a length twice and another": OK + LENGTH * 2 + b"Content-Length: 3\r\n\r\nok",
    "a list of one that is none": OK + b"Content-Length: +2, +2\r\n\r\nok",
    "a length twice and a coding": OK
    + LENGTH * 2
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "an empty length": OK + b"Content-Length:\r\n\r\nok",
    "a length that is none": OK + b"Content-Length: two\r\n\r\nok",
    "an underscored length beside one": OK + LENGTH + b"Content_Length: 9\r\n\r\nok",
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n" + b"\r\nok",
    "two codings": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds after the first line": OK + b"X: a\nContent-Length: 2\n\nok",
    "a bare line feed at the first line": b"HTTP/1.1 200 OK\nX: a\r\n" + LENGTH + b"\r\nok",
    "bare line feeds, then an end": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "bare line feeds and an empty line": b"HTTP/1.1 200 OK\nContent-Length: 2\n\r\nok",
    "bare line feeds and a carriage return": b"HTTP/1.1 200 OK\nX: a\rb\nContent-Length: 2\n\nok",
    "bare line feeds and a folded line": b"HTTP/1.1 200 OK\nX: a\n b\nContent-Length: 2\n\nok",
    "bare line feeds and two lengths": b"HTTP/1.1 200 OK\nContent-Length: 2\n"
    + b"Content-Length: 3\n\nok",
    "bare line feeds and a control": b"HTTP/1.1 200 OK\nX: a\0\nContent-Length: 2\n\nok",
    "bare line feeds without end": b"HTTP/1.1 200 OK\n" + b"X: y\n" * 14000,
    "an end in the head's first line": OK + b"X: a\n\n<p>hello</p>\r\n" + LENGTH + b"\r\nok",
    "one bare line feed": OK + b"X: a\nY: b\r\n" + LENGTH + b"\r\nok",
    "a folded line": OK + b"X: a\r\n b\r\n" + LENGTH + b"\r\nok",
    "an indented first field": OK + b" X: a\r\n" + LENGTH + b"\r\nok",
    "space before the colon": OK + b"X : a\r\n" + LENGTH + b"\r\nok",
    "a control in a value": OK + b"X: a\x01b\r\n" + LENGTH + b"\r\nok",
    "a NUL in a value": OK + b"X: a\x00b\r\n" + LENGTH + b"\r\nok",
    "a control in a name": OK + b"X\x0b: a\r\n" + LENGTH + b"\r\nok",
    "a name beyond ASCII": OK + b"X\xe4: a\r\n" + LENGTH + b"\r\nok",
    "a line without a colon": OK + b"hello\r\n" + LENGTH + b"\r\nok",
    "a carriage return in a value": OK + b"X: a\rb\r\n" + LENGTH + b"\r\nok",
    "a head too long": OK + b"X: " + b"a" * 70000 + b"\r\n\r\n",
    "more fields than are read": OK + b"X: y\r\n" * 501 + LENGTH + b"\r\nok",
    "more trailers than are read": OK
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    + b"X: y\r\n" * 501
    + b"\r\n",
    "a head without end": OK + b"X: y\r\n" * 14000,
    "a switch nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "an interim answer alone": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "an interim answer that is wrong": b"HTTP/1.1 103 Hints\r\nX : y\r\n\r\n"
    + OK
    + LENGTH
    + b"\r\nok",
    "interim answers without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2000,
}
# RFC 9112, section 2.2, and RFC 9110, section 8.6, let a recipient read these.
LF = b"HTTP/1.1 200 OK\nX: a\n"
READ = {
    "one length twice": (OK + LENGTH + b"X: a\r\n" + LENGTH + b"\r\nok", b"2", b"ok"),
    "in two spellings": (OK + LENGTH + b"X: a\r\ncontent-length:2\r\n\r\nok", b"2", b"ok"),
    "a list of one length": (OK + b"X: a\r\nContent-Length: 2, 2,2\r\n\r\nok", b"2", b"ok"),
    "lists and a length": (
        OK + b"X: a\r\nContent-Length: 2\t,2\r\n" + LENGTH + b"\r\nok",
        b"2",
        b"ok",
    ),
    "nothing twice": (OK + b"X: a\r\nContent-Length: 0, 0\r\n\r\n", b"0", b""),
    "bare line feeds": (LF + b"Content-Length: 2\n\nok", b"2", b"ok"),
    "bare line feeds and one length twice": (
        LF + b"Content-Length: 2\n" * 2 + b"\nok",
        b"2",
        b"ok",
    ),
    "a body with strict line ends": (
        LF + b"Content-Length: 12\n\na: b\r\n\r\nok\r\n",
        b"12",
        b"a: b\r\n\r\nok\r\n",
    ),
    "a body until the close": (LF + b"\nok\n\r\n\r\n", None, b"ok\n\r\n\r\n"),
    "chunks": (LF + b"Transfer-Encoding: chunked\n\n2\r\nok\r\n0\r\n\r\n", None, b"ok"),
    "hints before it": (
        b"HTTP/1.1 103 Early Hints\nLink: </a>\n\n" + LF + b"Content-Length: 2\n\nok",
        b"2",
        b"ok",
    ),
    "no reason": (b"HTTP/1.0 200\nX: a\nContent-Length: 2\n\nok", b"2", b"ok"),
}
BROKEN_OFF = {
    "a length not reached": OK + b"Content-Length: 10\r\n\r\nhello",
    "chunks without the last": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "half a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    "half the last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "a size that is none": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
    "a chunk longer than its size": OK
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
    "bare line feeds": OK + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    "extensions without end": OK
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + (b"5;" + b"a" * 1000 + b"\r\nhello\r\n") * 20
    + b"0\r\n\r\n",
    "a trailer that is none": OK
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx\r\n\r\n",
}


def once(answer: bytes, pause_s: float = 0.0):
    """A handler that reads one head, answers, and closes."""

    async def handle(connection):
        assert await connection.read_head()
        half = len(answer) // 2
        await connection.send(answer[:half] if pause_s else answer)
        if pause_s:
            await asyncio.sleep(pause_s)
            await connection.send(answer[half:])

    return handle


@pytest.mark.parametrize("name", WRONG)
async def test_a_head_that_is_none_is_502_and_nothing_of_it_is_passed_on(
    raw_upstream, gateway, name
):
    upstream = await raw_upstream(once(WRONG[name]))
    client = await (await gateway(upstream.url)).client()

    answer = await client.ask(GET)

    assert answer.status == 502
    assert b"upstream-failed" in answer.body
    assert upstream.connections == 1


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("pause_s", [0.0, 0.02])
async def test_what_has_one_meaning_all_the_same_goes_on_in_strict_form(
    raw_upstream, gateway, name, pause_s
):
    sent, length, body = READ[name]
    upstream = await raw_upstream(once(sent, pause_s))
    client = await (await gateway(upstream.url)).client()

    answer = await client.ask(GET)

    assert (answer.status, answer.body) == (200, body)
    assert answer.all(b"content-length") == ([] if length is None else [length])
    assert answer.all(b"x") == [b"a"]
    assert b"\n" not in answer.line + b"".join(name + value for name, value in answer.fields)


async def test_every_byte_of_a_head_with_bare_line_feeds_may_come_alone(raw_upstream, gateway):
    sent, _, body = READ["a body with strict line ends"]

    async def drip(connection):
        await connection.read_head()
        for at in range(len(sent)):
            await connection.send(sent[at : at + 1])
            await asyncio.sleep(0)

    running = await gateway((await raw_upstream(drip)).url)

    assert (await running.ask(GET)).body == body


@pytest.mark.parametrize(
    "answer",
    [
        LF + b"Content-Length: 2\n\nok",
        b"HTTP/1.1 103 Early Hints\nLink: </a>\n\n" + OK + LENGTH + b"\r\nok",
    ],
    ids=["final", "interim"],
)
async def test_no_other_answer_is_read_where_lines_end_in_line_feeds(raw_upstream, gateway, answer):
    """A value with a line feed in it may have made the head: what follows answers nobody."""
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

    async def handle(connection):
        await connection.read_head()
        await connection.send(answer)
        if await connection.read_head():
            await connection.send(poison)

    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()

    for _ in range(3):
        assert (await client.ask(GET)).body == b"ok"
    assert upstream.connections == 3


async def test_a_protocol_is_switched_by_a_head_with_bare_line_feeds_too(raw_upstream, gateway):
    switch = b"HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: x\n\nhello"
    client = await (await gateway((await raw_upstream(switch)).url)).client()

    await client.send(request("/", "Connection: Upgrade", "Upgrade: x"))

    head = await client.head()
    assert (head.status, head.all(b"upgrade")) == (101, [b"x"])
    assert head.all(b"connection") == [b"Upgrade"]
    assert await client.reader.readexactly(5) == b"hello"


@pytest.mark.parametrize("name", BROKEN_OFF)
@pytest.mark.parametrize("pause_s", [0.0, 0.02])
async def test_a_body_that_breaks_off_is_broken_for_the_client_too(
    raw_upstream, gateway, name, pause_s
):
    upstream = await raw_upstream(once(BROKEN_OFF[name], pause_s))
    running = await gateway(upstream.url)

    async def ask() -> bool:
        try:
            answer = await running.ask(GET)
        except BrokenBodyError:
            return True
        return answer.status == 502

    assert await ask()
    # And without chunks the close must not look like the end.
    client = await running.client()
    await client.send(GET.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    try:
        answer = await client.head()
        if answer.status == 200:
            with pytest.raises(BrokenBodyError):
                await client.read_body(answer)
    except ConnectionResetError:
        pass


async def test_a_body_until_the_close_is_broken_by_a_reset(raw_upstream, gateway):
    async def reset(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await begun.wait()
        connection.abort()

    begun = asyncio.Event()
    client = await (await gateway((await raw_upstream(reset)).url)).client()
    await client.send(GET)
    answer = await client.head()
    begun.set()

    with pytest.raises(BrokenBodyError):
        await client.read_body(answer)


EXTRA = {
    "after a length": (OK + LENGTH + b"\r\nok", b"ok"),
    "after chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    "after an empty body": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "after a 204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "after a 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", EXTRA)
@pytest.mark.parametrize("late", [False, True])
async def test_bytes_after_the_end_never_become_the_answer_to_the_next_request(
    raw_upstream, gateway, name, late
):
    whole, body = EXTRA[name]
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

    async def handle(connection):
        while await connection.read_head():
            if not late:
                await connection.send(whole + poison)
                continue
            await connection.send(whole)
            await answered.acquire()
            await connection.send(poison)
        ended.append(connection)

    answered, ended = asyncio.Semaphore(0), []
    upstream = await raw_upstream(handle)
    client = await (await gateway(upstream.url)).client()
    for number in range(1, 4):
        answer = await client.ask(GET)
        assert answer.body == body
        answered.release()
        await until(lambda number=number: len(ended) == number)
    assert upstream.connections == 3


async def test_bytes_sent_before_the_request_are_not_its_answer(raw_upstream, gateway, monkeypatch):
    async def handle(connection):
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        spoken.set()
        await connection.read_head()

    async def connect(*arguments, **options):
        made = await at_once(*arguments, **options)
        # Nobody could tell them from an answer if they came just after the request has left.
        await spoken.wait()
        await asyncio.sleep(0.05)
        return made

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)
    client, spoken = await running.client(), asyncio.Event()
    loop = asyncio.get_running_loop()
    at_once = loop.create_connection
    monkeypatch.setattr(loop, "create_connection", connect)

    answer = await client.ask(GET)

    assert answer.status == 502
    assert b"poison" not in answer.body


async def test_an_upstream_that_accepts_and_closes_is_502_at_once(raw_upstream, gateway):
    async def handle(connection):
        connection.abort()

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)

    for _ in range(5):
        async with asyncio.timeout(PATIENCE_S):
            assert (await running.ask(GET)).status == 502


async def test_an_answer_to_head_with_a_body_all_the_same_is_not_passed_on(raw_upstream, gateway):
    upstream = await raw_upstream(OK + LENGTH + b"\r\nok")
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        answer = await client.ask(request("/", method="HEAD"))
        assert answer.all(b"content-length") == [b"2"]
    assert (await client.ask(GET)).body == b"ok"
    assert upstream.connections == 3


@pytest.mark.parametrize(
    "fields", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""]
)
async def test_a_204_frames_no_body_however_it_was_sent(raw_upstream, gateway, fields):
    upstream = await raw_upstream(b"HTTP/1.1 204 No Content\r\n" + fields + b"X: y\r\n\r\n")
    client = await (await gateway(upstream.url)).client()

    for _ in range(2):
        answer = await client.ask(GET)
        assert answer.status == 204
        assert answer.all(b"x") == [b"y"]
        # RFC 9110, section 8.6, and RFC 9112, section 6.1.
        assert answer.all(b"content-length") == []
        assert answer.all(b"transfer-encoding") == []


async def test_interim_answers_frame_no_body_either(raw_upstream, gateway):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n"
    upstream = await raw_upstream(hints + OK + LENGTH + b"\r\nok")
    running = await gateway(upstream.url)

    answer = await running.ask(GET)
    assert answer.body == b"ok"
    assert answer.interim[0].all(b"content-length") == []
