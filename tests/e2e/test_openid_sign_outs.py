"""Clients' sign-ins end with the browser's session, whoever ends that."""

import subprocess

import pytest

from tests.e2e.browsing import Browser
from tests.e2e.oauth_client import OAuthClient
from tests.e2e.openid_clients import HERE, OPENID, SECRET, add_people, settings, userinfo
from tests.e2e.relying_party import LogoutListener, verified
from tests.e2e.test_reload import hang_up
from tests.fixtures.accounts import GATEPOST, PASSWORD, clean_environment, command


@pytest.fixture
def listener():
    listener = LogoutListener()
    yield listener
    listener.close()


@pytest.fixture
def gateway(start_standalone, listener):
    started = start_standalone(**settings(logout_uri=listener.url))
    add_people(started)
    return started


@pytest.fixture
def wiki(gateway, browser):
    return OAuthClient(gateway, browser, "wiki", secret=SECRET)


def told_of(client, listener):
    form = listener.told()
    assert list(form) == ["logout_token"]
    header, claims = verified(client.issuer, form["logout_token"])
    assert header["typ"] == "logout+jwt"
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert (claims["iss"], claims["aud"]) == (client.issuer, client.client_id)
    assert claims["exp"] - claims["iat"] <= 120
    assert claims["jti"]
    assert "nonce" not in claims
    return claims


def sign_out(browser, _gateway):
    assert browser.form("/_gatepost/logout").status_code in (200, 303)


def end_everywhere(browser, _gateway):
    answer = browser.delete(
        f"{browser.url}/_gatepost/api/sessions", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 204


def revoked_by_the_operator(_browser, gateway):
    done = subprocess.run(
        [*GATEPOST, "sessions", "revoke", "-c", str(gateway.config_path), "--user", "ann"],
        env=clean_environment({}),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def disabled(_browser, gateway):
    done = command(gateway, "disable", "ann")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("end", [sign_out, end_everywhere, revoked_by_the_operator, disabled])
def test_clients_are_told_when_the_browsers_session_ends(gateway, wiki, listener, end):
    tokens = wiki.tokens(scope=HERE)
    claims = verified(wiki.issuer, tokens["id_token"])[1]

    end(wiki.browser, gateway)
    told = told_of(wiki, listener)

    assert (told["sub"], told["sid"]) == (claims["sub"], claims["sid"])
    assert wiki.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"
    assert listener.tokens.empty()


def test_tokens_for_later_outlive_the_sign_out(gateway, wiki, listener):
    tokens = wiki.tokens(scope=OPENID)
    sign_out(wiki.browser, gateway)
    told_of(wiki, listener)
    status, renewed = wiki.refresh(tokens["refresh_token"])
    assert status == 200
    assert userinfo(wiki, renewed["access_token"]).status_code == 200


def test_a_client_is_told_when_somebody_else_ends_its_tokens(wiki, listener):
    tokens = wiki.tokens(scope=OPENID)
    sid = verified(wiki.issuer, tokens["id_token"])[1]["sid"]
    [other] = [
        it for it in wiki.browser.get(f"{wiki.issuer}/api/sessions").json() if not it["current"]
    ]
    wiki.browser.delete(
        f"{wiki.issuer}/api/sessions/{other['id']}", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert told_of(wiki, listener)["sid"] == sid


def test_a_client_that_ends_its_own_tokens_hears_only_of_the_sign_out(gateway, wiki, listener):
    first = wiki.tokens(scope=HERE)
    assert wiki.post("revoke", token=first["refresh_token"])[0] == 200
    second = wiki.tokens(scope=HERE)
    sids = {verified(wiki.issuer, it["id_token"])[1]["sid"] for it in (first, second)}
    sign_out(wiki.browser, gateway)
    assert {told_of(wiki, listener)["sid"] for _ in sids} == sids
    assert listener.tokens.empty()


def test_signing_in_again_signs_nobody_out(gateway, wiki, listener):
    tokens = wiki.tokens(scope=HERE)
    assert wiki.browser.sign_in().status_code == 303
    status, tokens = wiki.refresh(tokens["refresh_token"])
    assert status == 200
    sid = verified(wiki.issuer, tokens["id_token"])[1]["sid"]
    sign_out(wiki.browser, gateway)
    assert told_of(wiki, listener)["sid"] == sid


def test_another_person_in_the_same_browser_signs_the_first_one_out(gateway, wiki, listener):
    claims = verified(wiki.issuer, wiki.tokens(scope=HERE)["id_token"])[1]
    assert wiki.browser.sign_in("bob").status_code == 303
    assert told_of(wiki, listener)["sub"] == claims["sub"]


def test_a_client_that_cannot_be_reached_is_told_later(gateway, wiki, listener):
    listener.statuses[:] = [503]
    wiki.tokens(scope=HERE)
    sign_out(wiki.browser, gateway)
    first, second = told_of(wiki, listener), told_of(wiki, listener)
    assert first["sid"] == second["sid"]
    # Each may be used once.
    assert first["jti"] != second["jti"]


def test_a_redirect_is_not_followed(gateway, wiki, listener):
    listener.statuses[:] = [307]
    wiki.tokens(scope=HERE)
    sign_out(wiki.browser, gateway)
    # `told` requires the registered path.
    assert told_of(wiki, listener)["sid"] == told_of(wiki, listener)["sid"]


def test_a_code_of_a_session_that_has_ended_gives_nothing(gateway, wiki, listener):
    code = wiki.code(scope=OPENID)
    sign_out(wiki.browser, gateway)
    status, refused = wiki.redeem(code)
    assert (status, refused["error"], refused["reason"]) == (
        400,
        "invalid_grant",
        "session-expired",
    )


async def test_who_may_no_longer_use_a_client_gets_no_new_tokens(gateway, browser):
    command(gateway, "add", "eve", "--group", "board", text=PASSWORD)
    other = Browser(gateway)
    other.sign_in("eve")
    staff = OAuthClient(gateway, other, "staff")
    tokens = staff.tokens(scope="openid")
    status, tokens = staff.refresh(tokens["refresh_token"])
    assert status == 200
    await hang_up(gateway, conditions={"board": [{"group": "nobody"}]})
    status, refused = staff.refresh(tokens["refresh_token"])
    assert (status, refused["error"]) == (400, "invalid_grant")
