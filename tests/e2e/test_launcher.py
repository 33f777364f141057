"""The apps on the account page: who sees which, and who asks for access to one."""

import html
import re

import pytest
from markupsafe import escape

from tests.e2e.browsing import CROSS, Browser
from tests.fixtures.accounts import add
from tests.fixtures.processes import wait_until

ACCOUNT = "/_gatepost/account"
HOSTILE = "<b>\"'&</b>"
BOB = {"allow": [{"user": "bob"}]}


def launch(name, **more):
    return {"name": name, **more}


ROUTES = [
    {"name": "guard", "path": "/report", "access": BOB},
    {"name": "reports", "prefix": "/report", "access": "signed_in", "launch": launch("Reports")},
    {
        "name": "more",
        "prefix": "/more",
        "access": {"allow": [{"user": "ann", "amr": ["mfa"]}]},
        "launch": launch("Two factors"),
    },
    {
        "name": "keys",
        "prefix": "/keys",
        "access": "signed_in",
        "credentials": ["api_key"],
        "launch": launch("For programs"),
    },
    {"name": "bobs", "prefix": "/bobs", "access": BOB, "launch": launch("Bob alone")},
    {
        "name": "queried",
        "regex": "/(start|other)",
        "access": "signed_in",
        "launch": launch(HOSTILE, description=HOSTILE, path="/start?a=b&c=d"),
    },
    {"name": "open", "prefix": "/open", "access": "public", "launch": launch("Everybody's")},
    {
        "name": HOSTILE,
        "prefix": "/asked",
        "access": {"allow": [{"role": "asked"}]},
        "launch": launch(f"Asked {HOSTILE}", ask=True),
    },
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]
SETTINGS = {"routes": ROUTES, "admins": [{"user": "bob"}], "api_keys": {}}
APPS = re.compile(r'<li><a href="([^"]+)"><span class="mark"')


@pytest.fixture
def mailbox(mail_server):
    return mail_server()


@pytest.fixture
def gateway(start_standalone, mailbox):
    smtp = {
        "url": f"smtp://{mailbox.address}",
        "from": "Notes <notes@example.com>",
        "notify": ["ops@a.test", "boss@a.test"],
    }
    started = start_standalone(smtp=smtp, **SETTINGS)
    add(started, "ann", "--email", "ann@a.test")
    return started


def apps(browser):
    page = browser.page(ACCOUNT).text
    return [html.unescape(it) for it in APPS.findall(page)], page


def test_the_page_lists_what_a_request_would_be_let_into(gateway, browser):
    found, page = apps(browser)

    assert found == ["/more", "/start?a=b&c=d", "/open"]
    assert str(escape(HOSTILE)) in page
    assert HOSTILE not in page
    assert page.count("asks you to sign in again") == 1
    for path, status in (
        ("/report", 403),  # An earlier route decides on it.
        ("/more", 302),
        ("/keys", 401),
        ("/bobs", 403),
        ("/start?a=b&c=d", 200),
        ("/open", 200),
        ("/asked", 403),
    ):
        assert browser.page(path).status_code == status, path
        is_shown = path in found
        assert is_shown == (status in (200, 302)), path


def test_another_person_sees_other_apps(gateway):
    add(gateway, "bob")
    bob = Browser(gateway)
    bob.sign_in("bob")

    assert apps(bob)[0] == ["/report", "/bobs", "/start?a=b&c=d", "/open"]


def test_without_any_there_is_the_home_page(start_standalone):
    gateway = start_standalone()
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()

    assert apps(browser)[0] == ["/"]


def test_who_may_not_open_an_app_asks_for_it_once(gateway, browser, mailbox):
    page = browser.page("/asked/deeper").text
    assert f'action="{ACCOUNT}"' in page
    assert "Ask for access" in page
    assert "Ask for access" not in browser.page("/bobs").text
    assert "Ask for access" not in Browser(gateway).page("/asked").text
    assert browser.form(ACCOUNT, CROSS, ask_access=HOSTILE).status_code == 403

    for _ in range(2):
        asked = browser.form(ACCOUNT, ask_access=HOSTILE)
        assert (asked.status_code, asked.headers["Location"]) == (303, f"{ACCOUNT}#launcher")
    _, page = apps(browser)
    assert "you asked" in page
    assert 'name="ask_access"' not in page

    for to in ("ops@a.test", "boss@a.test"):
        wait_until(lambda to=to: mailbox.to(to), gateway.process, f"a mail to {to}")
    # Mails go out one after the other: had there been more, they would have come before this one.
    browser.form("/_gatepost/forgot", name="ann")
    wait_until(lambda: mailbox.to("ann@a.test"), gateway.process, "a mail to ann")
    [mail] = mailbox.to("ops@a.test")
    assert "ann asks for access" in mail.text
    assert f"{gateway.base_url}/_gatepost/admin/access-requests" in mail.text


def test_nobody_asks_for_what_is_not_offered(gateway, browser):
    for name in ("bobs", "rest", "unknown", ""):
        asked = browser.form(ACCOUNT, ask_access=name)
        assert (asked.status_code, "You cannot ask for access" in asked.text) == (400, True)


def test_who_may_open_it_need_not_ask(start_standalone):
    routes = [{**it, "access": "signed_in"} for it in ROUTES]
    gateway = start_standalone(**{**SETTINGS, "routes": routes})
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()

    asked = browser.form(ACCOUNT, ask_access=HOSTILE)

    assert (asked.status_code, "You already have access to this app" in asked.text) == (200, True)


def test_an_app_on_another_host_is_opened_there(start_standalone):
    wiki = {
        "name": "wiki",
        "prefix": "/",
        "host": "wiki.test:8443",
        "access": "signed_in",
        "launch": launch("Wiki", path="/x"),
    }
    gateway = start_standalone(routes=[wiki, {**ROUTES[-1], "host": "127.0.0.1"}])
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()

    assert apps(browser)[0] == ["http://wiki.test:8443/x"]
