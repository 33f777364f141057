"""People of a real directory at running gateways: the form, rules, the app, and what ends."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.e2e.browsing import CROSS, Browser
from tests.fixtures.accounts import OTHER, add, command
from tests.fixtures.gateway import dump
from tests.fixtures.processes import wait_until
from tests.fixtures.slapd import BASE, PASSWORD, person

ANN, BOB = f"uid=ann,ou=people,{BASE}", f"uid=bob,ou=people,{BASE}"
WRONG = "User name or password is wrong."
ROUTES = [
    {"name": "edit", "prefix": "/edit", "access": {"allow": [{"group": "editors"}]}},
    {"name": "safe", "prefix": "/safe", "access": {"deny": [{"group": "editors"}]}},
    {
        "name": "new",
        "prefix": "/new",
        "access": {"allow": [{"max_age": "1s", "provider": "ldap"}]},
    },
    {"name": "strong", "prefix": "/strong", "access": {"allow": [{"amr": "mfa"}]}},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]


@pytest.fixture
def start(start_standalone, start_slapd):
    """Start a directory, and a gateway that asks it."""

    def begin(shape="openldap", more="", gateway=(), **ldap):
        directory = start_slapd(shape, more)
        settings = directory.settings(**ldap)
        return start_standalone(ldap=settings, routes=ROUTES, **dict(gateway)), directory

    return begin


def test_the_app_and_the_rules_see_who_signs_in_with_the_directory(start):
    gateway, directory = start()
    ann, bob = Browser(gateway), Browser(gateway)

    page = ann.page("/_gatepost/sign-in")
    # No wizard stands in the way.
    assert page.status_code == 200
    assert 'name="password"' in page.text
    done = ann.sign_in(return_to="/edit/1")
    assert (done.status_code, done.headers["Location"]) == (303, "/edit/1")
    assert bob.sign_in("BOB").status_code == 303

    seen = ann.page("/edit/1").json()
    assert (seen["Remote-User"], seen["Remote-Name"]) == ("ann", "Ann Example")
    assert seen["Remote-Email"] == "ann@example.com"
    assert set(seen["Remote-Groups"].split(",")) == {"staff", "editors", "unix"}
    assert ann.page("/safe").status_code == 403
    assert bob.page("/edit").status_code == 403
    assert bob.page("/safe").json()["Remote-User"] == "bob"
    who = ann.whoami()
    assert (who["provider"], who["issuer"]) == ("ldap", directory.url)
    assert who["subject"] not in ("ann", ANN)
    assert 'gatepost_sign_ins_total{outcome="success",provider="ldap"} 2' in gateway.metrics()


def test_every_refusal_is_the_same_and_tells_nothing(start):
    gateway, directory = start(more=person("max") + person("max", ou="others"))
    refused = {}
    for user, password in (
        ("ann", "wrong"),
        ("eve", PASSWORD),
        ("max", PASSWORD),
        ("ann", ""),
        ("", ""),
        ("*", PASSWORD),
        ("ann)(uid=*", PASSWORD),
        ("*)(objectClass=*", PASSWORD),
        (ANN, PASSWORD),
        ("ann\\2a", PASSWORD),
    ):
        answer = Browser(gateway).sign_in(user, password)
        assert "Set-Cookie" not in answer.headers
        shown = answer.text.replace(answer.headers["X-Request-Id"], "")
        refused[user, password] = answer.status_code, WRONG in shown
    assert set(refused.values()) == {(401, True)}
    # An empty password reaches no directory.
    assert directory.takes(ANN, "")
    assert PASSWORD not in gateway.log()
    assert "wrong-password" in gateway.log()


def test_another_site_signs_nobody_in(start):
    gateway, _ = start()
    assert Browser(gateway).sign_in(headers=CROSS).status_code == 403


def test_wrong_passwords_count_for_the_directory_too(start):
    gateway, _ = start()
    names = ["ann", "ANN", "Ann"] * 4
    answers = [it for part in (names[:5], names[5:10], names[10:]) for it in at_once(gateway, part)]
    assert answers[:10] == [401] * 10
    assert 429 in answers[10:]
    assert Browser(gateway).sign_in("ann").status_code == 429
    assert Browser(gateway).sign_in("bob").status_code == 303


def at_once(gateway, users):
    """The statuses of wrong passwords that are tried together: tries come back with time."""

    def wrong(user):
        with Browser(gateway) as browser:
            return browser.sign_in(user, "wrong").status_code

    with ThreadPoolExecutor(len(users)) as threads:
        return list(threads.map(wrong, users))


@pytest.mark.parametrize("shape", ["ldaps", "starttls"])
def test_tls_with_a_private_authority(start_standalone, start_slapd, shape):
    directory = start_slapd()
    tls = {"url": directory.tls_url} if shape == "ldaps" else {"start_tls": True}
    own = directory.settings(**tls, ca_file=str(directory.authority.cert))
    gateway = start_standalone(ldap=own)
    assert Browser(gateway).sign_in().status_code == 303

    strangers = start_standalone(ldap=directory.settings(**tls))
    answer = Browser(strangers).sign_in()
    assert answer.status_code == 503
    assert "provider-unavailable" in answer.text
    assert "certificate verify failed" in strangers.log()


def test_without_the_directory_local_accounts_work_and_sessions_stay(start):
    gateway, directory = start(recheck="1s")
    add(gateway, "root", password=OTHER)
    ann = Browser(gateway)
    assert ann.sign_in().status_code == 303
    directory.stop()

    answer = Browser(gateway).sign_in("bob")
    assert (answer.status_code, "provider-unavailable" in answer.text) == (503, True)
    assert Browser(gateway).sign_in("root", OTHER).status_code == 303
    assert Browser(gateway).sign_in("root", "wrong").status_code == 401

    def was_asked():
        assert ann.page("/").status_code == 200
        return 'outcome="provider-unavailable",provider="ldap"' in gateway.metrics()

    wait_until(was_asked, gateway.process, "a look at the directory")
    # Failures of the directory count against nobody.
    for _ in range(12):
        assert Browser(gateway).sign_in("bob").status_code == 503
    directory.start()
    assert Browser(gateway).sign_in("bob").status_code == 303


def test_a_local_password_is_never_shown_to_the_directory_nor_taken_over_by_it(start):
    gateway, _ = start()
    add(gateway, "ann", password=OTHER)
    assert Browser(gateway).sign_in("ann").status_code == 401
    ann = Browser(gateway)
    assert ann.sign_in("ann", OTHER).status_code == 303
    assert ann.whoami()["provider"] == "local"


def test_who_leaves_the_directory_is_signed_out(start):
    gateway, directory = start(recheck="1s")
    ann, bob = Browser(gateway), Browser(gateway)
    assert ann.sign_in("ann").status_code == 303
    assert bob.sign_in("bob").status_code == 303
    directory.change(
        f"dn: cn=editors,ou=groups,{BASE}\nchangetype: modify\nreplace: member\nmember: {BOB}\n"
    )

    wait_until(lambda: ann.page("/edit").status_code == 403, gateway.process, "fewer groups")
    wait_until(lambda: bob.page("/edit").status_code == 200, gateway.process, "more groups")
    directory.remove(ANN)
    wait_until(lambda: ann.whoami() is None, gateway.process, "the end of the session")
    assert bob.whoami()["user"] == "bob"
    # Who gets the name next is somebody else.
    directory.change(person("ann").replace("\n", "\nchangetype: add\n", 1))
    answer = Browser(gateway).sign_in("ann")
    assert (answer.status_code, "user-taken" in answer.text) == (403, True)


def test_active_directory_disables_at_the_next_look(start):
    gateway, directory = start("ad", profile="ad", recheck="1s")
    ann = Browser(gateway)
    assert ann.sign_in("ann@corp.example.com").status_code == 303
    assert ann.whoami()["user"] == "ann"
    assert Browser(gateway).sign_in("bob").status_code == 401

    directory.replace(f"cn=Ann Example,ou=people,{BASE}", userAccountControl="514")
    wait_until(lambda: ann.whoami() is None, gateway.process, "the end of the session")
    assert Browser(gateway).sign_in("ann").status_code == 401


def test_an_operator_disables_invites_and_links_its_people_as_all_others(start):
    gateway, directory = start(gateway={"accounts": {"provision": "invited"}})
    answer = Browser(gateway).sign_in("ann")
    assert (answer.status_code, "not-invited" in answer.text) == (403, True)
    command(gateway, "invite", "--email", "ann@example.com")
    ann = Browser(gateway)
    assert ann.sign_in("ann").status_code == 303
    assert ann.whoami()["user"] == "ann"

    add(gateway, "robert", password=OTHER)
    bob_id = ("--issuer", directory.url, "--subject", directory.value(BOB, "entryUUID"))
    assert command(gateway, "link", *bob_id, "--account", "robert").returncode == 0
    bob = Browser(gateway)
    assert bob.sign_in("bob").status_code == 303
    assert (bob.whoami()["user"], bob.whoami()["provider"]) == ("robert", "ldap")

    assert command(gateway, "disable", "ann").returncode == 0
    wait_until(lambda: ann.whoami() is None, gateway.process, "the end of the session")
    assert Browser(gateway).sign_in("ann").status_code == 403
    assert "account-disabled" in gateway.log()


def test_a_newer_sign_in_is_asked_for_with_the_form_and_a_stronger_one_cannot_be(start):
    gateway, _ = start()
    ann = Browser(gateway)
    assert ann.sign_in().status_code == 303

    def is_old():
        return ann.page("/new").status_code == 302

    wait_until(is_old, gateway.process, "a sign-in that is too old")
    location = ann.page("/new").headers["Location"]
    assert location.startswith("/_gatepost/login/ldap?")
    form = ann.page(location)
    assert (form.status_code, 'name="password"' in form.text) == (200, True)
    assert ann.sign_in(return_to="/new").status_code == 303
    assert ann.page("/new").status_code == 200

    asked = ann.page("/strong").headers["Location"]
    assert "needs a stronger sign-in than this site has" in ann.page(asked).text


def test_a_configuration_without_the_directory_refuses_its_sessions(start):
    gateway, directory = start(recheck="1s")
    ann = Browser(gateway)
    assert ann.sign_in().status_code == 303
    settings = yaml.safe_load(gateway.config_path.read_text())

    del settings["ldap"]
    settings["routes"] = ROUTES[-1:]
    reload(gateway, settings)
    wait_until(lambda: ann.whoami() is None, gateway.process, "the end of the session")
    assert Browser(gateway).sign_in("bob").status_code == 401
    reload(gateway, {**settings, "ldap": directory.settings()})
    bob = Browser(gateway)
    wait_until(lambda: bob.sign_in("bob").status_code == 303, gateway.process, "a sign-in")


def reload(gateway, settings):
    gateway.config_path.write_text(dump(settings))
    os.kill(gateway.process.pid, signal.SIGHUP)
