"""Tags of owners, and the cookies of one request and response."""

import hashlib

import pytest

from gateway.message.cookies import set_cookie
from gateway.model import ANONYMOUS, Identity
from gateway.mutate.cookies import EVERYWHERE, OwnNames, Place, decode_note, encode_note, expired
from gateway.mutate.jar import Jar, encode_jar
from gateway.mutate.owners import (
    LONGEST_S,
    CookieOwners,
    OwnCookies,
    marked_sent,
    readable_sent,
)
from tests.builders import make_request

ALICE = Identity("alice", "s1", "https://id.example.com", "session")
BOB = Identity("bob", "s2", "https://id.example.com", "session")
JARS = {"one": Jar("seed1"), "two": Jar("seed2"), "left": Jar("seed1", "", ()), "bad": None}
OWN = OwnCookies(
    names=OwnNames([b"gatepost"]),
    jar=lambda _request: "gatepost-jar",
    note=lambda _request: "gatepost-at-",
    open_jar=lambda _name, value: encode_jar(JARS[value]) if JARS.get(value) else None,
    set_note=lambda request, name, note: set_cookie(
        name, note, secure=request.public_url.startswith("https:"), max_age_s=LONGEST_S
    ),
)


def digests(*keys):
    def compute(*parts):
        return tuple(hashlib.sha256(repr((key, parts)).encode()).hexdigest() for key in keys)

    return compute


@pytest.fixture
def owners():
    return CookieOwners(digests("k"), OWN)


def tag_of(owners, identity, cookie=b"gatepost-jar=one"):
    return owners.tags(identity, make_request(cookie=cookie))[0]


def test_tags_tell_accounts_and_browsers_apart(owners):
    tags = [
        tag_of(owners, ALICE),
        tag_of(owners, BOB),
        tag_of(owners, ALICE, b"gatepost-jar=two"),
        tag_of(owners, ALICE, b""),
        tag_of(owners, ANONYMOUS),
        tag_of(owners, Identity("alice", "s1", "https://other.example.com", "session")),
        tag_of(owners, Identity("alice", "s1", ALICE.issuer, "session", account_id="s1")),
    ]

    assert len(set(tags)) == len(tags)


def test_an_accounts_tag_is_the_same_whichever_identity_it_uses(owners):
    one = Identity("alice", "s1", "https://one.example.com", "session", account_id="acc")
    two = Identity("alice", "s2", "https://two.example.com", "bearer", account_id="acc")

    assert tag_of(owners, one) == tag_of(owners, two)


def test_nobodys_tag_does_not_hang_on_the_jar(owners):
    assert tag_of(owners, ANONYMOUS, b"") == tag_of(owners, ANONYMOUS, b"gatepost-jar=two")


@pytest.mark.parametrize("cookie", [b"gatepost-jar=bad", b"gatepost-jar=", b"gatepost-jar=forged"])
def test_a_jar_that_is_not_ours_is_none(owners, cookie):
    assert tag_of(owners, ALICE, cookie) == tag_of(owners, ALICE, b"")


def test_the_first_jar_that_is_ours_counts(owners):
    cookie = b"gatepost-jar=forged; gatepost-jar=two; gatepost-jar=one"

    assert tag_of(owners, ALICE, cookie) == tag_of(owners, ALICE, b"gatepost-jar=two")


def test_tags_under_an_older_secret_still_count():
    before = CookieOwners(digests("old"), OWN)
    after = CookieOwners(digests("new", "old"), OWN)

    tags = after.tags(ALICE, make_request(cookie=b""))

    assert tags[1:] == before.tags(ALICE, make_request(cookie=b""))


def set_by_app(owners, raw, identity=ALICE, cookie=b"", path="/app/x"):
    return owners.of(make_request(path.encode(), cookie=cookie), identity).from_app(raw)


def test_an_http_only_cookie_is_marked(owners):
    tag = tag_of(owners, ALICE, b"")

    assert set_by_app(owners, b"sid=1; Path=/; HttpOnly") == (
        b"sid~gp" + tag + b"=1; Path=/; HttpOnly",
    )


def test_a_readable_cookie_is_left_alone(owners):
    assert set_by_app(owners, b"theme=dark; Path=/") == (b"theme=dark; Path=/",)


def test_what_of_the_other_kind_was_sent_is_taken_away(owners):
    name = b"sid~gp" + tag_of(owners, ALICE, b"")
    place = Place(b"/app")

    hidden = set_by_app(owners, b"sid=1; Path=/app; HttpOnly", cookie=b"sid=0")
    readable = set_by_app(owners, b"sid=1; Path=/", cookie=name + b"=0")

    assert hidden[1:] == (expired(b"sid", place, secure=True),)
    assert readable == (b"sid=1; Path=/", expired(name, EVERYWHERE, secure=True))


def test_a_deletion_takes_both_kinds_away(owners):
    tag = tag_of(owners, ALICE, b"")

    assert set_by_app(owners, b"sid=; Path=/; Max-Age=0") == (
        b"sid=; Path=/; Max-Age=0",
        b"sid~gp" + tag + b"=; Path=/; Max-Age=0",
    )


def test_where_the_owner_is_unknown_nothing_is_kept_or_given(owners):
    owned = owners.of(make_request(cookie=b"gatepost-jar=one"), None)

    assert owned.tags() == ()
    assert owned.from_app(b"sid=1; HttpOnly") == ()
    assert owned.from_app(b"theme=dark; Path=/") == (b"theme=dark; Path=/",)
    assert owned.from_app(b"sid=; Path=/; Max-Age=0") == (b"sid=; Path=/; Max-Age=0",)


def test_an_app_cannot_set_what_looks_marked(owners):
    name = b"sid~gp" + b"0" * 16

    assert set_by_app(owners, name + b"=1; Path=/") == ()
    assert set_by_app(owners, name + b"=1; Path=/; HttpOnly")[0].startswith(name + b"~gp")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"t=1; Path=/app", Place(b"/app")),
        (b"t=1", Place(b"/app")),
        (b"t=1; Path=/; Domain=example.com", Place(b"/", b"example.com")),
        (b"t=1; Path=/; samesite=STRICT", EVERYWHERE),
    ],
)
def test_a_note_is_left_of_a_readable_cookie_that_a_sign_in_would_not_see(owners, raw, place):
    answer = set_by_app(owners, raw)
    pair, *attributes = answer[1].split(b"; ")
    name, _, value = pair.partition(b"=")
    again = set_by_app(owners, raw, cookie=pair)

    assert answer[0] == raw
    assert name.startswith(b"gatepost-at-")
    assert decode_note(value) == (b"t", place)
    assert {b"HttpOnly", b"Secure", b"Path=/"} <= set(attributes)
    assert again == (raw,)


def test_readable_cookies_sent_and_noted_are_found_once(owners):
    note = encode_note(b"t", Place(b"/app"))
    ours = encode_note(b"gatepost", Place(b"/"))
    mark = b"sid~gp" + b"0" * 16
    own = b"gatepost=x; gatepost-at-1=%b; gatepost-at-2=%b; gatepost-at-3=bad" % (note, ours)
    cookie = b"a=1; a=2; " + mark + b"=1; " + own

    assert readable_sent(make_request(cookie=cookie), OWN) == [
        (b"a", EVERYWHERE),
        (b"gatepost-at-1", EVERYWHERE),
        (b"t", Place(b"/app")),
        (b"gatepost-at-2", EVERYWHERE),
        (b"gatepost-at-3", EVERYWHERE),
    ]


def test_marked_cookies_sent_are_found_by_their_tags():
    cookie = b"a~gp" + b"1" * 16 + b"=x; b~gp" + b"2" * 16 + b"=x; c=~gp" + b"1" * 16

    assert marked_sent(make_request(cookie=cookie), (b"1" * 16,)) == [b"a~gp" + b"1" * 16]
