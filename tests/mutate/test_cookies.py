"""Cookies of an app as a browser sends, keeps and forgets them."""

import pytest

from gateway.mutate.cookies import (
    EVERYWHERE,
    OwnNames,
    Place,
    cookies_to_app,
    decode_note,
    encode_note,
    expired,
    is_marked,
    marked,
    parse_set_cookie,
)

OWN = OwnNames([b"gatepost", b"__Host-gatepost"])
ALICE, OLD, BOB = b"a" * 16, b"0" * 16, b"b" * 16
A, O, B = b"~gp" + ALICE, b"~gp" + OLD, b"~gp" + BOB  # noqa: E741 - O is old
NOW = 1_800_000_000.0


def for_alice(*fields):
    return cookies_to_app(list(fields), OWN, lambda: (ALICE, OLD))


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (b"", b""),
        (b"a=1", b"a=1"),
        (b"a=1; b=2;c=3 ;  d=4;;", b"a=1; b=2; c=3; d=4"),
        (b"a=1; a=2; a=1", b"a=1; a=2; a=1"),
        (b"a=x=y; b", b"a=x=y; b"),
        (b"gatepost=1; gatepost-jar=2; __Host-gatepost-at-1=3; a=1", b"a=1"),
        (b"gatepost =1;\tgatepost\t=2; gatepost", b""),
        (b"gatepostage=1; xgatepost=2", b"gatepostage=1; xgatepost=2"),
        (b"sid" + A + b"=1", b"sid=1"),
        (b"sid" + B + b"=1", b""),
        (b"sid" + O + b"=1", b"sid=1"),
        (b"sid" + O + b"=1; sid" + A + b"=2", b"sid=2"),
        (b"sid" + A + b"=1; sid" + A + b"=2", b"sid=1; sid=2"),
        (b"sid=planted; sid" + A + b"=1", b"sid=1"),
        (b"sid=readable; sid" + B + b"=1", b"sid=readable"),
        (b"b=1; sid" + A + b"=2; a=3", b"b=1; sid=2; a=3"),
        (b"__Host-sid" + A + b"=1", b"__Host-sid=1"),
        (b"a~b" + A + b"=1; a~b=2", b"a~b=1"),
        (b"a" + B + A + b"=1", b"a" + B + b"=1"),
        (A + b"=nameless", b"nameless"),
        (b"sid" + A.upper() + b"=1", b"sid" + A.upper() + b"=1"),
        (b"sid" + A + b"0=1; x~y=2", b"sid" + A + b"0=1; x~y=2"),
        (b"sid=x" + A, b"sid=x" + A),
    ],
)
def test_what_goes_on_for_the_owner(sent, passed):
    assert for_alice(sent) == passed


def test_several_fields_are_one():
    assert for_alice(b"a=1; gatepost=x", b"b=2; sid" + A + b"=3") == b"a=1; b=2; sid=3"


@pytest.mark.parametrize("tags", [None, lambda: ()])
def test_no_owned_cookie_goes_on_where_nobody_owns_any(tags):
    assert cookies_to_app([b"sid" + A + b"=1; a=1"], OWN, tags) == b"a=1"


def test_the_owner_is_not_asked_for_where_nothing_is_marked():
    def ask():
        raise AssertionError

    assert cookies_to_app([b"gatepost=1; a~b=2"], OWN, ask) == b"a~b=2"


@pytest.mark.parametrize(
    ("raw", "name", "value", "http_only"),
    [
        (b"sid=1", b"sid", b"1", False),
        (b"sid=1; HttpOnly", b"sid", b"1", True),
        (b"  sid = 1 ;httponly", b"sid", b"1", True),
        (b"sid=1; HTTPONLY=false", b"sid", b"1", True),
        (b"sid=1; x=httponly", b"sid", b"1", False),
        (b"sid=HttpOnly", b"sid", b"HttpOnly", False),
        (b'sid="a b"; Path=/; httpOnly ', b"sid", b'"a b"', True),
        (b"sid=a=b; HttpOnly", b"sid", b"a=b", True),
        (b"value; HttpOnly", b"", b"value", True),
        (b"=value; Path=/; HttpOnly", b"", b"value", True),
        (b"", b"", b"", False),
    ],
)
def test_a_set_cookie_is_read_as_browsers_read_it(raw, name, value, http_only):
    cookie = parse_set_cookie(raw)

    assert (cookie.name, cookie.value, cookie.is_http_only) == (name, value, http_only)


@pytest.mark.parametrize(
    ("raw", "renamed"),
    [
        (b"sid=1; Path=/; HttpOnly", b"sid" + A + b"=1; Path=/; HttpOnly"),
        (b" sid = 1 ;HttpOnly; Future=x", b"sid" + A + b"=1;HttpOnly; Future=x"),
        (b"__Secure-s=1; Secure", b"__Secure-s" + A + b"=1; Secure"),
        (b"value; HttpOnly", A + b"=value; HttpOnly"),
    ],
)
def test_another_name_keeps_everything_else(raw, renamed):
    cookie = parse_set_cookie(raw)

    assert cookie.named(marked(cookie.name, ALICE)) == renamed


@pytest.mark.parametrize(
    ("attributes", "deletes"),
    [
        (b"", False),
        (b"Max-Age=0", True),
        (b"max-age=-1", True),
        (b"Max-Age=000", True),
        (b"Max-Age=1", False),
        (b"Max-Age=" + b"9" * 5000, False),
        (b"Max-Age=", False),
        (b"Max-Age=0x; Expires=Wed, 21 Oct 2099 07:28:00 GMT", False),
        (b"Max-Age=0; Max-Age=60", False),
        (b"Max-Age=60; Max-Age=bad", False),
        (b"Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        (b"expires=Thu, 01-Jan-1970 00:00:00 GMT", True),
        (b"Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", False),
        (b"Expires=Wed, 21 Oct 2099 07:28:00 GMT", False),
        (b"Expires=Wed, 21 Oct 2099 07:28:00 GMT; Max-Age=0", True),
        (b"Expires=0", False),
        (b"Expires=nonsense", False),
        (b"Expires=\xff", False),
        (b"Expires=Wed, 21 Oct 99999999 07:28:00 GMT", False),
    ],
)
def test_a_deletion_is_told_from_a_cookie(attributes, deletes):
    assert parse_set_cookie(b"sid=x; " + attributes).is_deletion(NOW) is deletes


@pytest.mark.parametrize(
    ("attributes", "request_path", "place"),
    [
        (b"Path=/", b"/app/x", EVERYWHERE),
        (b"Path=/app", b"/", Place(b"/app")),
        (b"", b"/app/x", Place(b"/app")),
        (b"", b"/app/", Place(b"/app")),
        (b"", b"/app", EVERYWHERE),
        (b"Path=app", b"/x/y/z", Place(b"/x/y")),
        (b"path=/a; PATH=/b", b"/", Place(b"/b")),
        (b"Path=/; Domain=.example.com", b"/", Place(b"/", b"example.com")),
        (b"Path=/; Domain=", b"/", EVERYWHERE),
        (b"Path=/; Partitioned", b"/", Place(b"/", b"", partitioned=True)),
    ],
)
def test_where_a_browser_keeps_a_cookie(attributes, request_path, place):
    assert parse_set_cookie(b"sid=x; " + attributes).place(request_path) == place


def test_a_cookie_is_taken_away_where_it_is_kept():
    place = Place(b"/app", b"example.com", partitioned=True)

    assert expired(b"sid", EVERYWHERE, secure=False) == b"sid=; Max-Age=0; Path=/"
    assert expired(b"sid", place, secure=True) == (
        b"sid=; Max-Age=0; Path=/app; Domain=example.com; Secure; Partitioned"
    )


@pytest.mark.parametrize("place", [EVERYWHERE, Place(b"/a b", b"example.com", partitioned=True)])
@pytest.mark.parametrize("name", [b"", b"sid", b"\xc3\xa4"])
def test_a_note_is_read_back(name, place):
    assert decode_note(encode_note(name, place)) == (name, place)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"...",
        b"a.b",
        b"!.!.!.!",
        encode_note(b"sid; x", EVERYWHERE),
        encode_note(b"sid", Place(b"/\r\nX: y")),
        encode_note(b"sid", Place(b"relative")),
        encode_note(b"sid", Place(b"/", b"a;b")),
    ],
)
def test_a_forged_note_says_nothing(value):
    assert decode_note(value) is None


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        (b"sid" + A, True),
        (A, True),
        (b"sid~gp", False),
        (b"sid", False),
        (b"sid" + A + b"f", False),
    ],
)
def test_a_marked_name_is_recognised(name, is_ours):
    assert is_marked(name) is is_ours
