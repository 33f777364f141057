"""The jar of a browser, and what is taken from it."""

import pytest

from gateway.endpoints.app_cookies import AppCookies
from gateway.endpoints.cookies import CookieRules
from gateway.model import Identity
from gateway.mutate.cookies import marked
from gateway.sealing.sealer import Sealer
from gateway.sessions.session import Session
from tests.builders import make_request

ALICE = Identity("alice", "s1", "https://id.example.com", "session")
BOB = Identity("bob", "s2", "https://id.example.com", "session")
SEALER = Sealer((b"0" * 32,))


def make(sealer=SEALER, **rules):
    names = (b"gatepost", b"__Host-gatepost")
    return AppCookies(CookieRules(**rules), sealer, names)


def signed_in(cookies, request, identity, *, session="s" * 64, now=1000.5, had_left=False):
    found = Session(session, identity, "idp", now, now, "", "192.0.2.7")
    return cookies.signed_in(request, found, had_left=had_left)


def jar_of(fields):
    return fields[0][1].partition(";")[0].encode()


def cleared(fields):
    return [value for _, value in fields[1:]]


@pytest.mark.parametrize(
    ("public_url", "domain", "name", "marks"),
    [
        ("https://notes.example.com", None, "__Host-gatepost-jar=", ["Secure", "Path=/"]),
        ("http://notes.example.com", None, "gatepost-jar=", ["Path=/"]),
        ("https://notes.example.com", "example.com", "gatepost-jar=", ["Domain=example.com"]),
    ],
)
def test_the_jar_is_kept_as_the_session_is(public_url, domain, name, marks):
    (field,) = signed_in(make(domain=domain), make_request(public_url=public_url), ALICE)

    value, *attributes = field[1].split("; ")
    assert field[0] == "Set-Cookie"
    assert value.startswith(name)
    assert {"HttpOnly", "Max-Age=34560000", *marks} <= set(attributes)


def test_in_frames_the_jar_and_the_notes_are_partitioned_too():
    cookies = make(same_site="none", partitioned=True)
    (_, jar), *_ = signed_in(cookies, make_request(), ALICE)
    owned = cookies.owners.of(make_request(cookie=jar.partition(";")[0].encode()), ALICE)
    assert owned is not None
    _, note = owned.from_app(b"theme=dark; Path=/deep")

    for value in (jar, note.decode()):
        assert {"Secure", "SameSite=None", "Partitioned"} <= set(value.split("; "))
    sent = note.partition(b";")[0] + b"; " + jar.partition(";")[0].encode()
    left = cleared(cookies.signed_out(make_request(cookie=sent), ALICE))
    assert any(it.startswith(note.decode().partition("=")[0]) for it in left)
    assert [it for it in left if "-at-" in it] == [it for it in left if "Partitioned" in it]


def test_a_sign_out_parts_an_account_from_its_marks_and_no_other():
    cookies = make()
    jar = jar_of(signed_in(cookies, make_request(), ALICE))
    before = [cookies.owners.tags(who, make_request(cookie=jar)) for who in (ALICE, BOB)]

    after = jar_of(cookies.signed_out(make_request(cookie=jar), ALICE))
    alice, bob = [cookies.owners.tags(who, make_request(cookie=after)) for who in (ALICE, BOB)]

    assert before[0] != alice
    assert before[1] == bob


def test_of_a_session_that_is_over_the_last_account_signs_out():
    cookies = make()
    jar = jar_of(signed_in(cookies, make_request(), ALICE))
    before = cookies.owners.tags(ALICE, make_request(cookie=jar))

    after = jar_of(cookies.signed_out(make_request(cookie=jar), None))

    assert cookies.owners.tags(ALICE, make_request(cookie=after)) != before
    assert cookies.signed_out(make_request(cookie=b"theme=dark"), None) == ()


def test_a_sign_out_takes_what_it_is_sent():
    cookies = make()
    jar = jar_of(signed_in(cookies, make_request(), ALICE))
    tag = cookies.owners.tags(ALICE, make_request(cookie=jar))[0]
    sent = b"; ".join((jar, b"__Host-gatepost=x", b"theme=dark", b"sid~gp" + tag + b"=1"))

    fields = cookies.signed_out(
        make_request(cookie=sent + b"; other~gp" + b"0" * 16 + b"=2"), ALICE
    )

    assert cleared(fields) == [
        "theme=; Max-Age=0; Path=/; Secure",
        f"sid~gp{tag.decode()}=; Max-Age=0; Path=/; Secure",
    ]


@pytest.mark.parametrize(("first", "count"), [(None, 0), (ALICE, 0), (BOB, 1)])
def test_readable_cookies_are_taken_at_a_change_of_account_only(first, count):
    cookies = make()
    jar = b"" if first is None else jar_of(signed_in(cookies, make_request(), first))

    fields = signed_in(cookies, make_request(cookie=jar + b"; theme=dark"), ALICE)

    assert len(cleared(fields)) == count


def test_a_change_of_secret_is_no_change_of_account():
    old, new = b"0" * 32, b"1" * 32
    before, after = make(Sealer((old,))), make(Sealer((new, old)))
    jar = jar_of(signed_in(before, make_request(), ALICE))
    tags = before.owners.tags(ALICE, make_request(cookie=jar))

    assert cleared(signed_in(after, make_request(cookie=jar + b"; theme=dark"), ALICE)) == []
    assert tags[0] in after.owners.tags(ALICE, make_request(cookie=jar))


@pytest.mark.parametrize("name", [b"\xff\xfe", b"\xc3\xa4", b'"', b"a b"])
def test_a_strange_name_does_no_harm(name):
    cookies = make()
    jar = jar_of(signed_in(cookies, make_request(), ALICE))

    fields = cookies.signed_out(make_request(cookie=jar + b"; " + name + b"=1"), ALICE)

    for _, value in fields:
        assert value.encode()
        assert "\r" not in value


def test_the_jar_tells_which_session_was_the_last_to_begin():
    cookies = make()
    request = make_request()
    assert cookies.session_before(request) is None

    request = make_request(cookie=jar_of(signed_in(cookies, request, ALICE, session="a" * 64)))
    assert cookies.session_before(request) == ("a" * 64, 1000.0)
    request = make_request(cookie=jar_of(signed_in(cookies, request, BOB, session="b" * 64)))
    assert cookies.session_before(request) == ("b" * 64, 1000.0)
    request = make_request(cookie=jar_of(cookies.signed_out(request, BOB)))
    assert cookies.session_before(request) is None


@pytest.mark.parametrize(("who", "taken"), [(ALICE, 2), (BOB, 1)])
def test_a_sign_out_elsewhere_parts_an_account_from_its_marks_at_the_next_sign_in(who, taken):
    cookies = make()
    jar = jar_of(signed_in(cookies, make_request(), ALICE))
    before = make_request(cookie=jar)
    (tag,) = cookies.owners.tags(ALICE, before)
    of_bob = cookies.owners.tags(BOB, before)
    sent = make_request(cookie=jar + b"; theme=dark; " + marked(b"sid", tag) + b"=1")

    fields = signed_in(cookies, sent, who, had_left=True)

    after = make_request(cookie=jar_of(fields))
    assert cookies.owners.tags(ALICE, after) != (tag,)
    assert cookies.owners.tags(BOB, after) == of_bob
    assert len(cleared(fields)) == taken
