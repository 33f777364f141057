import re

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.message.field_lines import HeadError
from gateway.message.fields import fold
from gateway.message.framing import CHUNKED, UNTIL_CLOSE
from gateway.message.request_head import canonical_host, parse_request_head
from gateway.message.response_head import parse_response_head
from tests.fixtures.fuzzing import BUDGET, bitten, made_up

H = b"Host: a.test\r\n"


def get(fields=b"", line=b"GET / HTTP/1.1"):
    return parse_request_head(line + b"\r\n" + H + fields)


def test_a_request_is_read_as_it_was_sent():
    head = get(b"X-a:  b\t\r\nx-A:\r\nCookie: c\xff\r\n", b"LOOK /%41?x HTTP/1.1")

    assert (head.method, head.target, head.http_1_0) == ("LOOK", b"/%41?x", False)
    assert head.framing.fields.items == (
        (b"Host", b"a.test"),
        (b"X-a", b"b"),
        (b"x-A", b""),
        (b"Cookie", b"c\xff"),
    )


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"content-length:7\r\n", 7),
        (b"Content-Length: 007\r\n", 7),
        (b"Content-Length: " + b"9" * 18 + b"\r\n", 10**18 - 1),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
        (b"transfer-encoding:\tCHUNKED \r\n", CHUNKED),
    ],
)
def test_the_length_of_the_body_is_plain(fields, length):
    assert get(fields).framing.length == length


@pytest.mark.parametrize(
    ("fields", "upgrade"),
    [
        (b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"websocket"),
        (b"Connection: keep-alive , UPGRADE\r\nUpgrade: A/1, b\r\n", b"A/1, b"),
        (b"Connection: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n", b"x"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: upgrade\r\n", b""),
        (b"Connection: upgraded\r\nUpgrade: x\r\n", b""),
        (b"Connection: upgrade\r\nUpgrade: h2c\r\n", b""),
        (b"Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", b""),
    ],
)
def test_an_upgrade_is_one_when_connection_says_so(fields, upgrade):
    assert get(fields).framing.upgrade == upgrade
    assert get(fields, b"GET / HTTP/1.0").framing.upgrade == b""


LINES = (
    b"Host: a.test",
    b"Accept: */*",
    b"Connection: keep-alive, x-request-id",
    b"Content-Length: 3",
    b"X-Forwarded-For: 192.0.2.1",
    b"X-Request-ID: r1",
    b"X-Request-ID:r2",
    b"x-request-id: r3",
    b"X-Original-URL: http://a.test/b",
    b"x-original-url: http://a.test/c",
    b"X-Forwarded-Uri: /d",
    b"X-Forwarded-Uri: ",
    b"X-Request-ID: a\nb",
    b"X-Request-ID: a\rb",
    b"X-Original-URL: \x00",
    b" folded",
)


def reading(block):
    """All that a block of fields tells, or that it is refused."""
    try:
        framing = parse_request_head(b"GET / HTTP/1.1\r\n" + block).framing
    except MalformedRequestError:
        return None
    fields = [field for field in framing.fields.items if field[0] != b"Filler"]
    found = {name.lower(): framing.fields.all(name.lower()) for name, _ in fields}
    return fields, found, framing.host, framing.length, framing.connection


@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_a_head_tells_the_same_whatever_was_remembered_of_it(lines):
    block = b"".join(line + b"\r\n" for line in (LINES[0], *lines))
    # One so long is never remembered.
    expected = reading(block + b"Filler: " + b"x" * 4096 + b"\r\n")
    for _ in range(3):
        assert reading(block) == expected


def test_http_1_0_knows_neither_expectations_nor_hosts():
    assert get(b"Expect: 100-continue\r\n").framing.expects_continue
    assert not get(b"Expect: 100-continue\r\n", b"GET / HTTP/1.0").framing.expects_continue
    assert parse_request_head(b"GET / HTTP/1.0\r\n").framing.host == ""
    with pytest.raises(MalformedRequestError):
        parse_request_head(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"a.test", "a.test"),
        (b"A.Test.", "a.test"),
        (b"a.test:80", "a.test"),
        (b"a.test:443", "a.test"),
        (b"a.test:08443", "a.test:8443"),
        (b"[2001:DB8::1]:8080", "[2001:db8::1]:8080"),
        (b"[::1]", "[::1]"),
        (b"127.0.0.1:1", "127.0.0.1:1"),
        (b"", None),
        (b".", None),
        (b":80", None),
        (b"a:b", None),
        (b"a,b", None),
        (b"a b", None),
        (b"a/b", None),
        (b"a@b", None),
        (b"a:123456", None),
        (b"[::1", None),
        (b"a%41", None),
        ("ä".encode(), None),
    ],
)
def test_a_host_has_one_spelling(value, host):
    assert canonical_host(value) == host


@pytest.mark.parametrize(
    ("head", "status", "length", "connection"),
    [
        (b"HTTP/1.1 200 OK\r\n", 200, UNTIL_CLOSE, set()),
        (b"HTTP/1.1 200\r\nContent-Length: 3\r\n", 200, 3, set()),
        (b"HTTP/1.1 599 \r\nTransfer-Encoding: Chunked\r\n", 599, CHUNKED, set()),
        (
            b"HTTP/1.0 404 No\xff\r\nConnection: a,\tB\r\nconnection: c\r\n",
            404,
            -2,
            {b"a", b"b", b"c"},
        ),
    ],
)
def test_a_response_is_read_as_it_was_sent(head, status, length, connection):
    read = parse_response_head(head)

    assert (read.status, read.length, read.connection) == (status, length, connection)
    assert read.line == head.partition(b"\r\n")[0]
    assert b"".join([n + b"\r\n" for n in [read.line, *read.lines]]) == head


@pytest.mark.parametrize("line", [b"Content_Length: 3", b"transfer.encoding: chunked"])
@pytest.mark.parametrize("before", [b"", b"Content-Length: 5\r\n"])
def test_a_framing_field_in_disguise_is_refused(before, line):
    with pytest.raises(HeadError):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + before + line + b"\r\n")
    with pytest.raises(MalformedRequestError):
        get(before + line + b"\r\n")


@pytest.mark.parametrize("method", [b"get", b"Post", b"DELETe"])
def test_a_method_in_lower_case_is_none(method):
    with pytest.raises(MalformedRequestError):
        get(line=method + b" / HTTP/1.1")


@pytest.mark.parametrize(
    "block",
    [
        b"X: a\nY: b\r\n",
        b"X: a\nY: b\r\nContent-Length: 1\r\n",
        b"X: a\r\n b\r\n",
        b"X : a\r\n",
        b"X: \x00\r\n",
        b"X: a\rb\r\n",
        b"\r\nX: a\r\n",
        b"X: a",
        b": a\r\n",
        b"X\r\n",
    ],
)
def test_a_response_with_a_line_that_is_no_field_is_refused(block):
    with pytest.raises(HeadError):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + block)
    with pytest.raises(MalformedRequestError):
        parse_request_head(b"GET / HTTP/1.1\r\n" + H + block)


class _Judge:
    """What llhttp makes of a head."""

    def __init__(self):
        self.fields = []
        self.url = b""
        self.complete = False
        self.ended = False

    def on_url(self, part):
        self.url += part

    def on_header(self, name, value):
        self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self):
        self.complete = True

    def on_message_complete(self):
        self.ended = True


_PIECES = [
    b"Host: a.test\r\n", b"content-length:\t0 \r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"X: y\r\n",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Cookie: \xff=\x80\r\n",
    b"X-Tab:\ta\tb\t\r\n",
    b"Accept: */*\r\n", b"!#$%&'*+-.^_`|~:\r\n",
]  # fmt: skip
_BITES = [
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\0",
    b"\x0b",
    b"\x7f",
    b"\xff",
    b"_",
    b"5",
]


@st.composite
def heads(draw, first_lines):
    head = draw(st.sampled_from(first_lines)) + b"\r\n"
    head += b"".join(draw(st.lists(st.sampled_from(_PIECES), max_size=5)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(head)))
        head = head[:at] + draw(st.sampled_from(_BITES)) + head[at + draw(st.integers(0, 1)) :]
    return head if head.endswith(b"\r\n") else head + b"\r\n"


_REQUEST_LINES = [b"GET /a?b HTTP/1.1", b"POST / HTTP/1.1", b"PUT /x HTTP/1.0"]
_STATUS_LINES = [b"HTTP/1.1 200 OK", b"HTTP/1.0 404 Not Found", b"HTTP/1.1 500"]


def for_llhttp(raw):
    """`raw` without white space at the ends of lines, and with its empty line.

    RFC 9110, section 5.5: that is no part of a value; llhttp takes a tab for a part of "chunked".
    Nobody is told that value: the gateway writes Transfer-Encoding itself.
    """
    return re.sub(rb"[ \t]+\r\n", b"\r\n", raw) + b"\r\n"


def check_request(raw):
    """Whether `raw` is taken, in which case llhttp must read the same."""
    try:
        head = parse_request_head(raw)
    except MalformedRequestError:
        return False
    if head.method not in ("GET", "POST", "PUT") or not head.target.startswith(b"/"):
        return (
            False  # llhttp knows a list of methods; other targets are for `parse_target` to refuse.
        )
    if not head.target.isascii():
        return False  # llhttp knows no bytes beyond ASCII in a target.
    judge = _Judge()
    parser = httptools.HttpRequestParser(judge)
    parser.feed_data(for_llhttp(raw))

    assert judge.complete
    assert judge.fields == list(head.framing.fields.items)
    assert (judge.url, parser.get_method()) == (head.target, head.method.encode())
    assert ends_as_told(parser, judge, head.framing.length)
    return True


def check_response(raw):
    """Whether `raw` is taken, in which case llhttp must read the same."""
    try:
        head = parse_response_head(raw)
    except HeadError:
        return False
    # One length that is said more than once goes on as one; all else as it came.
    strict = b"".join([n + b"\r\n" for n in (head.line, *head.lines)])
    assert strict == raw or head.names.count(b"content-length") == 1
    judge = _Judge()
    parser = httptools.HttpResponseParser(judge)
    parser.feed_data(for_llhttp(strict))

    assert judge.complete
    assert parser.get_status_code() == head.status
    assert [fold(name) for name, _ in judge.fields] == list(head.names)
    assert [v for _, v in judge.fields] == [n.partition(b":")[2].strip(b" \t") for n in head.lines]
    assert ends_as_told(parser, judge, head.length)
    return True


def ends_as_told(parser, judge, length):
    """Whether the message ends for llhttp where `length` says, and neither before nor after."""
    if length > 10_000:
        return not judge.ended
    if length == UNTIL_CLOSE:
        parser.feed_data(b"whatever comes")
        return not judge.ended
    body = b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n" if length == CHUNKED else bytes(length)
    if body:
        parser.feed_data(body[:-1])
        if judge.ended:
            return False
        parser.feed_data(body[-1:])
    return judge.ended


@given(heads(_REQUEST_LINES))
def test_whatever_request_is_taken_llhttp_reads_the_same(raw):
    check_request(raw)


@given(heads(_STATUS_LINES))
def test_whatever_response_is_taken_llhttp_reads_the_same(raw):
    check_response(raw)


def make_head(first_lines):
    """Makes a head of these lines and of fields that are mostly right, a few bytes changed."""

    def make(chance):
        fields = chance.choices(_PIECES[1:], k=chance.randint(0, 3))
        head = b"\r\n".join((chance.choice(first_lines), b"".join([_PIECES[0], *fields])))
        return bitten(chance, head, _BITES).removesuffix(b"\r\n") + b"\r\n"

    return make


def test_of_many_bitten_requests_llhttp_reads_those_that_are_taken_the_same():
    taken = sum(check_request(raw) for raw in made_up(make_head(_REQUEST_LINES)))

    assert taken > BUDGET / 20


def test_of_many_bitten_responses_llhttp_reads_those_that_are_taken_the_same():
    taken = sum(check_response(raw) for raw in made_up(make_head(_STATUS_LINES)))

    assert taken > BUDGET / 20
