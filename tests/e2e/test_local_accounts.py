"""Local accounts at running gateways: the wizard, the form, the commands, and attacks on them."""

import json
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.browsing import CROSS, PAGE, Browser
from tests.fixtures.accounts import GATEPOST, OTHER, PASSWORD, ROOT, add, command
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import wait_until


def tokens(gateway):
    return re.findall(r"setup token: ([0-9a-f]{32}) ", gateway.log())


def test_the_first_administrator_is_made_once_with_the_token_of_the_log(start_standalone):
    gateway = start_standalone()
    [token] = tokens(gateway)
    browser = Browser(gateway)

    assert browser.page("/_gatepost/sign-in").headers["Location"] == "/_gatepost/setup"
    assert "Set up this gateway" in browser.page("/_gatepost/setup").text
    assert browser.set_up("0" * 32).status_code == 403
    assert browser.set_up(token, headers=CROSS).status_code == 403
    assert browser.set_up(token, password="password12").status_code == 400
    assert browser.set_up(token, password="annannannann").status_code == 400
    assert browser.set_up(token, user=" ann").status_code == 400
    assert browser.whoami() is None

    done = browser.set_up(token)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    who = browser.whoami()
    assert (who["user"], who["provider"], who["email"]) == ("ann", "local", "ann@a.test")
    assert (who["issuer"], who["subject"]) == (
        f"{gateway.base_url}/_gatepost",
        who["account_id"],
    )
    assert browser.page("/").json()["Remote-User"] == "ann"
    assert '"admin": true' in command(gateway, "show", "ann", "--json").stdout

    other = Browser(gateway)
    assert other.page("/_gatepost/setup").status_code == 404
    assert other.set_up(token, user="eve").status_code == 404
    assert command(gateway, "show", "eve").returncode == 1


def test_an_administrator_is_for_every_worker_and_after_a_restart(start_standalone, tmp_path):
    gateway = start_standalone(data_dir=str(tmp_path / "kept"), server={"workers": 2})
    wait_until(lambda: tokens(gateway), gateway.process, "the setup token")
    [token] = tokens(gateway)
    assert Browser(gateway).set_up(token).status_code == 303
    statuses = {Browser(gateway).page("/_gatepost/setup").status_code for _ in range(20)}
    assert statuses == {404}
    gateway.stop()

    again = start_standalone(data_dir=str(tmp_path / "kept"))
    assert tokens(again) == []
    assert Browser(again).page("/_gatepost/setup").status_code == 404
    # Its address, and so the issuer, is another one: the account stays.
    browser = Browser(again)
    assert browser.sign_in().status_code == 303
    assert browser.whoami()["user"] == "ann"


def test_of_two_gateways_on_one_store_one_makes_the_administrator(start_standalone, tmp_path):
    one = start_standalone(data_dir=str(tmp_path / "kept"))
    other = start_standalone(data_dir=str(tmp_path / "kept"))
    [token] = tokens(one)
    assert tokens(other) == [token]
    statuses = []
    gate = threading.Barrier(8)

    def race(gateway, user):
        browser = Browser(gateway)
        gate.wait()
        statuses.append((browser.set_up(token, user=user).status_code, user))

    threads = [
        threading.Thread(target=race, args=(gateway, f"{name}-{number}"))
        for number in range(4)
        for name, gateway in (("one", one), ("other", other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [winner] = [user for status, user in statuses if status == 303]
    assert {status for status, user in statuses if user != winner} == {404}
    listed = json.loads(command(one, "list", "--json").stdout)
    assert [account["user"] for account in listed] == [winner]
    for gateway in (one, other):
        assert Browser(gateway).page("/_gatepost/setup").status_code == 404


def test_a_password_signs_in_to_a_safe_page_with_a_session_of_its_own(start_standalone):
    gateway = start_standalone()
    add(gateway, "ann", "--email", "ann@a.test", "--role", "editor", "--group", "staff")
    browser = Browser(gateway)
    page = browser.page("/_gatepost/sign-in?return_to=/deep?x=1").text
    assert 'name="return_to" value="/deep?x=1"' in page

    done = browser.sign_in(return_to="/deep?x=1#there")
    assert (done.status_code, done.headers["Location"]) == (303, "/deep?x=1#there")
    first = browser.cookies["gatepost"]
    who = browser.whoami()
    assert (who["roles"], who["groups"]) == (["editor"], ["staff"])
    assert browser.page("/").json()["Remote-Groups"] == "staff"

    assert browser.sign_in("\uff21NN").status_code == 303
    assert browser.cookies["gatepost"] != first
    old = requests.get(
        f"{gateway.base_url}/_gatepost/whoami", headers={"Cookie": f"gatepost={first}"}
    )
    assert old.status_code == 401


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "/a/../../evil",
        "javascript:alert(1)",
        "/_gatepost/sign-in",
        "/_gatepost/reset?token=x",
        "/\r\nSet-Cookie: a=b",
    ],
)
def test_a_hostile_page_to_return_to_is_the_home_page(local, hostile):
    answer = Browser(local).sign_in(return_to=hostile)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.fixture
def local(start_standalone):
    """A gateway with the account of ann."""
    gateway = start_standalone()
    add(gateway)
    return gateway


def test_a_form_of_another_site_signs_nobody_in(local):
    browser = Browser(local)
    form = {"username": "ann", "password": PASSWORD}
    for headers in (CROSS, PAGE, {**PAGE, "Sec-Fetch-Site": "same-site"}):
        answer = browser.form("/_gatepost/sign-in", headers, **form)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert browser.form("/_gatepost/sign-in", username="ann").status_code == 400
    assert browser.form("/_gatepost/sign-in?x=1", **form).status_code == 400
    assert browser.whoami() is None


def test_a_wrong_name_and_a_wrong_password_look_the_same(local):
    pages = []
    for user in ("ann", "bob"):
        answer = Browser(local).sign_in(user, "not her password")
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
        pages.append(answer.text.replace(f'value="{user}"', 'value=""'))
        fields = {name for name in answer.headers if name != "Date"}
        pages.append(fields)
    assert pages[:2] == pages[2:]
    assert "User name or password is wrong." in pages[0]

    machine = requests.post(
        f"{local.base_url}/_gatepost/sign-in",
        data={"username": "ann", "password": "x"},
        headers={"Origin": local.base_url},
    )
    assert (machine.status_code, machine.json()["reason"]) == (401, "wrong-password")
    assert "ann" not in local.log().split("local sign-in: wrong-password", 1)[1].splitlines()[0]


def at_once(local, users):
    """The statuses of wrong passwords that are tried together: tries come back with time."""

    def wrong(user):
        with Browser(local) as browser:
            return browser.sign_in(user, "x").status_code

    with ThreadPoolExecutor(len(users)) as threads:
        return list(threads.map(wrong, users))


def test_wrong_passwords_are_throttled_and_strangers_lock_nobody_out(local):
    users = ["Ann" if n % 2 else "\uff21NN" for n in range(12)]
    # No more than five of one name go on at a time.
    answers = [it for part in (users[:5], users[5:10], users[10:]) for it in at_once(local, part)]
    assert answers[:10] == [401] * 10
    assert 429 in answers[10:]
    throttled = Browser(local).sign_in()
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) > 0
    # From another address, the name is not locked.
    with Browser(local, "127.0.0.2") as elsewhere:
        assert elsewhere.sign_in().status_code == 303


def test_a_flood_of_made_up_names_shuts_out_only_its_own_address(local):
    answers = at_once(local, [f"nobody-{n}" for n in range(34)])
    assert set(answers) == {401, 429}
    assert answers.count(401) >= 30
    with Browser(local, "127.0.0.2") as elsewhere:
        assert elsewhere.sign_in().status_code == 303


def test_a_disabled_account_cannot_sign_in_and_its_session_ends(local):
    browser = Browser(local)
    browser.sign_in()
    assert command(local, "disable", "ann").returncode == 0
    wait_until(lambda: browser.whoami() is None, local.process, "the end of the session")
    assert Browser(local).sign_in("ann", "wrong").status_code == 401
    refused = Browser(local).sign_in()
    assert refused.status_code == 403
    assert "account-disabled" in refused.text


def test_a_link_sets_a_password_once_and_ends_sessions(local):
    browser = Browser(local)
    browser.sign_in()
    printed = command(local, "reset-password", "ann").stdout.strip()
    second = command(local, "reset-password", "ann").stdout.strip()
    assert printed.startswith(f"{local.base_url}/_gatepost/reset?token=")
    path, token = printed.removeprefix(local.base_url), printed.rpartition("=")[2]
    stranger = Browser(local)
    assert stranger.page("/_gatepost/reset?token=guess").status_code == 404
    for _ in range(2):
        assert "Choose a new password" in stranger.page(path).text
    new = {"token": token, "password": OTHER}
    assert stranger.form("/_gatepost/reset", CROSS, **new).status_code == 403
    assert stranger.form("/_gatepost/reset", token=token, password="short").status_code == 400
    done = stranger.form("/_gatepost/reset", **new)
    assert (done.status_code, done.headers["Location"]) == (303, "/_gatepost/sign-in")

    assert stranger.page(path).status_code == 404
    assert stranger.page(second.removeprefix(local.base_url)).status_code == 404
    assert stranger.form("/_gatepost/reset", **new).status_code == 404
    assert browser.whoami() is None
    assert Browser(local).sign_in().status_code == 401
    assert Browser(local).sign_in(password=OTHER).status_code == 303
    assert token not in local.log()


def test_people_change_their_password_with_the_old_one(local):
    browser, other = Browser(local), Browser(local)
    browser.sign_in()
    other.sign_in()
    change = {"old_password": PASSWORD, "new_password": OTHER}
    path = "/_gatepost/account"
    assert 'name="old_password"' in browser.page(path).text
    assert browser.form(path, CROSS, **change).status_code == 403
    assert browser.form(path, **{**change, "old_password": "wrong"}).status_code == 400
    assert browser.form(path, **{**change, "new_password": "password12"}).status_code == 400
    assert other.whoami() is not None
    assert browser.form(path, **change).status_code == 303
    assert browser.whoami() is not None
    assert other.whoami() is None
    assert Browser(local).sign_in().status_code == 401
    assert Browser(local).sign_in(password=OTHER).status_code == 303


def test_signing_out_names_no_provider(local):
    browser = Browser(local)
    browser.sign_in()
    page = browser.form("/_gatepost/logout")
    assert page.status_code == 200
    assert "You may still be signed in" not in page.text
    assert browser.whoami() is None


def test_a_newer_sign_in_is_asked_for_with_the_form(start_standalone):
    gateway = start_standalone(
        routes=[
            {"name": "strict", "prefix": "/strict", "access": {"allow": [{"acr": "gold"}]}},
            {"name": "rest", "prefix": "/", "access": "signed_in"},
        ]
    )
    add(gateway)
    browser = Browser(gateway)
    browser.sign_in()
    step_up = browser.page("/strict").headers["Location"]
    assert urlsplit(step_up).path == "/_gatepost/login/local"
    page = browser.page(step_up)
    assert page.status_code == 200
    assert "needs a stronger sign-in" in page.text
    assert 'value="/strict"' in page.text


def test_hybrid_offers_providers_and_the_form_on_one_page(start_standalone, demo_provider):
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    gateway = start_standalone(
        auth_mode="hybrid",
        server={"listen": address},
        providers={"oidc": {"issuer": provider.issuer, "client_id": "notes", "label": "Use Demo"}},
    )
    assert len(tokens(gateway)) == 1
    add(gateway, "ann", "--admin")
    page = Browser(gateway).page("/_gatepost/sign-in?return_to=/deep").text
    assert "/_gatepost/login/oidc?return_to=/deep" in page
    assert "Use Demo" in page
    assert 'name="password"' in page
    assert Browser(gateway).page("/_gatepost/setup").status_code == 404
    away = Browser(gateway).page("/_gatepost/login/oidc").headers["Location"]
    assert away.startswith(provider.issuer)
    assert Browser(gateway).sign_in().status_code == 303


def test_with_providers_only_there_is_no_form_and_no_wizard(start_standalone, demo_provider):
    provider = demo_provider({"client_id": "notes", "redirect_uris": ["http://a/"]})
    gateway = start_standalone(
        auth_mode=None,
        providers={"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
    )
    browser = Browser(gateway)
    assert tokens(gateway) == []
    for path in ("/_gatepost/setup", "/_gatepost/reset"):
        assert browser.page(path).status_code == 404
        assert browser.form(path, token="x").status_code == 404
    assert browser.sign_in().status_code == 405
    assert browser.page("/_gatepost/login/local").status_code == 404
    refused = command(gateway, "add", "ann", text=PASSWORD)
    assert (refused.returncode, "has no local accounts" in refused.stderr) == (2, True)


def test_without_any_provider_the_mode_is_standalone(start_standalone):
    gateway = start_standalone(auth_mode=None)
    assert len(tokens(gateway)) == 1


@pytest.mark.parametrize(
    ("settings", "env", "message"),
    [
        ({"auth_mode": "offline"}, {}, 'unknown auth_mode "offline"'),
        ({"auth_mode": "oidc-only"}, {}, "oidc-only needs a provider"),
        ({}, {"AUTH_MODE": "oidc-only"}, "oidc-only needs a provider"),
        ({}, {"GATEPOST_AUTH_MODE": "hybrid"}, "hybrid needs a provider"),
    ],
)
def test_a_mode_that_cannot_work_does_not_start(tmp_path, settings, env, message):
    path = tmp_path / "gatepost.yaml"
    path.write_text(dump(with_defaults({"upstreams": {"app": "http://a"}, **settings}, tmp_path)))
    done = subprocess.run(
        [*GATEPOST, "serve", "-c", str(path)],
        cwd=ROOT,
        env=clean_environment(env),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert message in done.stderr


def test_names_and_passwords_of_the_command_are_judged_as_those_of_the_page(local):
    taken = command(local, "add", "ANN", text=PASSWORD)
    assert (taken.returncode, "'ANN'" in taken.stderr) == (1, True)
    for user, password in (("a b", PASSWORD), ("bob", "short"), ("bob", "qwertyuiop12")):
        assert command(local, "add", user, text=password).returncode == 1
    assert command(local, "show", "bob").returncode == 1


def test_a_sign_in_without_the_store_is_told_to_start_again(start_standalone, start_redis_server):
    server = start_redis_server()
    gateway = start_standalone(store=server.url)
    add(gateway)
    server.kill()

    with Browser(gateway) as browser:
        answer = browser.sign_in(return_to="/home")

    assert answer.status_code == 503
    assert "Your sign-in was not completed" in answer.text
    assert "/_gatepost/sign-in?return_to=/home" in answer.text
    assert "gatepost" not in browser.cookies
    counted = 'gatepost_sign_ins_total{outcome="sign-in-unfinished",provider="local"} 1'
    assert counted in gateway.metrics()
