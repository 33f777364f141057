"""Who did what: shown at the desk, told by a call, and in the audit line of the request."""

import html

import pytest

from tests.e2e.at_desk import MARKUP, SAME, Person, acts, add_people, by_key, gatepost, settings
from tests.fixtures.accounts import OTHER, PASSWORD, command
from tests.fixtures.gateway import gateways


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that ann administers; each test has a person of its own."""
    with gateways(tmp_path_factory.mktemp("journal")) as start:
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
def person(gateway, names):
    name = next(names)
    person = Person(gateway, name)
    person.name = name
    return person


def audit_of(gateway, action, user):
    event = gateway.wait_for_audit(action=action, user=user)
    return event["outcome"], event["target"]


def test_one_finds_who_deleted_a_key(gateway, ann, person):
    _, one = person.make_key("one")
    _, two = person.make_key("two")
    text, three = person.make_key("three")
    person.delete(f"{person.url}/_gatepost/api/keys/{one}", headers=SAME)
    gatepost(gateway, "keys", "revoke", two)
    person.post(f"{person.url}/_gatepost/revoke", data={"token": text})

    assert acts(ann, one)[0] == ("own.key.revoke", person.name, "one", "done")
    assert acts(ann, two)[0] == ("key.revoke", "command line", "two", "done")
    assert acts(ann, three)[0] == ("own.key.revoke", person.name, "three", "done")
    assert [it[0] for it in acts(ann, person.name)] == [
        "own.key.revoke",
        "key.revoke",
        "own.key.revoke",
        *["own.key.create"] * 3,
    ]
    page = ann.desk("/journal", about=two).text
    assert "command line" in page
    assert two in page
    assert audit_of(gateway, "own.key.revoke", person.name)[1]["id"] == one


def test_what_people_do_with_their_own_account_is_told(gateway, ann, person):
    account = "/_gatepost/account"
    other = Person(gateway, person.name)
    sessions = person.get(f"{person.url}/_gatepost/api/sessions").json()
    [gone] = [it["id"] for it in sessions if not it["current"]]
    assert person.form(account, end=gone).status_code == 303
    assert other.whoami() is None
    assert person.form(account, old_password="wrong", new_password=OTHER).status_code == 400
    assert person.form(account, old_password=PASSWORD, new_password=OTHER).status_code == 303
    assert person.form(account, end="all").status_code in (200, 302, 303)

    assert [(it[0], it[3]) for it in acts(ann, person.name)] == [
        ("own.session.end-all", "done"),
        ("own.password.change", "done"),
        ("own.password.change", "failed"),
        ("own.session.end", "done"),
    ]
    assert acts(ann, gone)[0][0] == "own.session.end"
    everything = ann.call("GET", "journal").text
    assert PASSWORD not in everything
    assert OTHER not in everything


def test_what_commands_do_is_told(gateway, ann, person):
    name = person.name
    for arguments in (
        ("set-roles", name, "editor"),
        ("disable", name),
        ("enable", name),
        ("remove-passkeys", name),
        ("reset-password", name),
    ):
        assert command(gateway, *arguments).returncode == 0
    assert command(gateway, "set-secret", name, "notes", text="s3cr3t-value").returncode == 0
    gatepost(gateway, "sessions", "revoke", "--user", name)
    invited = gatepost(gateway, "accounts", "invite", "--email", f"{name}@a.test")

    told = acts(ann, name)
    assert [it[0] for it in told] == [
        "session.end-all",
        "secret.set",
        "password.reset-link",
        "passkey.remove-all",
        "account.enable",
        "account.disable",
        "account.set-roles",
    ]
    assert {it[1] for it in told} == {"command line"}
    assert acts(ann, f"{name}@a.test")[0][0] == "invitation.create"
    assert invited["link"].rpartition("=")[2] not in ann.call("GET", "journal").text
    assert "s3cr3t-value" not in ann.call("GET", "journal").text


def test_names_are_text_on_the_page(gateway, ann, person):
    _, key = person.make_key(MARKUP)
    page = ann.desk("/journal", about=MARKUP)

    assert html.escape(MARKUP, quote=False).split("&amp;")[0] in page.text.replace("&#34;", '"')
    assert MARKUP not in page.text
    assert acts(ann, key)[0][2] == MARKUP


def test_it_has_pages(gateway, ann, person):
    for number in range(60):
        person.make_key(f"key {number}")
    first = ann.call("GET", "journal", about=person.name).json()
    rest = ann.call("GET", "journal", about=person.name, after=first["next"]).json()
    named = [it["target"]["name"] for page in (first, rest) for it in page["items"]]

    assert (len(first["items"]), rest["next"]) == (50, None)
    assert named == [f"key {number}" for number in reversed(range(60))]
    page = ann.desk("/journal", about=person.name)
    assert "Older" in page.text
    assert first["next"] in page.text


def test_a_key_that_acts_is_named(gateway, ann, person):
    whole, key_id = ann.make_key("robot", "gatepost:admin")
    assert by_key(gateway, whole, "GET", "journal").status_code == 200
    # Looking is no act.
    assert [it[0] for it in acts(ann, key_id)] == ["own.key.create"]
