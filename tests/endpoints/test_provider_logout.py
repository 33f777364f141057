"""The provider ends sessions: by its own word, and through the browser."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from gateway.errors import StoreUnavailableError
from gateway.oidc.logout_token import EVENT
from gateway.oidc.provider import Provider
from gateway.sessions import ProviderTokens
from tests.endpoints.conftest import location
from tests.oidc.hostile import REFRESH_TOKEN, SUBJECT, sign
from tests.sessions.conftest import make_identity

BACK = "/_gatepost/backchannel-logout/hostile"
FRONT = "/_gatepost/frontchannel-logout/hostile"
SESSION = "__Host-gatepost"
FORM = ((b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),)


@pytest.fixture
def sign_in(make_browser, add_provider, hostile, revocations):
    """A browser signed in at the hostile provider, under a `sid` of the provider's."""
    add_provider()

    async def run(sid="s1", subject=SUBJECT, **claims):
        browser = make_browser()
        hostile.wrongs.claims = {"sid": sid, "sub": subject, **claims}
        hostile.wrongs.userinfo = {"sub": subject}
        answer = hostile.approve(location(await browser.get("/_gatepost/login/hostile")))
        await browser.get(f"/_gatepost/callback/hostile?{urlencode(answer)}")
        assert await browser.whoami() is not None
        return browser

    return run


def logout_token(hostile, clock, *, how=None, **changes):
    now = int(clock())
    claims = {
        "iss": hostile.issuer,
        "aud": "notes",
        "iat": now,
        "exp": now + 120,
        "jti": "one",
        "events": {EVENT: {}},
        "sid": "s1",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return sign(kept, **{"header": {"typ": "logout+jwt"}, **(how or {})})


async def post(browser, token, path=BACK, fields=FORM):
    """As the provider does: no cookies, no browser's fields."""
    cookies, browser.cookies = browser.cookies, {}
    body = urlencode({"logout_token": token}).encode() if isinstance(token, str) else token
    try:
        return await browser.send(
            "POST", path, body=body, fields=fields, navigates=False, site=None
        )
    finally:
        browser.cookies = cookies


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"sid": "s1"}, ["s2", "other"]),
        ({"sid": None, "sub": SUBJECT}, ["other"]),
        ({"sid": "s1", "sub": SUBJECT}, ["s2", "other"]),
        ({"sid": "s3", "sub": "bob"}, ["s1", "s2"]),
        ({"sid": "s1", "sub": "bob"}, ["s1", "s2", "other"]),
        ({"sid": "unknown"}, ["s1", "s2", "other"]),
    ],
)
async def test_the_sessions_it_names_end_and_no_others(sign_in, hostile, clock, named, left):
    browsers = {
        "s1": await sign_in("s1"),
        "s2": await sign_in("s2"),
        "other": await sign_in("s3", "bob"),
    }

    response = await post(browsers["s1"], logout_token(hostile, clock, **named))

    assert (response.status, response.body) == (200, b"")
    assert ("Cache-Control", "no-store") in response.fields
    assert [name for name, b in browsers.items() if await b.whoami() is not None] == left


async def test_a_session_that_knows_no_sid_ends_with_its_subject(sign_in, hostile, clock):
    bare, named = await sign_in(None), await sign_in("s2")

    await post(bare, logout_token(hostile, clock, sid="s9", sub=SUBJECT))

    assert await bare.whoami() is None
    assert await named.whoami() is not None


async def test_its_refresh_token_is_revoked(sign_in, hostile, clock, revocations):
    browser = await sign_in()
    await post(browser, logout_token(hostile, clock))
    await revocations.aclose()

    assert hostile.requests[-1] == ("POST", "/revoke")
    assert hostile.forms[-1]["token"] == [REFRESH_TOKEN]


async def test_a_token_is_good_once(sign_in, hostile, clock):
    first = await sign_in()
    token = logout_token(hostile, clock, sid=None, sub=SUBJECT)
    assert (await post(first, token)).status == 200
    second = await sign_in()

    refused = await post(second, token)

    assert refused.status == 400
    assert await second.whoami() is not None
    assert (await post(second, logout_token(hostile, clock, jti="two"))).status == 200
    assert await second.whoami() is None


async def test_a_refusal_is_told_in_the_words_of_both_standards(sign_in, hostile, clock):
    browser = await sign_in()
    response = await post(browser, logout_token(hostile, clock, aud="other"))

    assert response.status == 400
    fields = dict(response.fields)
    assert fields["Content-Type"] == "application/json"
    assert fields["Cache-Control"] == "no-store"
    document = json.loads(response.body)
    assert document["error"] == "invalid_request"
    assert isinstance(document["error_description"], str)
    assert (document["reason"], document["status"]) == ("invalid-logout-token", 400)
    assert "other" not in response.body.decode()


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"nonce": "n"}, {}),
        ({"events": None}, {}),
        ({"events": {"urn:other": {}}}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"exp": 1}, {}),
        ({"iat": None}, {}),
        ({"jti": None}, {}),
        ({"sid": None}, {}),
        ({}, {"header": {"typ": "at+jwt"}}),
        ({}, {"key": "rsa-stranger", "header": {"kid": "rsa"}}),
        ({}, {"key": "rsa-stranger", "header": {"kid": "new"}}),
        ({}, {"alg": "none"}),
    ],
)
async def test_a_forged_token_ends_nothing(sign_in, hostile, clock, changes, how):
    browser = await sign_in()

    assert (await post(browser, logout_token(hostile, clock, how=how, **changes))).status == 400
    assert await browser.whoami() is not None


ALGORITHMS = [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "p256"), ("EdDSA", "ed")]


@pytest.mark.parametrize("with_id", ALGORITHMS)
@pytest.mark.parametrize("with_logout", ALGORITHMS)
async def test_what_is_signed_otherwise_than_the_id_token_ends_nothing(
    sign_in, hostile, clock, with_id, with_logout
):
    # The foundation's rp-backchannel-rpinitlogout-lt-wrong-alg: another of the provider's keys.
    hostile.wrongs.signing = {"alg": with_id[0], "key": with_id[1]}
    browser = await sign_in(at_hash=None)
    how = {"alg": with_logout[0], "key": with_logout[1]}

    response = await post(browser, logout_token(hostile, clock, how=how))

    same = with_id == with_logout
    assert response.status == (200 if same else 400)
    assert (await browser.whoami() is None) is same
    right = {"alg": with_id[0], "key": with_id[1]}
    again = await post(browser, logout_token(hostile, clock, how=right, jti="two"))
    assert again.status == 200
    assert await browser.whoami() is None


async def test_an_id_token_is_no_logout_token(sign_in, hostile, clock):
    browser = await sign_in()

    for token in (hostile.id_token("n"), hostile.id_token(None)):
        assert (await post(browser, token)).status == 400
    assert await browser.whoami() is not None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", FORM),
        (b"logout_token=", FORM),
        (b"logout_token=a&logout_token=b", FORM),
        (b"token=a", FORM),
        (b"logout_token=%FF", FORM),
        (b"\xff\xfe", FORM),
        (b"logout_token=" + b"a" * 100_000, FORM),
        ("right", ((b"content-type", b"application/json"),)),
        ("right", ()),
    ],
)
async def test_what_is_no_form_ends_nothing(sign_in, hostile, clock, body, fields):
    browser = await sign_in()
    if body == "right":
        body = urlencode({"logout_token": logout_token(hostile, clock)}).encode()

    assert (await post(browser, body, fields=fields)).status == 400
    assert await browser.whoami() is not None


async def test_where_the_provider_may_not_or_is_unknown_there_is_no_such_endpoint(
    make_browser, add_provider, hostile, clock
):
    browser = make_browser()  # Before the provider was told of.
    add_provider()
    token = logout_token(hostile, clock)

    assert (await post(browser, token)).status == 404
    assert (await post(browser, token, "/_gatepost/backchannel-logout/nobody")).status == 404
    assert (await browser.get(BACK)).status == 405


async def test_another_provider_of_the_same_issuer_ends_its_own_sessions_only(
    sign_in, hostile, clock, sessions
):
    browser = await sign_in()
    identity = make_identity(SUBJECT)
    of_another = replace(identity, issuer=hostile.issuer, subject=SUBJECT, provider="second")
    await sessions.create(
        of_another, ProviderTokens(), provider_sid="s1", ip="", device="", now=clock()
    )
    await post(browser, logout_token(hostile, clock, sub=SUBJECT))

    assert await browser.whoami() is None
    assert await sessions.count() == 1


async def test_a_store_that_fails_does_not_use_the_token_up(
    sign_in, hostile, clock, store, monkeypatch
):
    browser = await sign_in()
    token = logout_token(hostile, clock)

    take = store.take
    failures = [StoreUnavailableError("told to fail")]

    async def fail_once(key):
        if failures:
            raise failures.pop()
        return await take(key)

    monkeypatch.setattr(store, "take", fail_once)
    assert (await post(browser, token)).status == 503
    assert await browser.whoami() is not None
    assert (await post(browser, token)).status == 200
    assert await browser.whoami() is None


async def test_the_keys_cannot_be_had(sign_in, hostile, clock, providers, http):
    browser = await sign_in()
    provider = providers["hostile"]
    await hostile.stop()
    providers["hostile"] = Provider(provider.registration, http, provider.clock)

    assert (await post(browser, logout_token(hostile, clock))).status == 503
    assert await browser.whoami() is not None


def front(hostile, **changes):
    asked = {"iss": hostile.issuer, "sid": "s1", **changes}
    return f"{FRONT}?{urlencode({n: v for n, v in asked.items() if v is not None})}"


async def test_a_frame_of_the_provider_signs_its_browser_out(sign_in, hostile, revocations):
    browser, other = await sign_in(), await sign_in("s2")

    response = await browser.get(front(hostile), navigates=False, site="cross-site")

    assert response.status == 200
    fields = dict(response.fields)
    assert fields["Content-Security-Policy"] == (
        f"default-src 'none'; frame-ancestors {hostile.issuer}"
    )
    assert "X-Frame-Options" not in fields
    assert fields["Cache-Control"] == "no-store"
    assert SESSION not in browser.cookies
    assert await other.whoami() is not None
    await revocations.aclose()
    assert hostile.count("/revoke") == 1


async def test_it_works_without_the_cookie_which_browsers_keep_from_frames(sign_in, hostile):
    browser = await sign_in()
    cookies, browser.cookies = browser.cookies, {}

    assert (await browser.get(front(hostile), navigates=False)).status == 200
    browser.cookies = cookies
    assert await browser.whoami() is None


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example"}, {"iss": None}, {"sid": None}, {"sid": ""}, {"iss": ""}],
)
async def test_without_issuer_and_sid_it_signs_nobody_out(sign_in, hostile, changes):
    browser = await sign_in()

    assert (await browser.get(front(hostile, **changes), navigates=False)).status == 400
    assert await browser.whoami() is not None


async def test_a_provider_that_never_names_its_issuer_signs_out_by_the_sid(
    sign_in, add_provider, hostile
):
    browser, other = await sign_in(), await sign_in("s2")
    add_provider(logout_names_issuer=False)
    for wrong in ({"iss": "https://evil.example"}, {"iss": ""}, {"iss": None, "sid": None}):
        assert (await browser.get(front(hostile, **wrong), navigates=False)).status == 400
    assert (await browser.get(front(hostile, iss=None, sid="s9"), navigates=False)).status == 200
    assert await browser.whoami() is not None

    assert (await browser.get(front(hostile, iss=None), navigates=False)).status == 200

    assert await browser.whoami() is None
    assert await other.whoami() is not None


async def test_another_sid_is_not_this_browsers(sign_in, hostile):
    browser, other = await sign_in(), await sign_in("s2")

    response = await browser.get(front(hostile, sid="s2"), navigates=False)

    assert response.status == 200
    assert not any(name == "Set-Cookie" for name, _ in response.fields)
    assert await browser.whoami() is not None
    assert await other.whoami() is None


async def test_a_front_channel_nobody_configured(sign_in, hostile):
    browser = await sign_in()
    assert (await browser.get("/_gatepost/frontchannel-logout/nobody")).status == 404
