"""Who is signed in, and all keys: listed, ended and revoked at the desk or by a call."""

import html
import re

import pytest

from tests.e2e.at_desk import CROSS, MARKUP, Person, acts, add_people, by_key, settings
from tests.fixtures.gateway import gateways


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that ann administers; each test has a person of its own."""
    with gateways(tmp_path_factory.mktemp("sessions")) as start:
        started = start(settings())
        add_people(started, "ann", *(f"p{number}" for number in range(20)))
        yield started


@pytest.fixture(scope="module")
def ann(gateway):
    return Person(gateway, "ann")


@pytest.fixture(scope="module")
def names():
    return (f"p{number}" for number in range(20))


@pytest.fixture
def name(names):
    return next(names)


def every(person, path, **query):
    found, after = [], ""
    while after is not None:
        answer = person.call("GET", path, after=after, **query)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) <= 50
        found += answer.json()["items"]
        after = answer.json()["next"]
    return found


def test_a_session_is_seen_and_ended_by_page_call_and_key(gateway, ann, name):
    people = [Person(gateway, name) for _ in range(3)]
    people[0].headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    key, key_id = ann.make_key("robot", "gatepost:admin")
    listed = every(ann, "sessions", user=name)
    page = ann.desk("/sessions", user=name).text

    assert {it["user"] for it in listed} == {name}
    assert [it["current"] for it in listed] == [False] * 3
    assert all(it["id"] in page for it in listed)
    assert {it["id"] for it in listed} < {it["id"] for it in every(ann, "sessions")}
    one, two, three = (it["id"] for it in listed)
    assert ann.act("/sessions", end=one).status_code == 303
    assert ann.call("DELETE", f"sessions/{two}").status_code == 204
    assert by_key(gateway, key, "DELETE", f"sessions/{three}").status_code == 204
    assert [it.whoami() for it in people] == [None] * 3
    gone = ann.call("DELETE", f"sessions/{one}")
    assert (gone.status_code, gone.json()["reason"]) == (404, "no-such-item")
    for wrong in ("x", "0" * 64, "%00", "..", "a" * 600):
        assert ann.call("DELETE", f"sessions/{wrong}").status_code in (400, 404)
    assert [it[0] for it in acts(ann, name)] == ["session.end"] * 3
    assert acts(ann, three)[0][:2] == ("session.end", "ann")
    assert acts(ann, key_id)[0][0] == "session.end"


def test_all_sessions_of_a_person_are_ended(gateway, ann, name, names):
    other = next(names)
    people = [Person(gateway, name) for _ in range(2)]
    bystander = Person(gateway, other)

    assert ann.call("POST", "sessions/end", {"user": name}).json() == {"ended": 2}
    assert ann.act("/sessions", end_all_of=name).status_code == 303
    assert [it.whoami() for it in people] == [None] * 2
    assert bystander.whoami() is not None
    for body in ({}, {"user": 1}, {"user": name, "all": True}, {"user": ""}):
        assert ann.call("POST", "sessions/end", body).status_code == 400


def test_many_sessions_have_pages(gateway, ann, name):
    people = [Person(gateway, name) for _ in range(12)]
    assert len(every(ann, "sessions", user=name)) == 12
    first = ann.call("GET", "sessions").json()

    assert len(first["items"]) <= 50
    assert {it["user"] for it in every(ann, "sessions")} >= {"ann", name}
    assert all(it.whoami() for it in people)
    page = ann.page("/_gatepost/admin/sessions")
    seen = page.text
    while more := re.search(r'href="[^"]*(\?after=[^"]+)"', page.text):
        page = ann.page(f"/_gatepost/admin/sessions{html.unescape(more[1])}")
        seen += page.text
    assert seen.count(f">{name}<") == 12
    assert ann.call("GET", "sessions", after="app:\x00").status_code == 400


def test_a_key_is_seen_and_revoked_by_page_call_and_key(gateway, ann, name):
    person = Person(gateway, name)
    made = [person.make_key(f"key {number}", "read") for number in range(3)]
    robot, _ = ann.make_key("robot", "gatepost:admin")
    listed = every(ann, "keys", user=name)
    page = ann.desk("/keys", user=name).text

    assert [(it["user"], it["scopes"]) for it in listed] == [(name, ["read"])] * 3
    assert all(key_id in page for _, key_id in made)
    assert {key_id for _, key_id in made} <= {it["id"] for it in every(ann, "keys")}
    assert not any(text in page for text, _ in made)
    ids = [key_id for _, key_id in made]
    assert ann.act("/keys", revoke=ids[0]).status_code == 303
    assert ann.call("DELETE", f"keys/{ids[1]}").status_code == 204
    assert by_key(gateway, robot, "DELETE", f"keys/{ids[2]}").status_code == 204
    assert every(ann, "keys", user=name) == []
    url = f"{gateway.base_url}/_gatepost/whoami"
    for text, _ in made:
        assert Person(gateway, None).get(url, headers={"X-API-Key": text}).status_code == 401
    gone = ann.call("DELETE", f"keys/{ids[0]}")
    assert (gone.status_code, gone.json()["reason"]) == (404, "no-such-item")
    assert [it[0] for it in acts(ann, ids[1])] == ["key.revoke", "own.key.create"]


def test_a_key_is_made_for_somebody(gateway, ann, name):
    wanted = {"user": name, "name": "backup", "scopes": ["read"], "expires_in": "1h"}
    made = ann.call("POST", "keys", wanted)
    form = {"create_key": "1", "user": name, "name": "other", "expires_in": "7d"}
    page = ann.act("/keys", **form, **{"scope:read": "on"})
    [shown] = re.findall(r"<code>(gp_[^<]+)</code>", page.text)

    assert (made.status_code, page.status_code) == (201, 201)
    url = f"{gateway.base_url}/_gatepost/whoami"
    for text in (made.json()["key"], shown):
        who = Person(gateway, None).get(url, headers={"X-API-Key": text}).json()
        assert (who["user"], who["scopes"]) == (name, ["read"])
        assert text not in ann.call("GET", "journal").text + ann.desk("/keys").text
        assert text not in gateway.log()
    assert acts(ann, made.json()["id"])[0][:2] == ("key.create", "ann")


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"user": "nobody-at-all"}, 404, "no-such-item"),
        ({"scopes": ["write"]}, 403, "scope-not-grantable"),
        ({"name": ""}, 400, "invalid-request"),
        ({"expires_in": "99999d"}, 400, "invalid-request"),
        ({"user": None}, 400, "invalid-request"),
        ({"more": 1}, 400, "invalid-request"),
    ],
)
def test_a_key_that_is_not_allowed_is_not_made(ann, change, status, reason):
    wanted = {"user": "p19", "name": "x", "scopes": [], "expires_in": "1h", **change}
    answer = ann.call("POST", "keys", wanted)

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert every(ann, "keys", user="p19") == []


def test_nobody_else_ends_or_revokes_anything(gateway, ann, name, names):
    person, bob = Person(gateway, name), Person(gateway, next(names))
    _, key_id = person.make_key(MARKUP)
    [session] = [it["id"] for it in every(ann, "sessions", user=name)]
    answers = [
        bob.call("DELETE", f"sessions/{session}"),
        bob.call("DELETE", f"keys/{key_id}"),
        bob.call("POST", "sessions/end", {"user": name}),
        bob.call("POST", "keys", {"user": name, "name": "x"}),
        bob.act("/sessions", end=session),
        bob.act("/keys", revoke=key_id),
        *(
            call
            for headers in (CROSS, {})
            for call in (
                ann.call("DELETE", f"sessions/{session}", headers=headers),
                ann.call("DELETE", f"keys/{key_id}", headers=headers),
                ann.call("POST", "sessions/end", {"user": name}, headers),
                ann.act("/sessions", headers, end=session),
                ann.act("/keys", headers, revoke=key_id),
            )
        ),
    ]

    assert {it.status_code for it in answers} == {403}
    assert person.whoami()["user"] == name
    assert [it["name"] for it in every(ann, "keys", user=name)] == [MARKUP]
    assert MARKUP not in ann.desk("/keys", user=name).text
    assert acts(ann, session) == []


def test_ending_ones_own_session_ends_it(gateway, name):
    boss = Person(gateway, "ann")
    [own] = [it["id"] for it in every(boss, "sessions", user="ann") if it["current"]]

    assert boss.act("/sessions", end=own).status_code == 303
    assert boss.desk("/sessions").status_code == 302
    assert boss.call("GET", "sessions").status_code == 401
