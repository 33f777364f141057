"""The whole way in and out at a real, certified provider, with a browser's cookies."""

from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest

from gateway.oidc.refresh import refresh
from gateway.oidc.registration import ClaimNames
from tests.endpoints.conftest import HOST, local, location
from tests.fixtures.oidc import sign_in_at_oidc_provider, sign_out_at_oidc_provider
from tests.fixtures.real_clock import real_clock

__all__ = ["real_clock"]


CALLBACK = f"https://{HOST}/_gatepost/callback/real"
LOGOUT = f"https://{HOST}/_gatepost/logout"


def now():
    return datetime.now(UTC).timestamp()


@pytest.fixture
async def at_provider():
    """The browser at the provider, where it has cookies of its own."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


@pytest.fixture
def configure(oidc_provider, add_provider, make_browser):
    """A browser, and the gateway registered at the provider as the test says."""

    def make(metadata=None, **changes):
        client = oidc_provider.register(
            CALLBACK, post_logout_redirect_uris=[LOGOUT], **(metadata or {})
        )
        values = {
            "issuer": oidc_provider.issuer,
            "client_id": client.client_id,
            "client_secret": client.client_secret or None,
            "scopes": ("openid", "profile", "email", "groups", "offline_access"),
            "authorize_params": {"prompt": "consent"},
            "claims": ClaimNames(groups=("groups",)),
            **changes,
        }
        provider = add_provider("real", **values)
        return make_browser(), provider

    return make


async def sign_in(browser, at_provider, user, target="/_gatepost/login/real?return_to=/a"):
    there = location(await browser.get(target))
    back = await sign_in_at_oidc_provider(at_provider, there, user)
    assert back.startswith(CALLBACK)
    return await browser.get(local(back), site="cross-site")


async def test_in_and_out(configure, oidc_provider, at_provider, sessions, revocations):
    oidc_provider.set_claims("ida", groups=["staff", "admins"], email="ida@example.org")
    browser, provider = configure()

    response = await sign_in(browser, at_provider, "ida")

    assert (response.status, location(response)) == (302, "/a")
    person = await browser.whoami()
    assert (person["user"], person["issuer"]) == ("ida", oidc_provider.issuer)
    assert person["groups"] == ["staff", "admins"]
    assert "offline_access" in person["scopes"]
    session = await sessions.load(browser.cookies["__Host-gatepost"], now())
    assert session is not None
    refresh_token = session.tokens.refresh_token
    assert refresh_token

    out = await browser.post("/_gatepost/logout")
    await revocations.aclose()
    back = await sign_out_at_oidc_provider(at_provider, location(out))

    assert back is not None
    assert back.startswith(LOGOUT)
    page = await browser.get(local(back), site="cross-site")
    assert b"You are signed out" in page.body
    assert await browser.whoami() is None
    # The offline token would have survived the provider's own logout.
    with pytest.raises(Exception, match="invalid_grant"):
        await refresh(provider, refresh_token, session.identity, session.tokens.id_token)


async def test_a_refresh_brings_changed_groups(configure, oidc_provider, at_provider, sessions):
    oidc_provider.set_claims("joe", groups=["old"])
    browser, provider = configure()
    await sign_in(browser, at_provider, "joe")
    cookie = browser.cookies["__Host-gatepost"]
    session = await sessions.load(cookie, now())
    oidc_provider.set_claims("joe", groups=["new"])

    after = await refresh(
        provider, session.tokens.refresh_token, session.identity, session.tokens.id_token
    )

    assert after.identity.groups == ("new",)
    assert after.tokens.refresh_token != session.tokens.refresh_token


async def test_two_tabs_at_one_provider(configure, at_provider):
    browser, _ = configure()
    there = [location(await browser.get(f"/_gatepost/login/real?return_to=/{n}")) for n in "ab"]
    back = [await sign_in_at_oidc_provider(at_provider, url, "kim") for url in there]

    for url, path in zip(reversed(back), ("/b", "/a"), strict=True):
        assert location(await browser.get(local(url), site="cross-site")) == path
    assert (await browser.whoami())["user"] == "kim"


async def test_a_callback_used_twice_ends_no_other_session(configure, at_provider):
    browser, _ = configure()
    there = location(await browser.get("/_gatepost/login/real"))
    back = await sign_in_at_oidc_provider(at_provider, there, "lea")
    cookies = dict(browser.cookies)
    await browser.get(local(back), site="cross-site")
    browser.cookies = cookies

    again = await browser.get(local(back), site="cross-site")

    assert again.status == 400
    assert b"code-refused" in again.body


async def test_a_person_who_says_no_is_told_so(configure, at_provider):
    browser, _ = configure()
    there = location(await browser.get("/_gatepost/login/real"))
    state = urlsplit(there).query
    parameters = dict(pair.split("=", 1) for pair in state.split("&"))
    answer = {"error": "access_denied", "state": parameters["state"]}

    # Without the issuer it is not this provider's word (RFC 9207).
    response = await browser.get(f"/_gatepost/callback/real?{urlencode(answer)}")

    assert b"issuer-mismatch" in response.body


@pytest.mark.parametrize(
    ("metadata", "changes"),
    [
        (
            {"token_endpoint_auth_method": "client_secret_post"},
            {"client_auth": "client_secret_post"},
        ),
        ({"token_endpoint_auth_method": "none"}, {}),
        ({"client_id": "2438@no:tes", "client_secret": "p:w+d/%20 x"}, {}),
        ({"id_token_signed_response_alg": "ES256"}, {}),
    ],
)
async def test_every_kind_of_client_signs_in(configure, at_provider, metadata, changes):
    browser, _ = configure(metadata, **changes)

    assert (await sign_in(browser, at_provider, "mia")).status == 302
    assert (await browser.whoami())["email"] == "mia@example.com"


async def test_a_step_up_gives_the_time_of_the_sign_in(configure, at_provider):
    browser, _ = configure()
    await sign_in(browser, at_provider, "ned")
    assert (await browser.whoami())["authenticated_at"] is None

    await sign_in(browser, at_provider, "ned", "/_gatepost/login/real?max_age=600")

    assert abs((await browser.whoami())["authenticated_at"] - now()) < 60
