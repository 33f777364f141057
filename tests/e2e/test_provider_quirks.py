"""A certified provider that answers by a form, or signs with the client's secret."""

import re
from html import unescape

import aiohttp
import pytest

from tests.e2e.raw import OK, behind
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider

SECRET = "a-secret-of-more-than-thirty-two-bytes"


@pytest.fixture
async def start(gateway_process, start_oidc_provider, raw_upstream):
    async def begin(client, at_provider=(), **of_provider):
        provider = start_oidc_provider(
            enabledJWA={"idTokenSigningAlgValues": ["RS256", "HS256"]}, **dict(at_provider)
        )
        listen = f"127.0.0.1:{take_free_port()}"
        registered = provider.register(
            f"http://{listen}/_gatepost/callback/id", client_secret=SECRET, **client
        )
        settings = {
            "issuer": provider.issuer,
            "client_id": registered.client_id,
            "client_secret": SECRET,
            **of_provider,
        }
        return gateway_process(
            behind(
                await raw_upstream(OK),
                {"name": "all", "prefix": "/", "access": "signed_in"},
                server={"listen": listen},
                providers={"id": settings},
            )
        )

    return begin


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as found:
        yield found


async def authorize(session, gateway):
    begin = f"{gateway.base_url}/_gatepost/sign-in"
    async with session.get(begin, allow_redirects=False) as told:
        return told.headers["Location"]


@pytest.mark.parametrize(
    ("algorithms", "status", "reason"),
    [(["HS256"], 302, None), (None, 502, "invalid-id-token"), (["RS256"], 502, "invalid-id-token")],
)
async def test_a_shared_secret_signs_only_if_it_is_named(
    start, session, algorithms, status, reason
):
    named = {} if algorithms is None else {"algorithms": algorithms}
    gateway = await start({"id_token_signed_response_alg": "HS256"}, **named)

    back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), "alice")
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == status, gateway.log()

    if reason is not None:
        gateway.wait_for_audit(reason=reason)


async def test_an_answer_by_a_form_signs_in(start, session):
    """The form is sent from the provider's page, so Lax cookies do not come with it."""
    gateway = await start({}, response_mode="form_post")

    page = await form_at_oidc_provider(session, await authorize(session, gateway), "alice")
    action = unescape(re.search(r'<form[^>]* action="([^"]*)"', page)[1])
    form = {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]*name="([^"]*)" value="([^"]*)"', page)
    }
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as foreign,
        foreign.post(action, data=form, allow_redirects=False) as told,
    ):
        assert told.status == 303
        there = told.headers["Location"]
    async with session.get(f"{gateway.base_url}{there}", allow_redirects=False) as told:
        assert told.status == 302, gateway.log()
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
        assert (await told.json())["subject"] == "alice"

    assert action == f"{gateway.base_url}/_gatepost/callback/id"
    assert {"state", "code"} <= form.keys()


async def form_at_oidc_provider(session, url, user):
    """Walk the provider's forms up to the one that a browser would send to the gateway."""
    async with session.get(url) as response:
        url = str(response.url)
    login = {"prompt": "login", "login": user, "password": "any"}
    async with session.post(url, data=login) as response:
        url = str(response.url)
    async with session.post(url, data={"prompt": "consent"}) as response:
        return await response.text()


async def test_keycloaks_profile_reads_roles_from_the_access_token(start, session):
    gateway = await start(
        {},
        {
            # The groups are in access tokens for an API, as Keycloak's roles are in all of them.
            "features": {"userinfo": {"enabled": False}, "jwtUserinfo": {"enabled": False}},
            "users": {"alice": {"groups": ["editors"]}},
        },
        profile="keycloak",
        claims={"roles": "groups"},
        scopes=["openid", "email", "api:read"],
        authorize_params={"resource": "https://api.example.com"},
    )

    back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), "alice")
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == 302, gateway.log()
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
        assert (await told.json())["roles"] == ["editors"], gateway.log()


@pytest.mark.parametrize("consent", [False, True])
async def test_a_refresh_token_that_does_not_come_is_told_once(start, session, consent):
    params = {"authorize_params": {"prompt": "consent"}} if consent else {}
    gateway = await start(
        {"scope": "openid email offline_access"},
        scopes=["openid", "email", "offline_access"],
        **params,
    )

    for user in ("alice", "bob"):
        session.cookie_jar.clear()
        back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), user)
        async with session.get(back, allow_redirects=False) as told:
            assert told.status == 302, gateway.log()

    told = [it for it in gateway.log().splitlines() if "no refresh token came" in it]
    assert len(told) == (0 if consent else 1)
    assert all("set providers.id.authorize_params: {prompt: consent}" in it for it in told)
