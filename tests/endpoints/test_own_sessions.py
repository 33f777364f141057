"""People see their own sessions and end them: by the calls, and on the page."""

import json
import re
from dataclasses import replace

import pytest

from gateway.sessions import ProviderTokens
from tests.endpoints.conftest import location
from tests.sessions.conftest import make_identity

LIST = "/_gatepost/api/sessions"
PAGE = "/_gatepost/account"
SESSION = "__Host-gatepost"


@pytest.fixture
def sign_in(make_browser, sessions, clock):
    async def run(user="alice", issuer="https://id.example.com", device="Firefox on Linux"):
        browser = make_browser()
        identity = replace(make_identity(user), issuer=issuer, name=f"{user} <b>")
        browser.cookies[SESSION], browser.session = await sessions.create(
            identity,
            ProviderTokens(),
            provider_sid=None,
            ip="192.0.2.9",
            device=device,
            now=clock(),
        )
        return browser

    return run


async def listed(browser):
    response = await browser.get(LIST, navigates=False)
    assert response.status == 200
    assert ("Cache-Control", "no-store") in response.fields
    return json.loads(response.body)


async def test_the_list_has_ones_own_sessions_only(sign_in, clock):
    first = await sign_in()
    clock.ahead_s = 10
    second = await sign_in(device="Chrome on Android")
    await sign_in("bob")
    # The same subject at another issuer is another person.
    await sign_in("alice", "https://elsewhere.example.com")

    found = await listed(first)

    assert [(it["id"], it["current"]) for it in found] == [
        (second.session.session_id, False),
        (first.session.session_id, True),
    ]
    assert found[0] == {
        "id": second.session.session_id,
        "kind": "browser",
        "current": False,
        "created_at": int(clock()),
        "last_seen_at": int(clock()),
        "ip": "192.0.2.9",
        "device": "Chrome on Android",
        "provider": "zitadel",
    }


async def test_one_is_ended(sign_in):
    first, second = await sign_in(), await sign_in()
    path = f"{LIST}/{second.session.session_id}"

    response = await first.send("DELETE", path, site="same-origin", navigates=False)

    assert (response.status, response.body) == (204, b"")
    assert await second.whoami() is None
    assert len(await listed(first)) == 1
    again = await first.send("DELETE", path, site="same-origin", navigates=False)
    assert (again.status, json.loads(again.body)["reason"]) == (404, "unknown-session")


async def test_ones_own_session_takes_its_cookie_along(sign_in):
    browser = await sign_in()
    path = f"{LIST}/{browser.session.session_id}"

    assert (await browser.send("DELETE", path, site="same-origin")).status == 204
    assert SESSION not in browser.cookies


async def test_all_are_ended_and_nobody_elses(sign_in):
    first, second, other = await sign_in(), await sign_in(), await sign_in("bob")

    assert (await first.send("DELETE", LIST, site="same-origin")).status == 204
    assert SESSION not in first.cookies
    assert [await b.whoami() is None for b in (first, second, other)] == [True, True, False]


async def test_anothers_session_is_not_there_to_be_ended(sign_in):
    mallory, alice = await sign_in("mallory"), await sign_in()

    for which in (alice.session.session_id, "junk", "..", "%2e%2e"):
        response = await mallory.send("DELETE", f"{LIST}/{which}", site="same-origin")
        assert response.status == 404
    response = await mallory.post(PAGE, f"end={alice.session.session_id}".encode())
    assert response.status == 303
    assert await alice.whoami() is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
@pytest.mark.parametrize("which", ["one", "all", "page"])
async def test_only_our_own_pages_end_anything(sign_in, site, which):
    browser = await sign_in()
    if which == "page":
        response = await browser.post(PAGE, b"end=all", site=site)
    else:
        path = LIST if which == "all" else f"{LIST}/{browser.session.session_id}"
        response = await browser.send("DELETE", path, site=site)

    assert response.status == 403
    assert await browser.whoami() is not None


async def test_who_is_not_signed_in(make_browser, clock):
    browser = make_browser()
    for method, path in [("GET", LIST), ("DELETE", LIST), ("DELETE", f"{LIST}/x")]:
        response = await browser.send(method, path, navigates=False, site="same-origin")
        assert (response.status, json.loads(response.body)["reason"]) == (401, "sign-in-required")
    browser.cookies[SESSION] = "A" * 64
    response = await browser.get(LIST, navigates=False)
    assert json.loads(response.body)["reason"] == "session-expired"
    assert SESSION not in browser.cookies
    for response in (await browser.get(PAGE), await browser.post(PAGE, b"end=all")):
        assert location(response) == "/_gatepost/sign-in?return_to=/_gatepost/account"


async def test_the_page_shows_who_one_is_and_has_a_button_for_each_session(sign_in):
    first, second = await sign_in(), await sign_in(device="Chrome <i>")

    response = await first.get(PAGE)

    text = response.body.decode()
    assert response.status == 200
    for shown in (
        "alice &lt;b&gt;",
        "alice@example.com",
        "staff, ops",
        "192.0.2.9",
        "this browser",
    ):
        assert shown in text
    assert "Chrome &lt;i&gt;" in text
    assert re.findall("<script[^>]*>", text) == ['<script src="/_gatepost/times.js" defer>']
    assert re.findall(r'name="end" value="([^"]+)"', text) == [second.session.session_id, "all"]
    assert b"frame-ancestors 'none'" in str(dict(response.fields)).encode()


async def test_the_pages_buttons_work(sign_in):
    first, second, third = await sign_in(), await sign_in(), await sign_in()

    response = await first.post(PAGE, f"end={second.session.session_id}".encode())
    assert (response.status, location(response)) == (303, PAGE)
    assert await second.whoami() is None
    assert await first.whoami() is not None

    response = await first.post(PAGE, b"end=all")
    assert b"You are signed out" in response.body
    assert SESSION not in first.cookies
    assert await third.whoami() is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"end=", 303),
        (b"", 400),
        (b"end=x&end=all", 400),
        (b"end=all&which=this", 400),
        (b"revoke_key=x&end=all", 400),
        (b"create_key=1&end=all", 400),
        (b"End=all", 400),
        (b"\xff", 400),
        (b"a" * 10**5, 400),
    ],
)
async def test_a_form_nobody_sent_ends_nothing(sign_in, body, status):
    browser = await sign_in()

    assert (await browser.post(PAGE, body)).status == status
    assert await browser.whoami() is not None
