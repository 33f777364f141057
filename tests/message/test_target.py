import re
from itertools import islice
from posixpath import normpath
from urllib.parse import unquote

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AmbiguousPathError, MalformedRequestError
from gateway.message.readings import all_readings
from gateway.message.target import (
    Target,
    parse_target,
    split_absolute_form,
)
from tests.fixtures.fuzzing import BUDGET, made_up


@pytest.mark.parametrize(
    ("raw", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/?", "/", ""),
        (b"/a/b/", "/a/b/", ""),
        (b"/a?x=/../y;z//%2f\\", "/a", "x=/../y;z//%2f\\"),  # a query may hold anything visible
        (b"/a?x?y", "/a", "x?y"),
        (b"/%61", "/a", ""),  # compared decoded, forwarded as sent
        (b"/a/...", "/a/...", ""),  # three dots are a name
        (b"/.well-known/x", "/.well-known/x", ""),
        (b"/a..b/.c", "/a..b/.c", ""),
        (b"/caf%C3%A9?q=%ff", "/caf\u00e9", "q=%ff"),
        (b"/100%25", "/100%", ""),
        (b"/100%", "/100%", ""),
        (b"/a%20b", "/a b", ""),
        (b"/!$&'()*+,=:@-._~", "/!$&'()*+,=:@-._~", ""),
        (b'/[x]|{y}"<>^`', '/[x]|{y}"<>^`', ""),  # no RFC 3986, but browsers send them
        (b"/" + b"a" * 300 + b"?b", "/" + "a" * 300, "b"),
    ],
)
def test_a_plain_target_has_one_reading(raw, path, query):
    assert parse_target(raw) == Target(raw, path, query, (path,))
    assert not parse_target(raw).is_ambiguous


@pytest.mark.parametrize(
    ("raw", "reading"),
    [
        (b"/public/../admin", "/admin"),
        (b"/public/%2e%2e/admin", "/admin"),
        (b"/public/.%2E/admin", "/admin"),
        (b"/public/%252e%252e/admin", "/admin"),
        (b"/public/..%2fadmin", "/admin"),
        (b"/public/..%5Cadmin", "/admin"),
        (b"/public\\..\\admin", "/admin"),
        (b"/public/..;/admin", "/admin"),
        (b"/public/..;x=1/admin", "/admin"),
        (b"/public/..%3b/admin", "/admin"),
        (b"/public/%c0%ae%c0%ae/admin", "/admin"),
        (b"/public/%e0%80%ae%e0%80%ae/admin", "/admin"),
        (b"/public/..%c0%afadmin", "/admin"),
        (b"/public/%u002e%u002e/admin", "/admin"),
        (b"/public/..%ff/admin", "/admin"),
        (b"/public/.%00./admin", "/admin"),
        (b"/public/.%09./admin", "/admin"),
        (b"/public/..%20/admin", "/admin"),
        (b"/public/x/../../admin/.", "/admin/"),
        (b"/./admin", "/admin"),
        (b"//admin", "/admin"),
        (b"//evil.example/admin", "/admin"),
        (b"//evil.example", "/"),
        (b"/\\evil.example/admin", "/admin"),
        (b"/a//b", "/a/b"),
        (b"/a/..", "/"),
        (b"/../a", "/a"),
        (b"/admin;jsessionid=1/x", "/admin"),
        (b"/admin;x/b", "/admin/b"),
        (b"/admin%00.png", "/admin"),
        (b"/admin%3Fx", "/admin"),
        (b"/admin%23x", "/admin"),
        (b"/admin%0a", "/admin"),
        (b"/admin%7f", "/admin"),
        (b"/admin%20", "/admin"),
        (b"/%20admin", "/admin"),
        (b"/adm%ffin", "/admin"),
        (b"/%2561dmin", "/admin"),
        (b"/a%2Fb", "/a/b"),
        (b"/a%2Fb", "/a%2Fb"),
        (b"/a%5cb", "/a\\b"),
        (b"/%ff", "/\u00ff"),
        (b"/%ff", "/\ufffd"),
        (b"/caf\xc3\xa9", "/caf\u00e9"),
        (b"/caf\xc3\xa9", "/caf\u00c3\u00a9"),  # as Node hands it to the app
        (b"/?\xff", "/"),
    ],
)
def test_every_way_a_server_may_read_it_is_listed(raw, reading):
    target = parse_target(raw)

    assert reading in target.readings
    assert target.raw == raw


@pytest.mark.parametrize(
    ("raw", "path"),
    [(b"/a%2fb", "/a/b"), (b"/a//b", "/a//b"), (b"/a/%2e%2e", "/a/.."), (b"/%ff", "/\ufffd")],
)
def test_the_first_reading_is_the_path_decoded_once(raw, path):
    target = parse_target(raw)

    assert target.path == target.readings[0] == path
    assert target.is_ambiguous


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"a", b"*", b"?x", b"example.com:443", b"http://example.com/", b"/a b", b"/a\x00",
        b"/a\n", b"/a\r\n", b"/a\t", b"/a\x7f", b"/a#b", b"/a?b#c", b"/a?b c", b"/a?\x00", b"\\a",
        b"/" + b"a" * 300 + b" ",
    ],
)  # fmt: skip
def test_what_is_not_origin_form_is_refused(raw):
    with pytest.raises(MalformedRequestError):
        parse_target(raw)


@pytest.mark.parametrize("size", [2, 257, 8193, 100_000])
def test_a_path_of_any_length_is_read(size):
    raw = b"/" + b"a" * (size - 1)

    assert parse_target(raw).path == raw.decode()


def test_a_long_query_is_no_reason_to_call_a_path_unclean():
    target = parse_target(b"/a?" + b"q" * 100_000)

    assert target.readings == ("/a",)


@pytest.mark.parametrize(
    "raw",
    [
        b"/" + b"a/../" * 300,  # longer than any unclean path has to be
        b"/%252e%252e%253b/x;y=1/%5c../%00/%ff/..;/%2f",
        b"/" + b"%252f..;%5c%00" * 20,
    ],
)
def test_a_path_with_too_many_readings_is_refused(raw):
    with pytest.raises(AmbiguousPathError):
        parse_target(raw)


ALPHABET = [
    b"/", b"a", b"admin", b".", b"..", b"%2e", b"%2F", b"%5c", b"\\", b";", b"%3B", b"%25",
    b"%252f", b"%00", b"%09", b"%20", b"%3f", b"%23", b"\xc3\xa9", b"%c3%a9", b"%ff", b"%c0%ae",
    b"%u002e", b"%",
]  # fmt: skip


@given(st.lists(st.sampled_from(ALPHABET), max_size=12).map(b"".join))
def test_the_quick_way_never_misses_a_reading(rest):
    raw = b"/" + rest
    try:
        readings = all_readings(raw)
    except AmbiguousPathError:
        with pytest.raises(AmbiguousPathError):
            parse_target(raw)
        return

    assert parse_target(raw).readings == readings


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw):
    try:
        target = parse_target(raw)
    except (MalformedRequestError, AmbiguousPathError):
        return

    assert target.raw == raw
    assert raw.startswith(b"/")
    assert all(reading.startswith("/") for reading in target.readings)


def no_parameters(path):
    return re.sub(";[^/]*", "", path)


# What servers do with a path, one after the other; the last is always to take out "." and "..".
READERS = {
    "decodes": [unquote],
    "decodes twice": [unquote, unquote],
    "decodes and reads backslashes as slashes": [unquote, lambda path: path.replace("\\", "/")],
    "takes parameters out, then decodes": [no_parameters, unquote],
    "decodes, then takes parameters out": [unquote, no_parameters],
    "decodes, and ends it at a zero byte": [unquote, lambda path: path.partition("\0")[0]],
}


def walked(path):
    """`path` without "." and "..", and without the slashes that servers put in or leave out."""
    return "/" + normpath("/" + path.lstrip("/")).strip("/")


def make_target(chance):
    parts = chance.choices([*ALPHABET, b"?", b"@", b":"], k=chance.randint(1, 8))
    return b"/" + b"".join(parts)


def check_readers(target):
    """Each reader lands where one of the readings does, and llhttp sees path and query as we do."""
    listed = {walked(reading) for reading in target.readings}
    for name, steps in READERS.items():
        path = target.raw.partition(b"?")[0].decode("utf-8", "replace")
        for step in steps:
            path = step(path)
        assert walked(path) in listed, f"a server that {name}: {target.raw!r}"
    if target.raw.isascii():  # llhttp knows no bytes beyond ASCII in a target.
        judged = httptools.parse_url(target.raw)
        assert judged.path == target.raw.partition(b"?")[0]
        assert (judged.query or b"").decode() == target.query
        assert (judged.host, judged.userinfo, judged.fragment) == (None, None, None)


def test_wherever_a_server_lands_with_a_bitten_target_is_listed():
    # Each of these is read seven times.
    budget, refused = BUDGET // 5, 0
    for raw in islice(made_up(make_target), budget):
        try:
            check_readers(parse_target(raw))
        except AmbiguousPathError:
            refused += 1

    assert refused < budget / 2


@pytest.mark.parametrize(
    ("raw", "split"),
    [
        (b"http://example.com/a?b", ("example.com", b"/a?b")),
        (b"HTTPS://Example.com:8443/a", ("Example.com:8443", b"/a")),
        (b"http://example.com", ("example.com", b"/")),
        (b"http://example.com?x", ("example.com", b"/?x")),
        (b"http://[2001:db8::1]:80/", ("[2001:db8::1]:80", b"/")),
        (b"/a", None),
        (b"*", None),
        (b"", None),
        (b"ftp://example.com/", None),
        (b"example.com:443", None),
    ],
)
def test_absolute_form_is_told_apart(raw, split):
    assert split_absolute_form(raw) == split


@pytest.mark.parametrize(
    "raw",
    [
        b"http://", b"http:///a", b"http://user@example.com/", b"http://a:b@example.com/",
        b"http://exa mple.com/", b"http://example.com\\@evil.example/", b"http://[::1/",
        b"http://example.com:80:80/", b"http://example.com#x", b"https://\xff/",
    ],
)  # fmt: skip
def test_a_strange_authority_is_refused(raw):
    with pytest.raises(MalformedRequestError):
        split_absolute_form(raw)
