"""Accounts at the desk: found, shown and changed, by pages and by calls."""

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.cli.opened import load_settings, with_kept
from tests.e2e.at_desk import CROSS, MARKUP, Person, acts, add_people, by_key, gatepost, settings
from tests.fixtures.accounts import OTHER
from tests.fixtures.gateway import gateways

MORE = 120


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that ann and zoe administer; each test has a person of its own."""
    with gateways(tmp_path_factory.mktemp("accounts")) as start:
        started = start(settings(admins=[{"user": "ann"}, {"role": "chief"}]))
        add_people(started, "ann", *(f"p{number}" for number in range(30)))
        add_people(started, "zoe", roles=("chief",))
        yield started


@pytest.fixture(scope="module")
def ann(gateway):
    return Person(gateway, "ann")


@pytest.fixture(scope="module")
def zoe(gateway):
    return Person(gateway, "zoe")


@pytest.fixture(scope="module")
def names():
    return (f"p{number}" for number in range(30))


@pytest.fixture
def name(names):
    return next(names)


def account_of(person, name):
    answer = person.call("GET", f"accounts/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def link(gateway, subject, *options):
    issuer = ("--issuer", "https://id.test")
    return gatepost(gateway, "accounts", "link", *issuer, "--subject", subject, *options)


def test_an_account_is_found_by_its_name_its_address_or_its_id(gateway, ann, names):
    name = next(names)
    add_people(gateway, "mia", email="Mia@a.test")
    account_id = account_of(ann, "mia")["id"]

    for search in ("mia", "MIA", "mia@a.test", account_id):
        found = ann.call("GET", "accounts", search=search).json()
        assert ([it["user"] for it in found["items"]], found["next"]) == (["mia"], None)
        page = ann.desk("/accounts", search=search).text
        assert f'href="/_gatepost/admin/accounts/{account_id}"' in page
    for search in ("mi", "nobody@a.test", "x" * 1000, "%00", "\ud7ff", "a\u2028b"):
        assert ann.call("GET", "accounts", search=search).status_code == 200
    assert "Nothing was found" in ann.desk("/accounts", search="mi").text
    assert ann.call("GET", f"accounts/{name}x").json()["reason"] == "no-such-account"
    assert ann.desk(f"/accounts/{name}x").status_code == 404


def test_every_account_is_on_one_page(gateway, ann):
    add_people(gateway, *(f"many-{number}" for number in range(MORE)))
    seen, after = [], ""
    while after is not None:
        answer = ann.call("GET", "accounts", after=after).json()
        assert len(answer["items"]) <= 50
        seen += [it["user"] for it in answer["items"]]
        after = answer["next"]

    assert len(seen) == len(set(seen))
    assert {f"many-{number}" for number in range(MORE)} <= set(seen)
    pages, query = 0, ""
    while query is not None:
        page = ann.page(f"/_gatepost/admin/accounts{query}").text
        pages += 1
        more = re.search(r'href="[^"]*(\?after=[^"]+)"', page)
        query = more and html.unescape(more[1])
    assert pages >= MORE / 50
    assert ann.call("GET", "accounts", after="\x00").json()["reason"] == "invalid-request"


CHANGES = [
    ("account.disable", {"disabled": True}, {"disabled": "true"}, {"disabled": True}),
    ("account.enable", {"disabled": False}, {"disabled": "false"}, {"disabled": False}),
    ("account.set-roles", {"roles": ["a", "b"]}, {"roles": "a, b"}, {"roles": ["a", "b"]}),
    ("account.set-groups", {"groups": ["a"]}, {"groups": "a"}, {"groups": ["a"]}),
    (
        "secret.set",
        {"secret": {"name": "notes", "value": "s3cr3t-value"}},
        {"secret_name": "notes", "secret_value": "s3cr3t-value"},
        {"secrets": ["notes"]},
    ),
    (
        "secret.remove",
        {"secret": {"name": "notes", "value": None}},
        {"secret_name": "notes", "secret_value": ""},
        {"secrets": []},
    ),
    (
        "second-factor.turn-off",
        {"reset_second_factor": True},
        {"reset_second_factor": "1"},
        {"totp": False},
    ),
    ("passkey.remove-all", {"remove_passkeys": True}, {"remove_passkeys": "1"}, {"passkeys": 0}),
    ("session.end-all", {"end_sessions": True}, {"end_sessions": "true"}, {}),
]


@pytest.mark.parametrize(("action", "body", "form", "then"), CHANGES)
def test_an_account_is_changed_by_a_call_a_form_or_a_key(
    gateway, ann, name, action, body, form, then
):
    account_id = account_of(ann, name)["id"]
    key, key_id = ann.make_key("robot", "gatepost:admin")

    called = ann.call("PATCH", f"accounts/{name}", body)
    sent = ann.act(f"/accounts/{account_id}", **form)
    keyed = by_key(gateway, key, "PATCH", f"accounts/{account_id}", body)

    assert (called.status_code, sent.status_code, keyed.status_code) == (200, 303, 200)
    assert sent.headers["Location"] == f"/_gatepost/admin/accounts/{account_id}"
    now = account_of(ann, name)
    assert {key: now[key] for key in then} == then == {key: called.json()[key] for key in then}
    assert ann.desk(f"/accounts/{account_id}").status_code == 200
    assert [it[:2] for it in acts(ann, account_id)] == [(action, "ann")] * 3
    assert acts(ann, key_id)[0][0] == action
    event = gateway.wait_for_audit(action=action, user="ann", credential="api_key")
    assert event["target"]["account_id"]
    everything = ann.call("GET", "journal").text + ann.desk(f"/accounts/{account_id}").text
    assert "s3cr3t-value" not in everything + json.dumps(now) + called.text


def test_an_identity_is_linked_and_unlinked(gateway, ann, name):
    which = {"issuer": "https://id.test", "subject": f"sub-{name}"}
    account_id = account_of(ann, name)["id"]

    linked = ann.call("PATCH", f"accounts/{name}", {"link": which})
    page = ann.desk(f"/accounts/{account_id}").text
    other = ann.call("PATCH", "accounts/zoe", {"link": which})
    unlinked = ann.act(f"/accounts/{account_id}", unlink=json.dumps(list(which.values())))
    again = ann.call("PATCH", f"accounts/{name}", {"unlink": which})
    by_form = ann.act(
        f"/accounts/{account_id}", link_issuer=which["issuer"], link_subject=which["subject"]
    )

    assert [it["subject"] for it in linked.json()["identities"]][1:] == [f"sub-{name}"]
    assert f"sub-{name}" in page
    assert (other.status_code, other.json()["reason"]) == (409, "subject-taken")
    assert f"acts by account {account_id}" in other.json()["detail"]
    assert (unlinked.status_code, by_form.status_code) == (303, 303)
    assert (again.status_code, again.json()["reason"]) == (400, "invalid-request")
    assert [(it[0], it[3]) for it in acts(ann, f"sub-{name}")] == [
        ("identity.link", "done"),
        ("identity.unlink", "done"),
        ("identity.link", "failed"),
        ("identity.link", "done"),
    ]


def test_a_link_sets_a_new_password(gateway, ann, name):
    account_id = account_of(ann, name)["id"]
    page = ann.act(f"/accounts/{account_id}", new_password="1")
    called = ann.call("POST", f"accounts/{name}", {"new_password": True})
    [shown] = re.findall(r"token=([A-Za-z0-9_-]+)", page.text)
    token = called.json()["link"].rpartition("=")[2]
    somebody = Person(gateway, None)

    assert (page.status_code, called.status_code) == (201, 201)
    assert called.json()["mailed"] is False
    assert shown != token
    for wrong in ({}, {"new_password": False}, {"new_password": True, "x": 1}):
        assert ann.call("POST", f"accounts/{name}", wrong).status_code == 400
    assert somebody.form("/_gatepost/reset", token=token, password=OTHER).status_code == 303
    assert somebody.form("/_gatepost/reset", token=shown, password=OTHER).status_code == 404
    assert somebody.sign_in(name, OTHER).status_code == 303
    assert acts(ann, name) == [
        ("own.password.reset", name, name, "done"),
        *[("password.reset-link", "ann", name, "done")] * 2,
    ]
    everything = ann.call("GET", "journal").text + gateway.log()
    assert token not in everything
    assert shown not in everything
    nobody = link(gateway, f"only-{name}")["id"]
    refused = ann.call("POST", f"accounts/{nobody}", {"new_password": True})
    assert (refused.status_code, "no local password" in refused.json()["detail"]) == (409, True)


def test_a_name_is_released_once_its_account_is_disabled(gateway, ann, name):
    account_id = account_of(ann, name)["id"]
    body = {"release_name": name}

    refused = ann.call("PATCH", f"accounts/{account_id}", body)
    on_page = ann.act(f"/accounts/{account_id}", release_name=name)
    not_its = ann.call("PATCH", f"accounts/{account_id}", {"release_name": "ann"})
    ann.call("PATCH", f"accounts/{account_id}", {"disabled": True})
    released = ann.call("PATCH", f"accounts/{account_id}", body)

    assert (refused.status_code, refused.json()["reason"]) == (403, "user-taken")
    assert (on_page.status_code, "disable it first" in on_page.text) == (403, True)
    assert not_its.status_code == 400
    assert released.status_code == 200
    assert released.json()["names"] == []
    add_people(gateway, name)


def test_accounts_are_merged(gateway, ann, name, names):
    other = next(names)
    gone = account_of(ann, other)["id"]
    merged = ann.call("PATCH", f"accounts/{other}", {"merge_into": name})

    assert merged.status_code == 200
    assert set(merged.json()["names"]) == {name, other}
    assert account_of(ann, gone)["id"] == account_of(ann, name)["id"]
    assert acts(ann, gone)[0][0] == "account.merge"


def test_an_account_that_is_disabled_disables_no_administrator(gateway, ann, name):
    ann.call("PATCH", f"accounts/{name}", {"disabled": True})
    refused = ann.call("PATCH", f"accounts/{name}", {"merge_into": "ann"})

    assert (refused.status_code, refused.json()["reason"]) == (409, "own-access")
    assert ann.whoami()["user"] == "ann"
    assert account_of(ann, name)["disabled"]


def test_one_sees_and_ends_the_sessions_and_keys_of_an_account(gateway, ann, name):
    one, two, three = (Person(gateway, name) for _ in range(3))
    _, key = one.make_key("laptop")
    _, other = one.make_key("phone")
    whole = account_of(ann, name)
    page = ann.desk(f"/accounts/{whole['id']}").text
    here = one.get(f"{one.url}/_gatepost/api/sessions").json()
    [own] = [it["id"] for it in here if it["current"]]

    assert len(whole["sessions"]) == 3
    assert {it["name"] for it in whole["keys"]} == {"laptop", "phone"}
    assert own in page
    assert ann.act(f"/accounts/{whole['id']}", end_session=own).status_code == 303
    assert ann.act(f"/accounts/{whole['id']}", revoke_key=key).status_code == 303
    assert [it["id"] for it in account_of(ann, name)["keys"]] == [other]
    assert (one.whoami(), two.whoami() is not None) == (None, True)
    assert ann.act(f"/accounts/{whole['id']}", end_session=own).status_code == 404
    ann.call("PATCH", f"accounts/{name}", {"end_sessions": True})
    assert (two.whoami(), three.whoami()) == (None, None)


def test_an_administrator_cannot_take_the_administration_from_themselves(gateway, ann, zoe):
    key, _ = zoe.make_key("robot", "gatepost:admin")
    own = account_of(zoe, "zoe")["id"]
    [identity] = account_of(zoe, "zoe")["identities"]
    which = {"issuer": identity["issuer"], "subject": identity["subject"]}
    for change in (
        {"disabled": True},
        {"roles": []},
        {"merge_into": "ann"},
        {"unlink": which},
        {"release_name": "zoe"},
        {"remove_passkeys": True},
    ):
        for answer in (
            zoe.call("PATCH", "accounts/zoe", change),
            by_key(gateway, key, "PATCH", f"accounts/{own}", change),
        ):
            assert (answer.status_code, answer.json()["reason"]) == (409, "own-access"), change
            assert "administrator" in answer.json()["detail"] or "merge_into" in change
    page = zoe.act(f"/accounts/{own}", disabled="true")
    assert (page.status_code, "You cannot disable your own account" in page.text) == (409, True)

    assert zoe.call("PATCH", "accounts/zoe", {"roles": ["chief", "more"]}).status_code == 200
    # Another administrator can, and then it is over at once.
    assert ann.call("PATCH", "accounts/zoe", {"disabled": True}).status_code == 200
    assert zoe.call("GET", "accounts").status_code == 401
    assert zoe.desk("/accounts").status_code == 302
    assert by_key(gateway, key, "GET", "accounts").status_code == 401
    assert ann.call("PATCH", "accounts/zoe", {"disabled": False}).status_code == 200
    assert by_key(gateway, key, "GET", "accounts").status_code == 200
    assert ann.call("PATCH", "accounts/zoe", {"roles": []}).status_code == 200
    assert by_key(gateway, key, "GET", "accounts").json()["reason"] == "not-an-administrator"


def test_a_disabled_account_takes_no_administrator_with_it(gateway, ann, name):
    add_people(gateway, "joy", roles=("chief",))
    joy = Person(gateway, "joy")
    ann.call("PATCH", f"accounts/{name}", {"disabled": True})
    refused = joy.call("PATCH", f"accounts/{name}", {"merge_into": "joy"})

    assert (refused.status_code, refused.json()["reason"]) == (409, "own-access")
    assert not account_of(joy, "joy")["disabled"]
    assert account_of(ann, name)["disabled"]


def test_two_administrators_at_once_leave_one(gateway, ann):
    """Each passes the first check, before either has changed anything."""
    add_people(gateway, "kim", "lea", roles=("chief",))
    for _ in range(6):
        both = {user: Person(gateway, user) for user in ("kim", "lea")}
        with ThreadPoolExecutor(2) as pool:
            calls = [
                pool.submit(both[who].call, "PATCH", f"accounts/{whom}", {"disabled": True})
                for who, whom in (("kim", "lea"), ("lea", "kim"))
            ]
        assert {it.result().status_code for it in calls} in ({200, 401}, {200, 403})
        assert sorted(account_of(ann, it)["disabled"] for it in both) == [False, True]
        for user in both:
            ann.call("PATCH", f"accounts/{user}", {"disabled": False})


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"disabled": "yes"},
        {"disabled": True, "roles": []},
        {"nothing": 1},
        {"roles": "a\nb"},
        {"roles": [1]},
        {"roles": ["a,b"]},
        {"roles": ["x" * 501]},
        {"roles": [""]},
        {"groups": ["a"] * 101},
        {"groups": None},
        {"secret": {"name": "a"}},
        {"secret": {"name": "a", "value": "two\nlines"}},
        {"secret": {"name": "", "value": "x"}},
        {"link": {"issuer": "https://id.test"}},
        {"unlink": {"issuer": "https://id.test", "subject": 1}},
        {"end_sessions": False},
        {"reset_second_factor": False},
        {"remove_passkeys": "x"},
        {"merge_into": ""},
    ],
)
def test_what_is_no_change_is_refused_and_changes_nothing(gateway, ann, body):
    before = account_of(ann, "p29")
    answer = ann.call("PATCH", "accounts/p29", body)

    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid-request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert account_of(ann, "p29") == before
    assert acts(ann, before["id"]) == []


def test_no_other_site_can_have_an_account_changed(gateway, ann, name):
    account_id = account_of(ann, name)["id"]
    key, _ = ann.make_key("robot", "gatepost:admin")
    body, about = {"disabled": True}, {"Origin": "https://evil.test"}
    answers = [
        ann.act(f"/accounts/{account_id}", CROSS, disabled="true"),
        ann.act(f"/accounts/{account_id}", about, disabled="true"),
        ann.act(f"/accounts/{account_id}", {}, disabled="true"),
        ann.call("PATCH", f"accounts/{name}", body, CROSS),
        ann.call("PATCH", f"accounts/{name}", body, about),
        ann.call("PATCH", f"accounts/{name}", body, {"Sec-Fetch-Site": "same-site"}),
        ann.call("PATCH", f"accounts/{name}", body, {}),
        # A key that a browser repeats, as it does the password of Basic.
        Person(gateway, None).call("PATCH", f"accounts/{name}", body, {"X-API-Key": key, **CROSS}),
    ]

    assert {it.status_code for it in answers} == {403}
    assert not account_of(ann, name)["disabled"]
    url = f"{ann.url}/_gatepost/api/admin/accounts/{name}"
    about = {"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}
    typed = ann.patch(url, data=json.dumps(body), headers=about)
    queried = ann.patch(f"{url}?x=1", json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert (typed.status_code, queried.status_code) == (415, 400)
    assert not account_of(ann, name)["disabled"]


def test_who_is_no_administrator_changes_nothing(gateway, ann, name, names):
    bob = Person(gateway, next(names))
    key, _ = bob.make_key("robot", "gatepost:admin")
    narrow, _ = ann.make_key("narrow", "read")
    account_id, body = account_of(ann, name)["id"], {"disabled": True}
    answers = [
        bob.act(f"/accounts/{account_id}", disabled="true"),
        bob.call("PATCH", f"accounts/{name}", body),
        by_key(gateway, key, "PATCH", f"accounts/{name}", body),
        by_key(gateway, narrow, "PATCH", f"accounts/{name}", body),
        Person(gateway, None).act(f"/accounts/{account_id}", disabled="true"),
        Person(gateway, None).call("PATCH", f"accounts/{name}", body),
    ]

    assert [it.status_code for it in answers] == [403, 403, 403, 403, 401, 401]
    assert not account_of(ann, name)["disabled"]
    assert acts(ann, account_id) == []


def test_whatever_people_are_called_is_text(gateway, ann):
    async def run(kept):
        from dataclasses import replace

        account_id, _ = await kept.accounts.named("p28")

        def hostile(it):
            seen = replace(it.seen[0], name=MARKUP, email='"><script>@a.test', provider=MARKUP)
            odd = (MARKUP, "\ud800")
            return replace(it, seen=(seen,), roles=odd, groups=odd, external_id=MARKUP)

        await kept.accounts.change(account_id, hostile)
        await kept.accounts.change(account_id, lambda it: it.with_secret(MARKUP, "x"))
        return account_id

    account_id = with_kept(load_settings(gateway.config_path), run)
    link(gateway, MARKUP, "--account", "p28")
    pages = [
        ann.desk("/accounts", search="p28").text,
        ann.desk(f"/accounts/{account_id}").text,
        ann.desk("/journal", about=account_id).text,
    ]

    for page in pages:
        assert MARKUP not in page
        assert "<b " not in page
        assert '"><script>' not in page
    assert ann.call("GET", f"accounts/{account_id}").json()["roles"] == [MARKUP, "\ud800"]
    assert pages[1].count(str(html.escape('<b title="x">')).replace("&quot;", "&#34;")) >= 6
