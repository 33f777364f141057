"""Signing out ends the session here, at the provider, and its refresh token."""

from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from gateway.oidc.given_endpoints import ENDPOINTS
from gateway.oidc.provider import Provider
from tests.endpoints.conftest import WAYS, location
from tests.oidc.hostile import REFRESH_TOKEN
from tests.patience import soon

LOGOUT = "/_gatepost/logout"
SESSION = "__Host-gatepost"


@pytest.fixture(params=WAYS)
def way(request):
    """In place, and over TLS as a gateway serves it."""
    return request.param


@pytest.fixture
async def signed_in(browser, hostile, revocations):
    at_provider = location(await browser.get("/_gatepost/login/hostile"))
    answer = hostile.approve(at_provider)
    await browser.get(f"/_gatepost/callback/hostile?{urlencode(answer)}")
    assert await browser.whoami() is not None
    return browser


async def test_the_page_asks_and_changes_nothing(signed_in):
    response = await signed_in.get(LOGOUT)

    assert response.status == 200
    assert b'action="/_gatepost/logout"' in response.body
    assert b"alice" in response.body
    assert await signed_in.whoami() is not None


async def test_signing_out_goes_on_to_the_provider(signed_in, hostile):
    cookie = signed_in.cookies[SESSION]

    response = await signed_in.post(LOGOUT)

    assert response.status == 303
    asked = parse_qs(urlsplit(location(response)).query)
    assert location(response).startswith(f"{hostile.issuer}/logout?")
    assert asked["client_id"] == ["notes"]
    assert asked["post_logout_redirect_uri"] == ["https://notes.example.com/_gatepost/logout"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert asked["state"]
    assert SESSION not in signed_in.cookies
    signed_in.cookies[SESSION] = cookie
    assert await signed_in.whoami() is None


async def test_its_refresh_token_is_revoked(signed_in, hostile, revocations):
    await signed_in.post(LOGOUT)
    await revocations.aclose()

    assert hostile.requests[-1] == ("POST", "/revoke")
    assert hostile.forms[-1]["token"] == [REFRESH_TOKEN]


async def test_a_token_that_cannot_be_revoked_does_not_keep_anybody_signed_in(
    signed_in, hostile, revocations
):
    hostile.wrongs.failures = {"/revoke": "500"}

    response = await signed_in.post(LOGOUT)
    await revocations.aclose()

    assert response.status == 303
    assert await signed_in.whoami() is None


async def test_a_second_sign_in_leaves_the_providers_grant_alone(signed_in, hostile, revocations):
    at_provider = location(await signed_in.get("/_gatepost/login/hostile"))
    answer = hostile.approve(at_provider)
    await signed_in.get(f"/_gatepost/callback/hostile?{urlencode(answer)}")
    await revocations.aclose()

    assert hostile.count("/revoke") == 0


@pytest.mark.parametrize("wrong", ["no endpoint", "down"])
async def test_where_the_provider_cannot_the_page_says_so(
    signed_in, hostile, providers, http, wrong
):
    if wrong == "down":
        await hostile.stop()
    else:
        hostile.wrongs.discovery = {"end_session_endpoint": None}
    # What was known of the provider is forgotten.
    provider = providers["hostile"]
    providers["hostile"] = Provider(provider.registration, http, provider.clock)

    response = await signed_in.post(LOGOUT)

    assert response.status == 200
    assert b"signed out" in response.body
    assert b"may still be signed in at" in response.body
    assert SESSION not in signed_in.cookies
    assert await signed_in.whoami() is None


@pytest.mark.parametrize(
    ("site", "fields", "status"),
    [
        ("same-origin", (), 303),
        ("none", (), 303),
        ("cross-site", (), 403),
        ("same-site", (), 403),
        ("cross-site", ((b"origin", b"https://notes.example.com"),), 403),
        (None, ((b"origin", b"https://notes.example.com"),), 303),
        (None, ((b"origin", b"https://evil.example"),), 403),
        (None, ((b"origin", b"null"),), 403),
        (None, ((b"origin", b"http://notes.example.com"),), 403),
        (None, (), 403),
    ],
)
async def test_only_our_own_pages_sign_anybody_out(signed_in, site, fields, status):
    response = await signed_in.post(LOGOUT, site=site, fields=fields)

    assert response.status == status
    assert (await signed_in.whoami() is None) == (status == 303)


async def test_who_is_not_signed_in_is_told_so(browser):
    for response in (await browser.get(LOGOUT), await browser.post(LOGOUT)):
        assert response.status == 200
        assert b"You are signed out" in response.body


async def test_a_gateway_that_stops_waits_for_revocations_but_not_for_ever(
    signed_in, hostile, revocations, monkeypatch
):
    monkeypatch.setattr("gateway.assembly.background.CLOSE_S", 0.1)
    hostile.wrongs.failures = {"/revoke": "hang"}
    await signed_in.post(LOGOUT)

    await soon(revocations.aclose())


async def test_a_provider_that_is_configured_no_more_is_left_alone(
    signed_in, hostile, providers, revocations
):
    providers.clear()

    response = await signed_in.post(LOGOUT)
    await revocations.aclose()

    assert response.status == 200
    assert hostile.count("/revoke") == 0
    assert await signed_in.whoami() is None


async def test_another_issuer_under_the_same_name_gets_no_token(signed_in, providers, http):
    """Signing out there would show it the ID token, and end nothing."""
    provider, another = providers["hostile"], "https://another.example.com"
    given = {name: f"{another}/{name}" for name in ENDPOINTS}
    moved = replace(provider.registration, issuer=another, endpoints=given)
    providers["hostile"] = Provider(moved, http, provider.clock)

    response = await signed_in.post(LOGOUT)

    assert response.status == 200
    assert await signed_in.whoami() is None
