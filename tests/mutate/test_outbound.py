"""What of a client's head goes upstream, and what the gateway says of the request."""

import pytest

from gateway.message.request_head import parse_request_head
from gateway.mutate.outbound import (
    FieldRules,
    forwarded_lines,
    forwarded_lines_behind,
    framing_lines,
    steady_end,
    steady_start,
    trace_lines,
)
from tests.builders import make_request

PARENT = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
GIVEN = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"


def fields_of(*lines):
    head = b"\r\n".join([b"POST / HTTP/1.1", b"Host: notes.example.com", *lines]) + b"\r\n"
    return parse_request_head(head).framing


def passed(*lines, removed=()):
    return FieldRules(removed).lines(fields_of(*lines))


def test_fields_pass_as_sent_and_in_order():
    lines = (b"X-b: 1", b"x-A:  2", b"X-B: 3", b"Accept: */*", b"X-Empty:")

    assert passed(*lines) == (b"X-b: 1\r\nx-A: 2\r\nX-B: 3\r\nAccept: */*\r\nX-Empty: \r\n")


def test_a_key_in_a_field_of_another_name_is_kept_from_the_app():
    rules = FieldRules(key_field=b"x-gear-key")
    lines = (b"X-Gear-Key: gp_a", b"X_GEAR_KEY: gp_a", b"X-API-Key: gp_a", b"Accept: */*")

    assert rules.lines(fields_of(*lines)) == b"Accept: */*\r\n"
    assert rules.lines(fields_of(b"X-Gear-Key: theirs")) == b"X-Gear-Key: theirs\r\n"
    assert rules.trailers(((b"X-Gear-Key", b"theirs"), (b"X-Sum", b"1")), fields_of()) == (
        (b"X-Sum", b"1"),
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Remote-User: root",
        b"REMOTE_USER: root",
        b"x_forwarded-for: 1.2.3.4",
        b"Gatepost_Assertion: x",
        b"Cookie: a=1",
        b"TE: trailers",
        b"Keep-Alive: 5",
        b"Proxy-Authorization: Basic eDp5",
        b"HTTP2-Settings: x",
        b"X-Request-Id: mine",
        b"traceparent: mine",
        b"X-Api-Key: gp_abc",
        b"Authorization: Bearer gp_abc",
        b"X_Secret: x",
        b"x-secret: x",
    ],
)
def test_what_a_client_may_not_say_is_left_out(line):
    assert passed(line, b"X-Kept: 1", removed=[b"X-Secret"]) == b"X-Kept: 1\r\n"


@pytest.mark.parametrize(
    "name", [b"X_API_Key", b"X.API.Key", b"x-api_key", b"X_GEAR_KEY", b"X~Gear-Key", b"x!gear!key"]
)
@pytest.mark.parametrize("value", [b"gp_a", b"theirs", b""])
def test_another_spelling_of_a_key_field_is_left_out_whatever_is_in_it(name, value):
    """Only the field's own name is judged; an app that folds names would read this one."""
    rules = FieldRules(key_field=b"X-Gear-Key")

    assert rules.lines(fields_of(name + b": " + value, b"X-Kept: 1")) == b"X-Kept: 1\r\n"


def test_a_key_field_may_have_an_underscore_of_its_own():
    rules = FieldRules(key_field=b"X_Gear_Key")
    lines = (b"x_gear_key: theirs", b"X-Gear-Key: theirs")

    assert rules.lines(fields_of(*lines)) == b"x_gear_key: theirs\r\n"


def test_what_other_proxies_say_passes_where_the_upstream_asks_for_it():
    rules = FieldRules(kept=[b"X-Real-IP", b"Cf-Access-*"])
    lines = (b"X_Real_IP: 1", b"Cf-Access-Token: 2", b"X-Authentik-User: 3", b"X-Client-IP: 4")

    assert rules.lines(fields_of(*lines)) == b"X_Real_IP: 1\r\nCf-Access-Token: 2\r\n"


@pytest.mark.parametrize(
    ("announced", "left"),
    [
        (b"X-Sum", b"Trailer: X-Sum\r\n"),
        (b"X-Sum, Remote-User,remote_groups , X-Api-Key,X-More", b"Trailer: X-Sum, X-More\r\n"),
        (b"Remote-User, Authorization, Trailer, Cookie", b""),
        (b"X-Secret", b""),
        (b"", b""),
    ],
)
def test_a_trailer_field_does_not_list_what_is_removed(announced, left):
    assert passed(b"Trailer: " + announced, removed=[b"X-Secret"]) == left


@pytest.mark.parametrize("name", [b"X-Hop", b"X_Hop", b"x.hop"])
def test_what_connection_names_is_left_out(name):
    lines = (b"Connection: close, " + name, name + b": 1", b"X-Kept: 2")

    assert passed(*lines) == b"X-Kept: 2\r\n"


@pytest.mark.parametrize(
    "line", [b"Authorization: Bearer theirs", b"Authorization: Basic eDp5", b"X-Api-Key: theirs"]
)
def test_the_apps_own_credentials_pass(line):
    assert passed(line) == line + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        ((), b""),
        ((b"Content-Length: 0",), b"Content-Length: 0\r\n"),
        ((b"Content-Length: 5",), b"Content-Length: 5\r\n"),
        ((b"content-length: 007",), b"Content-Length: 7\r\n"),
        ((b"Transfer-Encoding: chunked",), b"Transfer-Encoding: chunked\r\n"),
        (
            (b"Content-Length: 5", b"Expect: 100-continue"),
            b"Content-Length: 5\r\nExpect: 100-continue\r\n",
        ),
        (
            (b"Connection: Upgrade", b"Upgrade: websocket"),
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        ),
        ((b"Upgrade: websocket",), b""),
        ((b"Connection: Upgrade", b"Upgrade: h2c"), b""),
    ],
)
def test_the_gateway_frames_the_message_itself(lines, framing):
    assert framing_lines(fields_of(*lines)) == framing
    assert passed(*lines) == b""


@pytest.mark.parametrize(
    ("field", "passes"),
    [
        ((b"X-Checksum", b"1"), True),
        ((b"Remote_User", b"root"), False),
        ((b"Gatepost-Assertion", b"x"), False),
        ((b"Authorization", b"Bearer theirs"), False),
        ((b"X-Api-Key", b"theirs"), False),
        ((b"Content-Length", b"5"), False),
        ((b"Trailer", b"x"), False),
        ((b"X-Secret", b"x"), False),
    ],
)
def test_trailers_are_stripped_as_fields_are(field, passes):
    found = FieldRules([b"x-secret"]).trailers((field,), fields_of())

    assert found == ((field,) if passes else ())


def test_a_head_is_put_together():
    framing = fields_of(b"Accept: */*", b"Content-Length: 5", b"Cookie: a=1")

    assert steady_start(framing, host=b"backend", forwarded=b"X-Forwarded-For: 192.0.2.7\r\n") == (
        b" HTTP/1.1\r\nHost: backend\r\nContent-Length: 5\r\nX-Forwarded-For: 192.0.2.7\r\n"
    )
    assert steady_end(framing, rules=FieldRules(), cookies=b"a=1") == (
        b"Accept: */*\r\nCookie: a=1\r\n\r\n"
    )
    assert steady_end(framing, rules=FieldRules(), cookies=b"") == b"Accept: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("client", "host", "element"),
    [
        ("192.0.2.7", "notes.example.com", 'for=192.0.2.7;host="notes.example.com";proto=https'),
        ("192.0.2.7", "", 'for=192.0.2.7;host="notes.example.com";proto=https'),
        # RFC 7239, sections 4 and 6: an IPv6 address stands in quotes.
        ("2001:db8::1", "a.test:8443", 'for="[2001:db8::1]";host="a.test:8443";proto=https'),
    ],
)
def test_the_app_is_told_who_asked_for_what(client, host, element):
    lines = forwarded_lines(client, "https://notes.example.com", host).decode().split("\r\n")

    assert lines == [
        f"X-Forwarded-For: {client}",
        "X-Forwarded-Proto: https",
        f"X-Forwarded-Host: {host or 'notes.example.com'}",
        "X-Forwarded-Port: 443",
        f"Forwarded: {element}",
        "",
    ]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://a.test", 443),
        ("http://a.test", 80),
        ("https://a.test:8443", 8443),
        ("http://[::1]", 80),
        ("http://[::1]:8080", 8080),
    ],
)
def test_the_app_is_told_the_port_of_the_public_url(url, port):
    host = url.partition("://")[2]
    request = make_request(host=host, public_url=url)

    for lines in (forwarded_lines("192.0.2.7", url, host), forwarded_lines_behind(request, "::1")):
        told = dict(line.split(": ", 1) for line in lines.decode().splitlines())
        assert told["X-Forwarded-Port"] == str(port)
        assert told["X-Forwarded-Host"] == host
        assert f'host="{host}"' in told["Forwarded"]


def test_behind_a_trusted_proxy_its_hops_go_on():
    request = make_request(
        fields=[(b"X-Forwarded-For", b"192.0.2.7"), (b"Forwarded", b"for=192.0.2.7")],
        client="192.0.2.7",
    )

    lines = forwarded_lines_behind(request, "10.0.0.1")

    assert b"X-Forwarded-For: 192.0.2.7, 10.0.0.1\r\n" in lines
    assert b"Forwarded: for=192.0.2.7, for=10.0.0.1;" in lines


@pytest.mark.parametrize(
    ("fields", "trusted", "parent", "states"),
    [
        ((), False, PARENT, b""),
        ((), True, PARENT, b""),
        (((b"traceparent", GIVEN.encode()), (b"tracestate", b"a=1")), False, PARENT, b""),
        (
            ((b"traceparent", GIVEN.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")),
            True,
            GIVEN,
            b"tracestate: a=1\r\ntracestate: b=2\r\n",
        ),
        (((b"traceparent", b"nonsense"), (b"tracestate", b"a=1")), True, PARENT, b""),
    ],
)
def test_a_trace_goes_on_only_from_a_trusted_proxy(fields, trusted, parent, states):
    lines = trace_lines(make_request(fields=fields), lambda given: given or PARENT, trusted=trusted)

    assert lines == f"X-Request-Id: r1\r\ntraceparent: {parent}\r\n".encode() + states
