import pytest

from gateway.message.response import Response
from gateway.server.writer import response_bytes


def written(response, *, is_head=False, connection=b"", request_id="r-1"):
    return response_bytes(
        response,
        date=b"\r\nDate: today\r\n",
        request_id=request_id,
        connection=connection,
        is_head=is_head,
    )


def test_an_answer_has_all_that_frames_it():
    got = written(
        Response(200, (("A", "1"), ("A", "2")), b"hello"), connection=b"Connection: close\r\n"
    )

    assert got == (
        b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nContent-Length: 5\r\nX-Request-Id: r-1\r\n"
        b"Date: today\r\nConnection: close\r\n\r\nhello"
    )


def test_an_answer_may_be_written_again():
    answer = Response(200, (("B", "2"),), lines=b"A: 1\r\n")
    first = written(answer, request_id="r-1")

    assert first == (
        b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Length: 0\r\nX-Request-Id: r-1\r\n"
        b"Date: today\r\n\r\n"
    )
    assert b"Content-Length" not in written(answer, is_head=True)
    assert written(answer, request_id="r-2") == first.replace(b"r-1", b"r-2")
    assert b"\r\nC: 3\r\n" in written(answer.adding(("C", "3")))
    assert answer == Response(200, (("B", "2"),), lines=b"A: 1\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_never_have_a_body(status):
    got = written(Response(status, (), b"hello"))

    assert b"Content-Length" not in got
    assert got.endswith(b"\r\n\r\n")


def test_head_is_told_the_length_alone():
    got = written(Response(200, (), b"hello"), is_head=True)

    assert b"\r\nContent-Length: 5\r\n" in got
    assert got.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=c", "a\nb", "a\rb", "a\x00b", "\u2028"])
def test_no_value_becomes_a_line_of_its_own(value):
    head = written(Response(302, (("Location", value),))).partition(b"\r\n\r\n")[0]

    assert len(head.split(b"\n")) == 5
    assert b"\0" not in head
