"""Who may use the administrator's desk, and what all its pages and calls have in common."""

import pytest

from tests.e2e.at_desk import Person, add_people, by_key, settings
from tests.e2e.browsing import PAGE
from tests.fixtures.gateway import gateways


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway where ann is the administrator and bob is not."""
    with gateways(tmp_path_factory.mktemp("desk")) as start:
        started = start(settings())
        add_people(started, "ann", "bob")
        yield started


@pytest.fixture(scope="module")
def ann(gateway):
    return Person(gateway, "ann")


@pytest.fixture(scope="module")
def bob(gateway):
    return Person(gateway, "bob")


PAGES = ["", "/journal"]
CALLS = ["journal", "explain?request_id=x"]


def test_an_administrator_finds_the_desk_from_the_account_page(ann, bob):
    assert 'href="/_gatepost/admin"' in ann.page("/_gatepost/account").text
    assert "/_gatepost/admin" not in bob.page("/_gatepost/account").text

    first = ann.desk("")
    page = ann.page(first.headers["Location"])

    assert (first.status_code, page.status_code) == (302, 200)
    assert 'aria-current="page"' in page.text
    assert "no-store" in page.headers["Cache-Control"]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_else_sees_a_page(gateway, ann, bob, path):
    key, _ = ann.make_key("all", "gatepost:admin")
    stranger = Person(gateway, None)

    refused = bob.desk(path)
    asked = stranger.desk(path)
    with_key = stranger.page(f"/_gatepost/admin{path}", **{"X-API-Key": key})

    assert (refused.status_code, "not-an-administrator" in refused.text) == (403, True)
    assert asked.status_code == 302
    assert asked.headers["Location"].startswith("/_gatepost/sign-in?return_to=/_gatepost/admin")
    # A page is for a browser: a key does not open it.
    assert with_key.status_code == 302


@pytest.mark.parametrize("path", CALLS)
def test_a_call_needs_a_session_or_a_key_with_the_scope_of_an_administrator(
    gateway, ann, bob, path
):
    whole, _ = ann.make_key("whole", "gatepost:admin")
    other, _ = ann.make_key("other", "read")
    of_bob, _ = bob.make_key("whole", "gatepost:admin")
    answers = {
        "ann": ann.call("GET", path),
        "bob": bob.call("GET", path),
        "nobody": Person(gateway, None).call("GET", path),
        "whole": by_key(gateway, whole, "GET", path),
        "other": by_key(gateway, other, "GET", path),
        "of_bob": by_key(gateway, of_bob, "GET", path),
        "wrong": by_key(gateway, "gp_" + "a" * 40, "GET", path),
    }
    told = {who: (it.status_code, it.json().get("reason")) for who, it in answers.items()}
    expected = told["ann"]

    assert expected[0] in (200, 404)
    assert told == {
        "ann": expected,
        "whole": expected,
        "bob": (403, "not-an-administrator"),
        "of_bob": (403, "not-an-administrator"),
        "other": (403, "scope-missing"),
        "nobody": (401, "sign-in-required"),
        "wrong": (401, "malformed-credential"),
    }
    assert all(it.headers["Content-Type"].endswith("json") for it in answers.values())


def test_head_is_answered_without_content(ann):
    for path in ("/_gatepost/admin/journal", "/_gatepost/api/admin/journal"):
        answer = ann.head(ann.url + path, headers=PAGE)
        assert (answer.status_code, answer.content) == (200, b"")


def test_nothing_is_there_by_another_name_or_method(ann):
    assert ann.desk("/nothing").status_code == 404
    assert ann.desk("/journal/1").status_code == 404
    assert ann.call("GET", "nothing").status_code == 404
    assert ann.call("DELETE", "journal").status_code == 405
    assert ann.act("/journal", about="x").status_code == 405


def test_without_administrators_there_is_no_desk(gateway_process):
    """Local accounts may be administrators by themselves, see test_desk_first_admin.py."""
    provider = {"issuer": "http://127.0.0.1:9", "client_id": "notes", "client_auth": "none"}
    gateway = gateway_process(
        settings(admins=None, auth_mode="oidc-only", providers={"idp": provider})
    )
    stranger = Person(gateway, None)

    assert [stranger.desk(path).status_code for path in PAGES] == [404, 404]
    assert stranger.call("GET", "journal").json()["reason"] == "no-route"


def test_a_condition_that_a_new_sign_in_meets_asks_for_one(gateway_process):
    gateway = gateway_process(settings(admins=[{"user": "ann", "max_age": "1s"}]))
    add_people(gateway, "ann")
    ann = Person(gateway)
    key, _ = ann.make_key("whole", "gatepost:admin")

    # A key cannot sign in anew, so it never meets the condition.
    assert by_key(gateway, key, "GET", "journal").json()["reason"] == "not-an-administrator"
