"""Finding heads in what one client sends, whether or not it repeats its fields."""

import pytest

from gateway.errors import HeadTooLargeError, MalformedRequestError
from gateway.message.request_head import parse_request_head
from gateway.server.heads import Heads

FIELDS = b"\r\nHost: notes.example.com\r\nAccept: */*\r\n\r\n"
FIRST = b"GET /one HTTP/1.1" + FIELDS


@pytest.fixture
def heads():
    """Heads that have read one request."""
    heads = Heads()
    assert heads.next(FIRST, 0, 0)[0].target == b"/one"
    return heads


def told(head):
    return (
        head.method,
        head.target,
        head.http_1_0,
        head.framing.host,
        head.framing.length,
        head.framing.fields.items,
    )


@pytest.mark.parametrize(
    ("buffer", "rest"),
    [
        (b"GET /two?x=1 HTTP/1.1" + FIELDS, b""),
        (b"POST /two HTTP/1.1" + FIELDS, b""),
        (b"GET /two HTTP/1.1" + FIELDS + FIRST, FIRST),
        (b"GET /two HTTP/1.1" + FIELDS + b"GET /th", b"GET /th"),
        (b"GET /two HTTP/1.0" + FIELDS, b""),
        (b"\r\nGET /two HTTP/1.1" + FIELDS, b""),
        (b"GET /two HTTP/1.1\r\nHost: other.example.com\r\n\r\n", b""),
        (b"GET /two HTTP/1.1\r\nHost: other.example.com\r\n\r\n" + FIRST, FIRST),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n" + FIRST, FIRST),
        (b"GET /two HTTP/1.1\r\nX: 1" + FIELDS, b""),
        (b"GET /two HTTP/1.1" + FIELDS[:-2] + b"Content-Length: 2\r\n\r\nhi", b"hi"),
    ],
)
def test_a_head_is_read_alike_whatever_came_before(heads, buffer, rest):
    found, left = heads.next(buffer, 0, 0)
    alone, left_alone = Heads().next(buffer, 0, 0)

    assert told(found) == told(alone)
    assert left == left_alone == rest


def test_the_fields_of_one_version_are_not_taken_for_those_of_the_other():
    heads = Heads()
    heads.next(b"GET / HTTP/1.0\r\nAccept: */*\r\n\r\n", 0, 0)

    with pytest.raises(MalformedRequestError, match="no Host"):
        heads.next(b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 0, 0)


@pytest.mark.parametrize(
    "line",
    [b"GET /\r/ HTTP/1.1", b"GET  / HTTP/1.1", b"get / HTTP/1.1", b"GET /a\nb HTTP/1.1", b" "],
)
def test_a_bad_line_is_refused_above_fields_that_are_known(heads, line):
    with pytest.raises(MalformedRequestError):
        heads.next(line + FIELDS, 0, 0)


@pytest.mark.parametrize("remembers", [True, False])
def test_the_limit_is_the_same_for_fields_that_are_known(heads, remembers):
    buffer = b"GET /two HTTP/1.1" + FIELDS
    size = len(buffer) - len(b"\r\n\r\n")
    if not remembers:
        heads.forget()

    assert heads.next(buffer, size, 0)[0].target == b"/two"
    with pytest.raises(HeadTooLargeError):
        heads.next(buffer, size - 1, 0)


def test_a_head_that_is_not_complete_is_waited_for(heads):
    for end in range(1, len(FIRST) - 1):
        assert heads.next(FIRST[:end], 0, 0) == (None, FIRST[:end])


def test_what_is_too_long_is_not_kept(heads):
    long = b"\r\nHost: x\r\nA: " + b"a" * 5000 + b"\r\n\r\n"

    first = heads.next(b"GET /one HTTP/1.1" + long, 0, 0)[0]
    second = heads.next(b"GET /two HTTP/1.1" + long, 0, 0)[0]

    assert first.framing is not second.framing
    assert parse_request_head(b"GET /two HTTP/1.1" + long[:-2]).framing is not second.framing


def test_fields_that_come_again_are_the_same_object(heads):
    first = heads.next(FIRST, 0, 0)[0]

    assert heads.next(b"GET /two HTTP/1.1" + FIELDS, 0, 0)[0].framing is first.framing
