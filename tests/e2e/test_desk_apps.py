"""Apps at the desk: clients, what people allowed them, and how that is taken back."""

import requests

from tests.e2e.at_desk import CROSS, MARKUP, Person, acts, add_people, by_key, settings
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.fixtures.processes import wait_until

CLIENTS = {"cli": {"redirect_uris": [CALLBACK], "name": "The CLI"}}


def registered(gateway, name):
    about = {"redirect_uris": [CALLBACK], "client_name": name}
    answer = requests.post(f"{gateway.base_url}/_gatepost/register", json=about, timeout=30)
    return answer.json()["client_id"]


def start(gateway_process):
    gateway = gateway_process(settings(tokens={"clients": CLIENTS, "registration": "open"}))
    add_people(gateway, "ann", "bob", "eve")
    return gateway


def is_live(client, tokens):
    # The app behind is not there.
    return client.get(tokens["access_token"]).status_code == 502


def ended(gateway, client, tokens):
    wait_until(
        lambda: client.get(tokens["access_token"]).status_code == 401, gateway.process, "the end"
    )


def test_an_app_is_seen_and_revoked_for_one_person_or_for_all(gateway_process):
    gateway = start(gateway_process)
    ann, people = Person(gateway), [Person(gateway, it) for it in ("bob", "eve", "ann")]
    own = registered(gateway, MARKUP)
    clients = [OAuthClient(gateway, it, own) for it in people]
    bob, eve, boss = clients
    of_bob, of_eve, of_ann = (it.tokens() for it in clients)
    cli = OAuthClient(gateway, people[0], "cli")
    of_cli = cli.tokens()

    listed = {it["client"]: it for it in ann.call("GET", "apps").json()["items"]}
    assert listed.pop("gatepost-cli")["kind"] == "file"
    assert {name: it["kind"] for name, it in listed.items()} == {"cli": "file", own: "registered"}
    allowed = ann.call("GET", "apps/consents", client=own).json()
    assert {it["user"] for it in allowed["items"]} == {"ann", "bob", "eve"}
    pages = ann.desk("/apps").text + ann.desk("/apps", client=own).text
    assert "The CLI" in pages
    assert own in pages
    assert MARKUP not in pages
    assert "<b " not in pages

    one = {"sessions": 1, "consents": 1, "registrations": 0}
    assert ann.call("POST", "apps/revoke", {"client": own, "user": "bob"}).json() == one
    ended(gateway, bob, of_bob)
    assert is_live(eve, of_eve)
    assert ann.act("/apps", revoke=own, user="eve").status_code == 303
    ended(gateway, eve, of_eve)
    assert is_live(boss, of_ann)
    key, _ = ann.make_key("robot", "gatepost:admin")
    last = by_key(gateway, key, "POST", "apps/revoke", {"client": own})
    assert last.json() == {"sessions": 1, "consents": 1, "registrations": 1}
    ended(gateway, boss, of_ann)
    again = ann.call("POST", "apps/revoke", {"client": own})
    assert (again.status_code, again.json()["reason"]) == (404, "no-such-item")
    assert is_live(cli, of_cli)
    assert ann.act("/apps", revoke="cli").status_code == 303
    ended(gateway, cli, of_cli)
    assert [it[0] for it in acts(ann, own)] == ["app.revoke"] * 4


def test_nobody_else_revokes_an_app(gateway_process):
    gateway = start(gateway_process)
    ann, bob = Person(gateway), Person(gateway, "bob")
    client = OAuthClient(gateway, bob, "cli")
    tokens = client.tokens()
    body = {"client": "cli"}
    answers = [
        bob.call("POST", "apps/revoke", body),
        bob.act("/apps", revoke="cli"),
        bob.call("GET", "apps"),
        bob.call("GET", "apps/consents"),
        ann.call("POST", "apps/revoke", body, CROSS),
        ann.act("/apps", CROSS, revoke="cli"),
    ]

    assert {it.status_code for it in answers} == {403}
    assert is_live(client, tokens)
    # A client's token, of an administrator even, is none for the desk without the scope.
    boss = OAuthClient(gateway, Person(gateway), "cli")
    bearer = {"Authorization": f"Bearer {boss.tokens()['access_token']}"}
    url = f"{gateway.base_url}/_gatepost/api/admin/apps"
    answer = requests.get(url, headers=bearer, timeout=30)
    assert (answer.status_code, answer.json()["reason"]) == (403, "scope-missing")
    for wrong in ({}, {"client": 1}, {"client": "cli", "user": 1}, {"client": "cli", "x": 1}):
        assert ann.call("POST", "apps/revoke", wrong).status_code == 400


def test_a_token_with_the_scope_is_good_for_an_administrator_alone(gateway_process):
    client = {**CLIENTS["cli"], "scopes": ["gatepost:admin", "offline_access"]}
    gateway = gateway_process(settings(tokens={"clients": {"cli": client}}))
    add_people(gateway, "ann", "bob")
    url = f"{gateway.base_url}/_gatepost/api/admin/sessions"
    told = {}
    for user in ("ann", "bob"):
        tokens = OAuthClient(gateway, Person(gateway, user), "cli").tokens(scope="gatepost:admin")
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        told[user] = requests.get(url, headers=bearer, timeout=30)
        page = requests.get(f"{gateway.base_url}/_gatepost/admin/sessions", headers=bearer)
        assert (
            page.url.startswith(f"{gateway.base_url}/_gatepost/sign-in") or page.status_code == 401
        )

    assert told["ann"].status_code == 200
    assert told["bob"].json()["reason"] == "not-an-administrator"


def test_many_apps_have_pages(gateway_process):
    gateway = gateway_process(
        settings(tokens={"clients": CLIENTS, "registration": "open"}, server={"workers": 1})
    )
    add_people(gateway, "ann")
    ann = Person(gateway)
    made = {registered(gateway, f"App {number}") for number in range(8)}
    answer = ann.call("GET", "apps").json()

    assert made < {it["client"] for it in answer["items"]}
    assert answer["next"] is None
    after = sorted(made)[3]
    rest = ann.call("GET", "apps", after=after).json()["items"]
    assert [it["client"] for it in rest] == sorted(made)[4:]
