"""Accounts at running gateways: what an operator changes holds everywhere within moments."""

import asyncio
import itertools
import json
import os
import signal
import subprocess

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.people import Browser
from tests.e2e.raw import ask, connect
from tests.fixtures.accounts import GATEPOST, ROOT
from tests.fixtures.accounts import command as accounts_command
from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider
from tests.patience import soon, until

# What the development provider calls her.
ALICE = "user-alice"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
SIGNED_IN = {"name": "rest", "prefix": "/", "access": "signed_in"}
DOCTORS = {"name": "ward", "prefix": "/ward", "access": {"allow": [{"role": "doctor"}]}}


def command(gateway, *arguments, **how):
    """What `gatepost accounts` prints as JSON."""
    done = accounts_command(gateway, *arguments, "--json", **how)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def echo(connection):
    """Answer with the head that came; an upgrade stays open."""
    while head := await connection.read_head():
        if b"\r\nupgrade:" in head.lower():
            await connection.send(SWITCHING)
            await connection.read_to_end()
            return
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


def told(answer):
    """The fields that the app got, by lower-case name."""
    lines = answer.body.decode().split("\r\n")[1:]
    return {
        name.lower(): value for name, _, value in (it.partition(": ") for it in lines if ": " in it)
    }


@pytest.fixture
async def world(gateway_process, demo_provider, raw_upstream, issuer, tmp_path):
    """Two gateways of one store: ``one, other, issuer = await world({upstream…}, settings…)``."""

    async def start(upstream=(), count=2, **settings):
        app = await raw_upstream(echo)
        addresses = [f"127.0.0.1:{take_free_port()}" for _ in range(count)]
        callback = f"http://{addresses[0]}/_gatepost/callback/oidc"
        provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
        of_provider = {
            "issuer": provider.issuer,
            "client_id": "notes",
            "claims": {"user": "preferred_username"},
        }
        bearer = {"issuer": issuer.issuer, "audiences": ["https://api.example.com"]}
        gateways = [
            gateway_process(
                {
                    "public_url": f"http://{addresses[0]}",
                    "server": {"listen": address},
                    "data_dir": str(tmp_path / "shared"),
                    "upstreams": {"app": {"url": app.url, **dict(upstream)}},
                    "providers": {"oidc": of_provider},
                    "bearer": [bearer],
                    "api_keys": {},
                    "routes": [DOCTORS, SIGNED_IN],
                    **settings,
                }
            )
            for address in addresses
        ]
        return *gateways, provider

    return start


async def asked(gateway, line, target="/", public=None):
    """The answer to a request that carries `line`, on the host of the public URL."""
    client = await connect(gateway)
    host = (public or gateway).base_url.removeprefix("http://")
    try:
        return await client.ask(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{line}\r\n\r\n".encode())
    finally:
        client.writer.transport.abort()


def cookie_of(browser):
    return f"Cookie: gatepost={browser.cookies()['gatepost'].value}"


def make_key(gateway, user):
    about = ["--user", user, "--name", "ci"]
    done = subprocess.run(
        [*GATEPOST, "keys", "create", "-c", str(gateway.config_path), *about],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    return f"X-API-Key: {done.stdout.strip()}"


async def test_a_disabled_account_is_out_everywhere_at_once(world, issuer):
    one, other, _ = await world()
    async with Browser(one.base_url) as browser:
        assert (await browser.sign_in("alice"))[0] == 302
        lines = [cookie_of(browser), make_key(one, "alice")]
        # The same person at an issuer of access tokens.
        token = issuer.token(sub="alice-at-issuer")
        command(one, "link", "--issuer", issuer.issuer, "--subject", "alice-at-issuer")
        (linked,) = [it for it in command(one, "list") if it["user"] is None]
        command(one, "merge", linked["id"], "alice")
        lines.append(f"Authorization: Bearer {token}")
        for gateway in (one, other):
            for line in lines:
                assert (await asked(gateway, line, public=one)).status == 200
        tunnel = await connect(other)
        host = one.base_url.removeprefix("http://")
        upgrade = "Connection: Upgrade\r\nUpgrade: echo\r\n"
        await tunnel.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n{upgrade}{lines[0]}\r\n\r\n".encode())
        assert (await tunnel.response("GET")).status == 101

        assert command(one, "disable", "alice")["disabled"] is True

        # One after the other: a key that is refused again and again is throttled.
        for gateway, line in itertools.product((one, other), lines):
            await until(lambda gateway=gateway, line=line: is_out(gateway, line, one))
        assert await soon(tunnel.reader.read()) == b""
        tunnel.writer.close()
        status, page = await browser.sign_in("alice")
        assert (status, "account-disabled" in page) == (403, True)

        command(one, "enable", "alice")
        assert (await browser.sign_in("alice"))[0] == 302
        for line in [cookie_of(browser), *lines[1:]]:
            await until(lambda line=line: is_let_in(other, line, one))


async def test_a_disabled_account_renews_and_exchanges_nothing(start_phone):
    phone, _ = await start_phone()
    gateway = phone.gateway
    tokens = await phone.sign_in("ann")
    given = await phone.provider_tokens("ann")
    (account,) = command(gateway, "list")

    command(gateway, "disable", account["id"])

    async def is_over():
        return await phone.status(tokens["access_token"]) == 401

    await until(is_over)
    status, answer = await phone.refresh(tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    status, answer = await phone.exchange(given["id_token"])
    assert (status, answer["error"], answer["reason"]) == (
        400,
        "invalid_request",
        "account-disabled",
    )


async def is_out(gateway, line, public):
    return (await asked(gateway, line, public=public)).status in (401, 403)


async def is_let_in(gateway, line, public):
    return (await asked(gateway, line, public=public)).status == 200


async def test_an_app_with_ids_of_its_own_gets_them_from_the_first_request(world):
    """One owner's data hangs on an old numeric id: nothing migrates."""
    one, other, provider = await world(accounts={"user_header": "external_id"})
    # Before anybody signed in: an operator who knows the subject.
    made = command(
        one, "link", "--issuer", provider.issuer, "--subject", ALICE, "--external-id", "17"
    )
    async with Browser(one.base_url) as alice, Browser(one.base_url) as bob:
        await alice.sign_in("alice")
        await bob.sign_in("bob")
        line = cookie_of(alice)
        fields = told(await asked(one, line))
        whoami = await alice.whoami()
        key = make_key(one, "alice")

        assert fields["remote-user"] == "17"
        assert (whoami["user"], whoami["external_id"]) == ("alice", "17")
        assert whoami["account_id"] == made["id"]
        assert told(await asked(other, key, public=one))["remote-user"] == "17"
        # Not anonymous, and nobody else: an app that is told no user would let a guest in.
        refused = await asked(one, cookie_of(bob))
        assert (refused.status, b"user-unusable" in refused.body) == (403, True)

        # The other gateway has her session in memory, and follows.
        assert told(await asked(other, line, public=one))["remote-user"] == "17"
        command(one, "link", "--issuer", provider.issuer, "--subject", ALICE, "--external-id", "18")

        async def follows():
            both = [told(await asked(other, it, public=one)) for it in (line, key)]
            return [it["remote-user"] for it in both] == ["18", "18"]

        await until(follows)


async def test_roles_and_secrets_kept_here_reach_a_session_that_is_under_way(world):
    upstream = {
        "request_headers": {
            "set": {
                "X-Notes-Key": {"account_secret": "notes-key"},
                "Authorization": {"basic": {"user": "{user}", "account_secret": "notes-key"}},
            }
        },
        "identity": {"headers": {"Remote-User": "{user}", "Remote-Roles": "{roles}"}},
    }
    one, other, _ = await world(upstream)
    async with Browser(one.base_url) as alice:
        await alice.sign_in("alice")
        line = cookie_of(alice)
        spoofed = f"{line}\r\nX-Notes-Key: of-a-thief"
        assert (await asked(other, line, "/ward", one)).status == 403
        assert "x-notes-key" not in told(await asked(other, spoofed, public=one))

        command(one, "set-roles", "alice", "doctor")
        command(one, "set-secret", "alice", "notes-key", text="s3cr3t-of-alice\n")

        await until(lambda: is_let_in_to_the_ward(other, line, one))
        fields = told(await asked(other, spoofed, public=one))
        assert fields["x-notes-key"] == "s3cr3t-of-alice"
        assert fields["authorization"] == "Basic YWxpY2U6czNjcjN0LW9mLWFsaWNl"
        assert fields["remote-roles"] == "admin,doctor"

        # And what she enters herself.
        async with alice.session.post(
            f"{one.base_url}/_gatepost/account",
            data={"secret_name": "notes-key", "secret": "another"},
            headers={"Origin": one.base_url},
        ) as response:
            page = await response.text()
        assert "is set" in page
        assert "another" not in page
        assert told(await asked(one, line))["x-notes-key"] == "another"
    for text in (one.log(), other.log(), json.dumps(command(one, "show", "alice"))):
        assert "s3cr3t-of-alice" not in text


async def is_let_in_to_the_ward(gateway, line, public):
    return (await asked(gateway, line, "/ward", public)).status == 200


@pytest.mark.parametrize("fields", [{}, {"Origin": "https://evil.example"}])
async def test_a_foreign_page_sets_no_secret(world, fields):
    upstream = {"request_headers": {"set": {"X-Key": {"account_secret": "k"}}}}
    one, _ = await world(upstream, count=1)
    async with Browser(one.base_url) as alice:
        await alice.sign_in("alice")
        form = {"secret_name": "k", "secret": "x"}
        about = {"Sec-Fetch-Site": "cross-site", **fields}
        url = f"{one.base_url}/_gatepost/account"
        async with alice.session.post(url, data=form, headers=about) as response:
            assert response.status == 403
        unknown = {"secret_name": "other", "secret": "x"}
        own = {"Origin": one.base_url}
        async with alice.session.post(url, data=unknown, headers=own) as response:
            assert response.status == 400
    assert command(one, "show", "alice")["secrets"] == []


class Users:
    """An app's endpoint for new users: counts its calls, and answers as it is told."""

    def __init__(self):
        self.calls = []
        self.status = 200
        self.before_answer = lambda: None

    async def create(self, request):
        self.calls.append((request.headers["Idempotency-Key"], await request.json()))
        self.before_answer()
        if self.status != 200:
            return web.Response(status=self.status)
        number = 100 + len({key for key, _ in self.calls})
        return web.json_response({"external_id": number, "roles": ["doctor"]})


@pytest.fixture
async def users(aiohttp_server):
    users = Users()
    app = web.Application()
    app.add_routes([web.post("/users", users.create)])
    server = await aiohttp_server(app)
    users.url = str(server.make_url("/users"))
    return users


def hooked(users, **more):
    http = {"url": users.url, "secret": "only-for-tests-0123456789abcdef012345", "timeout": "10s"}
    return {"hooks": [{"http": http, **more}]}


async def test_many_first_requests_make_one_user(world, users, issuer):
    one, other, _ = await world(accounts=hooked(users))
    tokens = [issuer.token(jti=str(number)) for number in range(20)]

    answers = await asyncio.gather(
        *(
            asked((one, other)[number % 2], f"Authorization: Bearer {token}", public=one)
            for number, token in enumerate(tokens)
        )
    )

    assert {it.status for it in answers} == {200}
    assert len(users.calls) == 1
    (made,) = command(one, "list")
    assert (made["external_id"], made["roles"]) == ("101", ["doctor"])
    assert (await asked(other, f"Authorization: Bearer {tokens[0]}", "/ward", one)).status == 200


async def test_a_hook_that_fails_lets_nobody_in_and_is_tried_again(world, users):
    one, _ = await world(accounts=hooked(users), count=1)
    users.status = 422
    async with Browser(one.base_url) as alice:
        status, page = await alice.sign_in("alice")
        assert (status, "provisioning-failed" in page) == (503, True)
        assert (await alice.whoami())["reason"] == "sign-in-required"
        assert "gatepost_sessions_active 0" in one.metrics()

        users.status = 200
        assert (await alice.sign_in("alice"))[0] == 302
        assert (await alice.whoami())["external_id"] == "101"
        assert (await alice.whoami())["roles"] == ["admin", "doctor"]
        # Known now: the app is not told again.
        before = len(users.calls)
        await alice.sign_in("alice")
        assert len(users.calls) == before
    assert {key for key, _ in users.calls} == {users.calls[0][0]}
    event = users.calls[-1][1]
    assert (event["event"], event["user"], event["email"]) == (
        "create",
        "alice",
        "alice@example.com",
    )


async def test_a_gateway_that_is_killed_after_the_hook_makes_no_second_user(world, users):
    one, other, _ = await world(accounts=hooked(users))
    # The app has made the user; the gateway never hears of it.
    users.before_answer = lambda: os.kill(one.process.pid, signal.SIGKILL)
    async with Browser(one.base_url) as alice:
        with pytest.raises(aiohttp.ClientError):
            await alice.sign_in("alice")
    one.process.wait(20)
    users.before_answer = lambda: None

    restarted = subprocess.Popen(
        [*GATEPOST, "serve", "-c", str(one.config_path)],
        cwd=ROOT,
        env=clean_environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until(lambda: answers(one))
        async with Browser(one.base_url) as alice:
            # The lock of the one that was killed holds for a while: others wait, and go on.
            assert (await alice.sign_in("alice"))[0] == 302
            assert (await alice.whoami())["external_id"] == "101"
    finally:
        restarted.terminate()
        restarted.wait(20)
    assert len({key for key, _ in users.calls}) == 1
    assert len(command(other, "list")) == 1


async def answers(gateway):
    try:
        return (await ask(gateway, "/_gatepost/.well-known/jwks.json")).status == 200
    except OSError:
        return False


async def test_an_update_at_the_provider_is_told_once(start_phone, users):
    phone, _ = await start_phone({"accounts": hooked(users, on=["create", "update"])})
    async with Browser(phone.gateway.base_url, "id", sign_in_at_oidc_provider) as browser:
        assert (await browser.sign_in("uma"))[0] == 302
        phone.provider.set_claims("uma", name="Uma Renamed")
        for _ in range(2):
            assert (await browser.sign_in("uma"))[0] == 302

    assert [it["event"] for _, it in users.calls] == ["create", "update"]
    assert users.calls[1][1]["name"] == "Uma Renamed"


async def test_each_sign_in_is_told(world, users):
    one, _ = await world(accounts=hooked(users, on=["create", "sign_in"]), count=1)
    async with Browser(one.base_url) as alice:
        await alice.sign_in("alice")
        await alice.sign_in("alice")

    assert [it["event"] for _, it in users.calls] == ["create", "sign_in", "sign_in"]
    assert len({key for key, _ in users.calls}) == 3


async def test_only_who_is_invited_gets_in(world):
    one, _ = await world(accounts={"provision": "invited"}, count=1)
    async with Browser(one.base_url) as alice:
        status, page = await alice.sign_in("alice")
        assert (status, "not-invited" in page) == (403, True)

        command(one, "invite", "--email", "alice@example.com", "--role", "doctor")
        assert (await alice.sign_in("alice"))[0] == 302
        assert (await asked(one, cookie_of(alice), "/ward")).status == 200


async def test_a_pod_makes_its_users_in_the_apps_database(
    gateway_process, demo_provider, raw_upstream, postgres_server
):
    """From environment alone, with an empty store, and the provider down at the start."""
    app, url = await raw_upstream(echo), postgres_server.schema_url()
    schema = url.rpartition("=")[2]
    postgres_server.sql(
        f"CREATE TABLE {schema}.users (id serial PRIMARY KEY, oidc_sub text UNIQUE, email text)"
    )
    statement = (
        f"INSERT INTO {schema}.users (oidc_sub, email) VALUES (:subject, :email) "
        "ON CONFLICT (oidc_sub) DO UPDATE SET email = excluded.email RETURNING id AS external_id"
    )
    addresses = [f"127.0.0.1:{take_free_port()}" for _ in range(2)]
    callback = f"http://{addresses[0]}/_gatepost/callback/oidc"
    provider_port = take_free_port()
    hooks = [{"sql": {"dsn": postgres_server.url, "statement": statement}}]
    gateways = [
        gateway_process(
            {
                "public_url": f"http://{addresses[0]}",
                "server": {"listen": address},
            },
            env={
                "AUTH_MODE": "oidc-only",
                "GATEPOST_UPSTREAM": app.url,
                "GATEPOST_STORE": url,
                "GATEPOST_OIDC_ISSUER": f"http://127.0.0.1:{provider_port}",
                "GATEPOST_OIDC_CLIENT_ID": "notes",
                "GATEPOST_ACCOUNTS__HOOKS": json.dumps(hooks),
            },
        )
        for address in addresses
    ]
    one, other = gateways
    async with Browser(one.base_url) as alice:
        sign_in = f"{one.base_url}/_gatepost/login/oidc"
        async with alice.session.get(sign_in, allow_redirects=False) as response:
            assert response.status == 503

        provider = demo_provider(
            {"client_id": "notes", "redirect_uris": [callback]}, port=provider_port
        )
        assert provider.issuer == f"http://127.0.0.1:{provider_port}"

        async def signs_in():
            try:
                return (await alice.sign_in("alice"))[0] == 302
            except KeyError:
                # The gateway does not ask a provider that just failed at once again.
                return False

        await until(signs_in)
        rows = postgres_server.sql(f"SELECT id, oidc_sub, email FROM {schema}.users")
        whoami = await alice.whoami()

        assert rows == f"1|{whoami['subject']}|alice@example.com"
        assert whoami["external_id"] == "1"
        # The second pod, on another machine, shares the session.
        assert (await asked(other, cookie_of(alice), public=one)).status == 200


async def test_a_ward_moves_its_web_app_and_its_phones_to_one_account(start_phone):
    """People the app has known for years; passwords are no longer posted to it."""
    old = {
        "name": "old-login",
        "path": "/api/login",
        "methods": ["POST"],
        "access": "gone",
        "deprecated": {"since": "2026-06-01", "sunset": "2026-09-01"},
    }
    settings = {"routes": [old, DOCTORS, SIGNED_IN], "accounts": {"user_header": "external_id"}}
    phone, _ = await start_phone(settings, app=echo)
    gateway = phone.gateway
    for subject, external_id, role in (("dana", "17", "doctor"), ("nick", "18", "nurse")):
        about = ["--issuer", phone.provider.issuer, "--subject", subject]
        command(gateway, "link", *about, "--external-id", external_id, "--role", role)

    for user, external_id, status in (("dana", "17", 200), ("nick", "18", 403)):
        async with Browser(gateway.base_url, "id", sign_in_at_oidc_provider) as browser:
            assert (await browser.sign_in(user))[0] == 302
            tokens = await phone.sign_in(user)
            on_the_phone = await phone.whoami(tokens["access_token"])
            in_the_browser = await browser.whoami()
            lines = cookie_of(browser), f"Authorization: Bearer {tokens['access_token']}"
            for line in lines:
                assert told(await asked(gateway, line))["remote-user"] == external_id
                assert (await asked(gateway, line, "/ward")).status == status
        assert on_the_phone["account_id"] == in_the_browser["account_id"]
        assert on_the_phone["external_id"] == in_the_browser["external_id"] == external_id
    async with phone.session.post(f"{gateway.base_url}/api/login", data={"p": "x"}) as response:
        assert response.status == 410
    assert {it["external_id"] for it in command(gateway, "list")} == {"17", "18"}
