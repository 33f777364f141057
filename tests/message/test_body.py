import pytest

from gateway.message.body import body_reader
from gateway.message.framing import CHUNKED, UNTIL_CLOSE


def test_an_empty_body_needs_no_reader():
    assert body_reader(0) is None


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_a_counted_body_ends_at_its_count(step):
    body = body_reader(5)
    got, rest = b"", b""
    data = b"helloGET"
    for at in range(0, len(data), step):
        if body.done:
            rest += data[at : at + step]
            continue
        pieces, rest = body.feed(data[at : at + step])
        got += b"".join(pieces)

    assert (got, rest, body.done, body.trailers) == (b"hello", b"GET", True, ())


def test_a_body_until_the_close_never_ends_by_itself():
    body = body_reader(UNTIL_CLOSE)

    assert body.feed(b"0\r\n\r\n") == ([b"0\r\n\r\n"], b"")
    assert not body.done


def test_a_chunked_body_has_trailers():
    body = body_reader(CHUNKED)

    assert body.feed(b"1\r\na\r\n0\r\nX: y\r\n\r\nrest") == ([b"a"], b"rest")
    assert body.done
    assert body.trailers == ((b"X", b"y"),)
