"""`gatepost apps` beside a running gateway."""

import json
import subprocess
import sys

import pytest
import requests

from tests.e2e.browsing import Browser
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.fixtures.accounts import add
from tests.fixtures.processes import wait_until

CLIENTS = {"cli": {"redirect_uris": [CALLBACK], "name": "The CLI"}}


@pytest.fixture
def gateway(start_standalone):
    started = start_standalone(tokens={"clients": CLIENTS, "registration": "open"})
    add(started, "ann")
    add(started, "bob")
    return started


@pytest.fixture
def apps(gateway):
    """Run the command: the exit status, and its JSON or what it wrote."""

    def run(*arguments, as_json=True):
        whole = [*arguments, "-c", str(gateway.config_path), *(["--json"] if as_json else [])]
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "apps", *whole],
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stdout
        return done.returncode, json.loads(told) if as_json and told else told + done.stderr

    return run


def registered(gateway, name):
    about = {"redirect_uris": [CALLBACK], "client_name": name}
    answer = requests.post(f"{gateway.base_url}/_gatepost/register", json=about, timeout=30)
    return answer.json()["client_id"]


def client_of(gateway, user, client_id):
    browser = Browser(gateway)
    browser.sign_in(user)
    return OAuthClient(gateway, browser, client_id)


def test_apps_are_listed_and_revoked(gateway, apps):
    own, unused = registered(gateway, "Notes\x1b[2J"), registered(gateway, "Nobody's")
    ann, bob = client_of(gateway, "ann", own), client_of(gateway, "bob", own)
    cli = client_of(gateway, "ann", "cli")
    of_ann, of_bob, of_cli = ann.tokens(), bob.tokens(), cli.tokens()

    status, listed = apps("list")
    assert status == 0
    found = {it["client"]: it for it in listed}
    assert all(it["host"] is None for it in listed)
    assert {name: (it["kind"], it["name"], it["people"]) for name, it in found.items()} == {
        own: ("registered", "Notes[2J", 2),
        unused: ("registered", "Nobody's", 0),
        "cli": ("file", "The CLI", 1),
    }
    assert found[own]["sessions"] == 2
    assert found[own]["last_used_at"] > 0
    assert found[unused]["last_used_at"] is None
    _, table = apps("list", as_json=False)
    assert "The CLI" in table
    assert "\x1b" not in table

    assert apps("revoke", "--unused") == (0, {"registrations": 1})
    done = {"sessions": 1, "consents": 1, "registrations": 0}
    assert apps("revoke", own, "--user", "bob") == (0, done)
    wait_until(
        lambda: bob.get(of_bob["access_token"]).status_code == 401, gateway.process, "bob's end"
    )
    assert bob.authorize().status_code == 200
    assert "code" in ann.told(ann.authorize())
    assert ann.get(of_ann["access_token"]).status_code == 200

    assert apps("revoke", own)[1]["registrations"] == 1
    wait_until(
        lambda: ann.get(of_ann["access_token"]).status_code == 401, gateway.process, "ann's end"
    )
    assert ann.refresh(of_ann["refresh_token"])[1]["error"] == "invalid_client"
    assert ann.authorize().status_code == 400
    assert cli.get(of_cli["access_token"]).status_code == 200
    assert [it["client"] for it in apps("list")[1]] == ["cli"]


def test_a_mistake_is_told(apps):
    status, told = apps("revoke", "nobody", as_json=False)
    assert (status, "nothing of an app nobody" in told) == (1, True)
    for arguments in ([], ["cli", "--unused"], ["--unused", "--user", "ann"]):
        assert apps("revoke", *arguments, as_json=False)[0] == 2
