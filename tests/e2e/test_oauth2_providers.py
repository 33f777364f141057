"""Signing in at a provider of plain OAuth 2.0: no discovery, no ID token."""

import asyncio
import json
import subprocess
import sys

import pytest

from tests.e2e.raw import OK
from tests.e2e.signed_in import SESSION, browser
from tests.fixtures.gateway import clean_environment, dump
from tests.fixtures.hub import hub
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider
from tests.patience import until

__all__ = ["hub"]


@pytest.fixture
def start(gateway_process, raw_upstream):
    """Start a gateway of these providers: ``gateway, app = await start(hub={…})``."""

    async def run(origin=None, **providers):
        app = await raw_upstream(OK)
        origin = origin or f"http://127.0.0.1:{take_free_port()}"
        settings = {
            "public_url": origin,
            "server": {"listen": origin.removeprefix("http://")},
            "upstreams": {"app": {"url": app.url}},
            "providers": providers,
        }
        return gateway_process(settings), app

    return run


async def signed_in(session, gateway, provider="hub"):
    """Sign in; the status of the callback and its page."""
    login = f"{gateway.base_url}/_gatepost/login/{provider}?return_to=/"
    async with session.get(login, allow_redirects=False) as response:
        there = response.headers["Location"]
    async with session.get(there, allow_redirects=False) as response:
        back = response.headers["Location"]
    async with session.get(back, allow_redirects=False) as response:
        return response.status, await response.text()


async def whoami(session, gateway):
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as response:
        return response.status, await response.json()


@pytest.mark.parametrize("answers_form", [False, True])
async def test_a_user_is_the_id_and_never_the_login(hub, start, answers_form):
    hub.answers_form = answers_form
    gateway, app = await start(hub=hub.settings())
    async with browser() as session:
        assert (await signed_in(session, gateway))[0] == 302
        status, found = await whoami(session, gateway)
        async with session.get(gateway.base_url) as response:
            assert response.status == 200

    told = {name: found[name] for name in ("user", "subject", "issuer", "email", "name", "groups")}
    assert (status, told) == (
        200,
        {
            "user": "alice",
            "subject": "1001",
            "issuer": "https://github.com",
            "email": "alice@example.com",
            "name": "Alice A.",
            "groups": ["acme"],
        },
    )
    assert found["scopes"] == ["read:org", "user:email"]
    assert b"\r\nRemote-User: alice\r\n" in app.heads[-1]
    # As many as they take, at once, and none more for the requests.
    assert sorted(hub.asked) == ["/user", "/user/emails", "/user/orgs"]


async def test_whoever_takes_over_a_login_is_somebody_else(hub, start):
    gateway, _ = await start(hub=hub.settings())
    async with browser() as session:
        assert (await signed_in(session, gateway))[0] == 302
    hub.user["id"] = 2002
    async with browser() as session:
        status, page = await signed_in(session, gateway)

    assert (status, "user-taken" in page) == (403, True)


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "alice@example.com", "primary": True, "verified": False}],
        [{"email": "alice@example.com", "primary": False, "verified": True}],
        [{"email": "alice@example.com", "primary": True, "verified": "true"}],
        [None, "alice@example.com", {"email": None, "primary": True, "verified": True}],
    ],
)
async def test_only_the_verified_primary_address_counts(hub, start, emails):
    hub.emails = emails
    gateway, _ = await start(hub=hub.settings())
    async with browser() as session:
        await signed_in(session, gateway)
        assert (await whoami(session, gateway))[1]["email"] is None


async def test_groups_are_read_page_by_page_on_the_same_origin_only(hub, start, gateway_process):
    hub.orgs, hub.per_page = [f"org-{number}" for number in range(7)], 3
    gateway, _ = await start(hub=hub.settings())
    async with browser() as session:
        await signed_in(session, gateway)
        assert (await whoami(session, gateway))[1]["groups"] == hub.orgs

    heard = []

    async def listen(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    thief = await asyncio.start_server(listen, "127.0.0.1", 0)
    hub.link_to = f"http://127.0.0.1:{thief.sockets[0].getsockname()[1]}/user/orgs?page=2"
    async with browser() as session:
        status, page = await signed_in(session, gateway)
    thief.close()
    assert (status, "provider-unavailable" in page, heard) == (503, True, [])


@pytest.mark.parametrize("status", [403, 404])
async def test_groups_that_may_not_be_read_satisfy_no_rule_and_meet_a_deny(
    hub, gateway_process, raw_upstream, status
):
    hub.fails["/user/orgs"] = status
    app, origin = await raw_upstream(OK), f"http://127.0.0.1:{take_free_port()}"
    gateway = gateway_process(
        {
            "public_url": origin,
            "server": {"listen": origin.removeprefix("http://")},
            "upstreams": {"app": {"url": app.url}},
            "providers": {"hub": hub.settings()},
            "routes": [
                {"name": "a", "prefix": "/a", "access": {"allow": [{"group": "acme"}]}},
                {"name": "d", "prefix": "/d", "access": {"deny": [{"group": "evil"}]}},
                {"name": "rest", "prefix": "/", "access": "signed_in"},
            ],
        }
    )
    async with browser() as session:
        assert (await signed_in(session, gateway))[0] == 302
        found = []
        for path in ("/a", "/d", "/x"):
            async with session.get(gateway.base_url + path) as response:
                found.append(response.status)
    assert found == [403, 403, 200]


async def test_a_revoked_grant_ends_the_session_at_the_next_look(hub, start):
    gateway, _ = await start(hub=hub.settings(recheck="1s"))
    async with browser() as session:
        await signed_in(session, gateway)
        hub.orgs = ["acme", "board"]

        async def is_known():
            return (await whoami(session, gateway))[1].get("groups") == ["acme", "board"]

        async def asks():
            async with session.get(gateway.base_url, allow_redirects=False) as response:
                return response.status

        async def is_told():
            return await asks() == 200 and await is_known()

        await until(is_told)
        hub.tokens.clear()

        async def is_over():
            return await asks() in (302, 401)

        await until(is_over)


async def test_a_provider_that_is_down_ends_nothing(hub, start):
    gateway, _ = await start(hub=hub.settings(recheck="1s"))
    async with browser() as session:
        await signed_in(session, gateway)
        hub.fails["/user"], asked = 500, len(hub.asked)

        async def was_asked():
            async with session.get(gateway.base_url, allow_redirects=False) as response:
                assert response.status == 200
            return len(hub.asked) > asked

        await until(was_asked)
        assert (await whoami(session, gateway))[1]["groups"] == ["acme"]


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"user": {"login": "alice"}}, 403, "user-missing"),
        ({"user": {"id": True, "login": "alice"}}, 403, "user-missing"),
        ({"user": {"id": {"x": 1}, "login": "alice"}}, 403, "user-missing"),
        ({"user": {"id": "x" * 300, "login": "alice"}}, 403, "user-missing"),
        ({"user": ["alice"]}, 503, "provider-unavailable"),
        ({"emails": {"message": "moved"}}, 503, "provider-unavailable"),
        ({"fails": {"/user": 302}}, 503, "provider-unavailable"),
        ({"fails": {"/user": 403}}, 503, "provider-unavailable"),
    ],
)
async def test_what_cannot_be_a_user_signs_nobody_in(hub, start, changes, status, reason):
    for name, value in changes.items():
        setattr(hub, name, value)
    gateway, _ = await start(hub=hub.settings())
    async with browser() as session:
        found, page = await signed_in(session, gateway)
        assert (found, reason in page) == (status, True)
        assert (await whoami(session, gateway))[0] == 401


# What Gitea 1.26 answers with, in place of GitHub's errors.
OF_GITEA = {
    "incorrect_client_credentials": {
        "error": "unauthorized_client",
        "error_description": "invalid client secret",
    },
    "bad_verification_code": {
        "error": "unauthorized_client",
        "error_description": "client is not authorized",
    },
}


@pytest.mark.parametrize("errors", [{}, OF_GITEA])
async def test_a_wrong_secret_and_a_foreign_code_are_told_apart(hub, start, errors):
    hub.errors = errors
    gateway, _ = await start(hub=hub.settings(client_secret="wrong"), other=hub.settings())
    async with browser() as session:
        status, page = await signed_in(session, gateway)
        assert (status, "client-refused" in page) == (502, True)
        login = f"{gateway.base_url}/_gatepost/login/other?return_to=/"
        async with session.get(login, allow_redirects=False) as response:
            there = response.headers["Location"]
        async with session.get(there, allow_redirects=False) as response:
            back = response.headers["Location"]
        hub.codes.clear()
        async with session.get(back, allow_redirects=False) as response:
            assert (response.status, "code-refused" in await response.text()) == (400, True)
        # One provider's answer is no other's (RFC 9700, section 4.4.2).
        async with session.get(there, allow_redirects=False) as response:
            mixed = response.headers["Location"].replace("/callback/other", "/callback/hub")
        async with session.get(mixed, allow_redirects=False) as response:
            assert response.status in (302, 400)
        assert (await whoami(session, gateway))[0] == 401


async def test_a_step_up_says_that_it_is_impossible(hub, start):
    gateway, _ = await start(hub=hub.settings())
    async with browser() as session:
        login = f"{gateway.base_url}/_gatepost/login/hub?return_to=/&max_age=60"
        async with session.get(login, allow_redirects=False) as response:
            there = response.headers["Location"]
        async with session.get(there, allow_redirects=False) as response:
            back = response.headers["Location"]
        async with session.get(back, allow_redirects=False) as response:
            assert (response.status, "step-up-impossible" in await response.text()) == (403, True)


async def test_a_certified_provider_will_do_as_a_plain_one(start, oidc_provider):
    """npm's oidc-provider, of which only the endpoints of OAuth 2.0 are used."""
    origin = f"http://127.0.0.1:{take_free_port()}"
    client = oidc_provider.register(f"{origin}/_gatepost/callback/plain")
    oidc_provider.set_claims("plain-ann", groups=["staff"])
    gateway, _ = await start(
        origin,
        plain={
            "type": "oauth2",
            "issuer": oidc_provider.issuer,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "authorization_endpoint": f"{oidc_provider.issuer}/auth",
            "token_endpoint": f"{oidc_provider.issuer}/token",
            "userinfo_endpoint": f"{oidc_provider.issuer}/me",
            "scopes": ["openid", "profile", "email", "groups"],
        },
    )
    async with browser() as session:
        login = f"{gateway.base_url}/_gatepost/login/plain?return_to=/"
        async with session.get(login, allow_redirects=False) as response:
            there = response.headers["Location"]
        back = await sign_in_at_oidc_provider(session, there, "plain-ann")
        async with session.get(back, allow_redirects=False) as response:
            assert response.status == 302, await response.text()
            assert any(SESSION.match(it) for it in response.headers.getall("Set-Cookie"))
        _, found = await whoami(session, gateway)
    assert (found["subject"], found["user"], found["groups"]) == (
        "plain-ann",
        "plain-ann",
        ["staff"],
    )
    assert found["email"] == "plain-ann@example.com"


async def told(config, *command):
    """What a command prints as JSON, after its exit status."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", *command, "-c", str(config), "--json"],
        env=clean_environment({}),
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("right", "status"), [(True, 0), (False, 1)])
async def test_the_commands_tell_what_can_be_told(hub, tmp_path, right, status):
    found = hub.settings() if right else hub.settings(userinfo_endpoint=f"{hub.origin}/users")
    settings = {
        "public_url": "http://127.0.0.1:8080",
        "upstreams": {"app": "http://127.0.0.1:3000"},
        "providers": {"hub": found},
    }
    (config := tmp_path / "gatepost.yaml").write_text(dump(settings))

    assert (await told(config, "check"))[0] == 0
    done, report = await told(config, "provider")

    (provider,) = report["providers"]
    levels = [it["level"] for it in provider["findings"] if it["topic"] == "endpoints"]
    assert (done, levels) == (status, ["ok" if right else "problem", "ok", "ok"])
    diagnosis = {it["id"] for it in (await told(config, "doctor"))[1]}
    assert {"provider-endpoints", "provider-client-secret", "provider-claims"} <= diagnosis
    assert provider["register"]["redirect_uris"] == ["http://127.0.0.1:8080/_gatepost/callback/hub"]
