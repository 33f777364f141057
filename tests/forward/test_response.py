import pytest

from gateway.forward.response import ResponseRules, body_length, framing_line, without_framing
from gateway.message.framing import CHUNKED, UNTIL_CLOSE
from gateway.message.response_head import parse_response_head


def head_of(*lines, status=200):
    return parse_response_head(b"HTTP/1.1 %d X\r\n" % status + b"".join(n + b"\r\n" for n in lines))


def test_all_passes_as_sent_less_what_belongs_to_one_connection():
    head = head_of(b"A:  1 ", b"Connection: b, close", b"B: 2", b"Keep-Alive: x", b"c_d: \xff")

    assert ResponseRules().lines(head, None, "") == b"A:  1 \r\nc_d: \xff\r\n"


def test_naming_the_length_in_connection_does_not_remove_it():
    head = head_of(b"Connection: content-length, b", b"Content-Length: 2", b"B: 2")

    assert ResponseRules().lines(head, None, "") == b"Content-Length: 2\r\n"


def test_no_field_is_no_line():
    assert ResponseRules().lines(head_of(), None, "") == b""


def test_the_configuration_removes_and_adds_in_any_spelling():
    rules = ResponseRules(removed=[b"server"], added={b"X-Frame-Options": b"DENY"})
    head = head_of(b"SERVER: x", b"x_frame_options: no", b"A: 1")

    assert rules.lines(head, None, "") == b"A: 1\r\nX-Frame-Options: DENY\r\n"


@pytest.mark.parametrize(
    "value", [b"gatepost=1", b"gatepost-flow-x=1", b" gatepost = 1", b"gatepost", b"=gatepost=1"]
)
def test_a_cookie_of_the_gateways_is_dropped(value):
    rules = ResponseRules(reserved=[b"gatepost"])

    assert rules.lines(head_of(b"set-cookie: " + value, b"Set-Cookie: a=1"), None, "") == (
        b"Set-Cookie: a=1\r\n"
    )


def test_trailers_frame_nothing_and_set_no_cookies():
    trailers = ((b"Content-Length", b"1"), (b"Set-Cookie", b"a"), (b"Te", b"x"), (b"Sum", b"1"))

    assert ResponseRules().trailers(trailers) == ((b"Sum", b"1"),)


@pytest.mark.parametrize(
    ("method", "status", "lines", "length", "framing"),
    [
        ("GET", 200, [b"Content-Length: 5"], 5, b""),
        ("GET", 200, [b"Transfer-Encoding: chunked"], CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        ("GET", 200, [], UNTIL_CLOSE, b"Transfer-Encoding: chunked\r\n"),
        ("HEAD", 200, [b"Content-Length: 5"], 0, b""),
        ("HEAD", 200, [b"Transfer-Encoding: chunked"], 0, b"Transfer-Encoding: chunked\r\n"),
        ("HEAD", 200, [], 0, b""),
        ("GET", 304, [b"Content-Length: 5"], 0, b""),
        ("GET", 205, [b"Content-Length: 0"], 0, b""),
    ],
)
def test_how_a_body_ends_is_told_anew(method, status, lines, length, framing):
    head = head_of(*lines, status=status)

    assert body_length(head, method) == length
    assert framing_line(head, length, http_1_0=False) == framing
    assert framing_line(head, length, http_1_0=True) == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("status", [100, 103, 204])
def test_a_status_without_body_frames_none(status, framing):
    head = without_framing(head_of(b"A: 1", framing, status=status))

    assert ResponseRules().lines(head, None, "") == b"A: 1\r\n"
    assert framing_line(head, body_length(head, "GET"), http_1_0=False) == b""


def test_what_follows_from_a_head_is_worked_out_for_each_upstream():
    one, other = ResponseRules(), ResponseRules(added={b"X-Frame-Options": b"DENY"})
    lines = (b"A: 1", b"Content-Length: 3")

    for _ in range(2):
        assert (
            one.start(head_of(*lines), None, "")
            == b"HTTP/1.1 200 X\r\nA: 1\r\nContent-Length: 3\r\n"
        )
        assert other.start(head_of(*lines), None, "").endswith(b"X-Frame-Options: DENY\r\n")


def test_a_cookie_is_marked_for_each_client_anew():
    class Owned:
        def __init__(self, mark):
            self.mark = mark

        def from_app(self, raw):
            return (self.mark + raw,)

    rules, head = ResponseRules(), head_of(b"set-cookie: a=1")

    assert b"alice-a=1" in rules.start(head, Owned(b"alice-"), "")
    assert b"bob-a=1" in rules.start(head, Owned(b"bob-"), "")
    assert head_of(b"set-cookie: a=1") is not head
