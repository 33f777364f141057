"""API keys through real gateways: made by command, by the API and by forms; used; revoked."""

import asyncio
import base64
import html
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.credentials.key_format import new_key
from tests.e2e.raw import OK, behind, connect, get
from tests.e2e.signed_in import ask, browser, sign_in, start_cluster
from tests.fixtures.gateway import clean_environment
from tests.patience import PATIENCE_S, until

ROOT = Path(__file__).parents[2]
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SIGNED_IN = {"name": "all", "prefix": "/", "access": "signed_in"}
SAME = {"Sec-Fetch-Site": "same-origin"}
KEY = re.compile(r"gp_[0-9a-f]{16}_[0-9A-Za-z]{49}")
CURL = re.compile(r'<code id="made_curl">(.*)</code>')


async def echo(connection):
    """Answer with the whole head that came; an upgrade is echoed until it ends."""
    while head := await connection.read_head():
        if b"\r\nupgrade:" in head.lower():
            await connection.send(SWITCHING)
            while piece := await connection.reader.read(100):
                await connection.send(piece)
            return
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


def command(gateway, *arguments):
    name, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "gateway", "keys", name, "-c", str(gateway.config_path), *rest],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=30,
    )


def made(gateway, *arguments):
    """A key that the command makes."""
    done = command(gateway, "create", "--name", "ci", *arguments)
    assert done.returncode == 0, done.stderr
    assert KEY.fullmatch(done.stdout.strip())
    return done.stdout.strip()


async def answer(gateway, *lines, target="/"):
    client = await connect(gateway)
    try:
        return await client.ask(get(gateway, target, *lines))
    finally:
        client.writer.transport.abort()


def basic(key):
    return "Authorization: Basic " + base64.b64encode(f"x:{key}".encode()).decode()


@pytest.fixture
async def pair(gateway_process, raw_upstream, tmp_path):
    """Two gateways with one store: ``gateways = await pair(api_keys={...})``."""

    async def start(count=2, **settings):
        app = await raw_upstream(echo)
        return [
            gateway_process(
                behind(
                    app,
                    SIGNED_IN,
                    **{"api_keys": {}, "data_dir": str(tmp_path / "shared"), **settings},
                )
            )
            for _ in range(count)
        ]

    return start


async def test_a_key_of_the_command_is_good_three_ways_and_never_reaches_the_app(pair):
    one, other = await pair()
    key = made(one, "--user", "ci-bot", "--scope", "gear:read", "--expires-in", "1h")

    for gateway in (one, other):
        for line in (f"X-API-Key: {key}", f"Authorization: Bearer {key}", basic(key)):
            found = await answer(gateway, line)
            assert found.status == 200, found.body
            assert b"Remote-User: ci-bot" in found.body
            assert b"gp_" not in found.body
            assert b"authorization" not in found.body.lower()
            assert b"x-api-key" not in found.body.lower()

    listed = json.loads(command(one, "list", "--user", "ci-bot", "--json").stdout)
    assert [(it["name"], it["scopes"]) for it in listed] == [("ci", ["gear:read"])]
    assert "ci-bot" in command(one, "list").stdout
    for gateway in (one, other):
        assert key not in gateway.log()
        assert key.split("_")[2] not in gateway.log()


async def test_a_revoked_key_is_refused_everywhere_at_once(pair):
    gateways = await pair()
    key, kept = made(gateways[0], "--user", "a"), made(gateways[0], "--user", "a")
    for gateway in gateways:
        assert (await answer(gateway, f"X-API-Key: {key}")).status == 200
        assert (await answer(gateway, f"X-API-Key: {kept}")).status == 200
    tunnel = await connect(gateways[1])
    await tunnel.send(
        get(gateways[1], "/", f"X-API-Key: {key}", "Connection: Upgrade", "Upgrade: raw")
    )
    assert (await tunnel.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")

    done = command(gateways[0], "revoke", key.split("_")[1])
    assert done.returncode == 0, done.stderr

    # One after the other: whoever goes on with a key that is refused is throttled.
    for gateway in gateways:

        async def refused(gateway=gateway):
            return (await answer(gateway, f"X-API-Key: {key}")).status == 401

        await until(refused)
    async with asyncio.timeout(PATIENCE_S):
        assert await tunnel.reader.read() == b""
    tunnel.writer.close()
    for gateway in gateways:
        assert (await answer(gateway, f"X-API-Key: {kept}")).status == 200
    assert command(gateways[0], "revoke", key.split("_")[1]).returncode == 1


async def test_what_a_client_without_a_good_key_is_told(pair):
    (gateway,) = await pair(1)
    nothing = await answer(gateway)
    challenges = [value for name, value in nothing.fields if name.lower() == b"www-authenticate"]
    assert nothing.status == 401
    assert [value.split(b" ")[0] for value in challenges] == [b"Basic", b"Gatepost"]

    script = await answer(gateway, "Sec-Fetch-Mode: cors")
    challenges = [value for name, value in script.fields if name.lower() == b"www-authenticate"]
    assert not any(value.startswith(b"Basic") for value in challenges)

    wrong = await answer(gateway, f"Authorization: Bearer {new_key(bytes)}", "Accept: text/html")
    assert wrong.status == 401
    assert any(b'error="invalid_token"' in value for _, value in wrong.fields)


async def registry_login(gateway, password):
    """Sign in as registry clients do (docker's and its kin): ask, and obey the challenges.

    A Bearer challenge counts before all others, and its realm is where tokens come from.
    """
    asked = await answer(gateway, target="/v2/")
    if asked.status == 401:
        challenges = [it.decode().partition(" ") for it in asked.all(b"www-authenticate")]
        for scheme, _, parameters in challenges:
            realm = parameters.partition('realm="')[2].partition('"')[0]
            if scheme.lower() == "bearer":
                assert realm.startswith("https://"), f"no token server: {realm!r}"
        if "basic" in {scheme.lower() for scheme, _, _ in challenges}:
            asked = await answer(gateway, basic(password), target="/v2/")
    return asked.status


async def test_a_registry_client_signs_in_with_a_key_as_the_password(pair):
    (gateway,) = await pair(1)
    assert await registry_login(gateway, made(gateway, "--user", "ci-bot")) == 200
    assert await registry_login(gateway, new_key(bytes)) == 401

    # Where other tokens are taken too, the route says what such clients are asked for.
    issuer = {"issuer": "https://id.example.com", "audiences": ["https://api.example.com"]}
    route = {"name": "v2", "prefix": "/v2", "access": "signed_in", "challenges": "basic"}
    (gateway,) = await pair(1, bearer=[issuer], routes=[route, SIGNED_IN])
    assert await registry_login(gateway, made(gateway, "--user", "ci-bot")) == 200
    named = [it.partition(b" ")[0] for it in (await answer(gateway)).all(b"www-authenticate")]
    assert named == [b"Bearer", b"Basic", b"Gatepost"]


async def test_right_keys_are_answered_amid_a_flood_of_wrong_ones_that_writes_nothing(pair):
    (gateway,) = await pair(1)
    key = made(gateway, "--user", "ci-bot")
    right = get(gateway, "/", f"X-API-Key: {key}")
    good, flood = await connect(gateway), await connect(gateway)
    assert (await good.ask(right)).status == 200
    await until_written(gateway)
    before = store_calls(gateway)
    statuses = []

    async def wrong():
        for number in range(1000):
            key = new_key(lambda n, seed=number: (seed + 1).to_bytes(n, "big"))
            statuses.append((await flood.ask(get(gateway, "/", f"X-API-Key: {key}"))).status)

    async def rightly():
        for _ in range(200):
            assert (await good.ask(right)).status == 200
        return len(statuses)

    _, refused_before_the_last = await asyncio.gather(wrong(), rightly())
    after = store_calls(gateway)
    for client in (good, flood):
        client.writer.transport.abort()

    assert refused_before_the_last < len(statuses) == 1000
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 25
    assert after.get("get", 0) - before.get("get", 0) <= 40
    for operation in ("put", "compare_and_swap", "add_once", "delete"):
        assert after.get(operation, 0) == before.get(operation, 0), operation
    assert (await answer(gateway, f"X-API-Key: {key}")).status == 200


async def until_written(gateway):
    async def written():
        listed = command(gateway, "list", "--json").stdout
        return all(it["last_used_at"] for it in json.loads(listed))

    await until(written)


def store_calls(gateway):
    found = re.findall(
        r'^gatepost_store_duration_seconds_count{.*operation="([a-z_]+)".*} (.*)$',
        gateway.metrics(),
        re.MULTILINE,
    )
    return {name: float(count) for name, count in found}


async def test_the_store_on_disk_shows_no_key(pair, tmp_path):
    (gateway,) = await pair(1)
    key = made(gateway, "--user", "somebody-special")
    assert (await answer(gateway, f"X-API-Key: {key}")).status == 200
    await until_written(gateway)

    files = [path for path in (tmp_path / "shared").rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        for hidden in (key, key.split("_")[2], key.split("_")[2][:20], "somebody-special"):
            assert hidden.encode() not in content, path


async def test_a_key_for_some_routes_and_scopes(gateway_process, raw_upstream):
    app = await raw_upstream(OK)
    gateway = gateway_process(
        behind(
            app,
            {"name": "reports", "prefix": "/reports", "access": {"allow": [{"scope": "read"}]}},
            {
                "name": "browser",
                "prefix": "/browser",
                "access": "signed_in",
                "credentials": ["session"],
            },
            {"name": "all", "prefix": "/", "access": "optional"},
            api_keys={"header": "X-Gear-Key"},
        )
    )
    key = made(gateway, "--user", "a", "--route", "reports", "--scope", "read")
    free = made(gateway, "--user", "a")

    async def reason(target, key, name="X-Gear-Key"):
        found = await answer(gateway, f"{name}: {key}", target=target)
        return found.status, json.loads(found.body)["reason"] if found.status != 200 else ""

    assert await reason("/reports", key) == (200, "")
    assert await reason("/", key) == (403, "key-not-for-route")
    assert await reason("/", free) == (200, "")
    assert await reason("/reports", free) == (403, "scope-missing")
    assert await reason("/browser", free) == (401, "unknown-credential")
    assert await reason("/", free, "X-API-Key") == (401, "unknown-credential")
    assert command(gateway, "create", "--user", "a", "--name", "n", "--route", "x").returncode == 2


async def test_keys_alone_are_a_whole_gateway(gateway_process, raw_upstream):
    app = await raw_upstream(echo)
    gateway = gateway_process(behind(app, SIGNED_IN, api_keys={}, providers={}))
    key = made(gateway, "--user", "robot")

    passed = await answer(gateway, f"X-API-Key: {key}")
    assert passed.status == 200
    assert b"remote-user: robot" in passed.body.lower()

    # There is no sign-in to send a browser to, and no session that a cookie could be of.
    for lines in (
        (),
        ("Accept: text/html",),
        ("Accept: text/html", f"Cookie: gatepost={'A' * 64}"),
    ):
        refused = await answer(gateway, *lines)
        assert (refused.status, refused.all(b"location")) == (401, [])
        challenges = [it.split()[0] for it in refused.all(b"www-authenticate")]
        assert challenges == [b"Basic"]
    assert (await answer(gateway, target="/_gatepost/login/idp")).status == 404


async def test_without_the_section_no_key_is_taken_and_none_goes_on(gateway_process, raw_upstream):
    app = await raw_upstream(echo)
    public = {"name": "public", "prefix": "/public", "access": "public"}
    gateway = gateway_process(behind(app, public, SIGNED_IN))
    key = new_key(bytes)

    assert (await answer(gateway, f"X-API-Key: {key}")).status == 401
    passed = await answer(gateway, f"X-API-Key: {key}", basic(key), target="/public")
    assert passed.status == 200
    assert b"gp_" not in passed.body
    assert b"basic" not in passed.body.lower()
    assert command(gateway, "create", "--user", "a", "--name", "n").returncode == 2


async def test_rates_tell_keys_apart(gateway_process, raw_upstream):
    app = await raw_upstream(OK)
    limited = {**SIGNED_IN, "rate_limit": {"requests": 2, "per": "1h", "by": "key"}}
    gateway = gateway_process(behind(app, limited, api_keys={}))
    one, other = made(gateway, "--user", "a"), made(gateway, "--user", "a")

    statuses = [(await answer(gateway, f"X-API-Key: {one}")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await answer(gateway, f"X-API-Key: {other}")).status == 200


@pytest.fixture
async def signed_in(gateway_process, oidc_provider, raw_upstream, tmp_path):
    """A cluster of two gateways and ann's cookie: ``cluster, cookie = await signed_in()``."""

    async def start(**api_keys):
        app = await raw_upstream(echo)
        cluster = start_cluster(
            gateway_process,
            oidc_provider,
            app.url,
            tmp_path,
            count=2,
            api_keys={"grantable_scopes": ["gear:read"], **api_keys},
        )
        async with browser() as session:
            return cluster, await sign_in(session, cluster, "ann")

    return start


async def test_a_person_makes_lists_and_revokes_a_key(signed_in):
    cluster, cookie = await signed_in()
    url = f"{cluster.origin}/_gatepost/api/keys"

    async def post(value, headers=SAME):
        status, body = await ask(cookie, "POST", url, cluster.origin, headers=headers, json=value)
        return status, json.loads(body)

    status, new = await post({"name": "laptop", "scopes": ["gear:read"], "expires_in": 3600})
    assert status == 201
    assert set(new) == {"id", "name", "key", "scopes", "expires_at"}
    page = f"{cluster.gateways[1].base_url}/page"
    status, body = await ask(None, "GET", page, cluster.origin, headers={"X-API-Key": new["key"]})
    assert status == 200
    assert b"Remote-User: ann" in body

    status, body = await ask(cookie, "GET", url, cluster.origin)
    (shown,) = json.loads(body)
    assert (shown["id"], shown["name"]) == (new["id"], "laptop")
    assert "key" not in shown

    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}, {}):
        assert (await post({"name": "x"}, headers))[0] == 403
        status, _ = await ask(
            cookie, "DELETE", f"{url}/{new['id']}", cluster.origin, headers=headers
        )
        assert status == 403
    for wrong in ([], {}, {"name": ""}, {"name": "x", "expires_in": "400d"}, {"name": "x", "a": 1}):
        assert (await post(wrong))[0] == 400, wrong
    assert (await post({"name": "x", "scopes": ["admin"]}))[1]["reason"] == "scope-not-grantable"
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        about = {"headers": {**SAME, "Content-Type": media_type}, "data": '{"name": "x"}'}
        assert (await ask(cookie, "POST", url, cluster.origin, **about))[0] == 415
    about = {"headers": SAME, "json": {"name": "x"}}
    assert (await ask(cookie, "POST", f"{url}?scopes=a", cluster.origin, **about))[0] == 400
    one = f"{url}/{new['id']}"
    for query, data in (("?id=0", None), ("", "{}")):
        about = {"headers": SAME, "data": data}
        assert (await ask(cookie, "DELETE", one + query, cluster.origin, **about))[0] == 400
    status, body = await ask(
        None, "POST", url, cluster.origin, headers={**SAME, "X-API-Key": new["key"]}
    )
    assert status == 401

    status, _ = await ask(cookie, "DELETE", f"{url}/{new['id']}", cluster.origin, headers=SAME)
    assert status == 204

    async def refused():
        key = {"X-API-Key": new["key"]}
        return (await ask(None, "GET", page, cluster.origin, headers=key))[0] == 401

    await until(refused)
    status, _ = await ask(cookie, "DELETE", f"{url}/{new['id']}", cluster.origin, headers=SAME)
    assert status == 404


async def test_the_account_page_works_without_scripts(signed_in):
    cluster, cookie = await signed_in()
    url = f"{cluster.origin}/_gatepost/account"

    async def page(form=None, headers=SAME):
        method = "GET" if form is None else "POST"
        status, body = await ask(cookie, method, url, cluster.origin, headers=headers, data=form)
        return status, body.decode()

    assert "Create a key" in (await page())[1]
    form = {"create_key": "1", "key_name": "<b>phone", "expires_in": "30d", "scope:gear:read": "on"}
    assert (await page(form, {"Sec-Fetch-Site": "cross-site"}))[0] == 403
    status, text = await page(form)
    assert status == 201
    (key,) = set(KEY.findall(text))
    assert "&lt;b&gt;phone" in text
    command = shlex.split(html.unescape(CURL.search(text)[1]))
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert json.loads(told.stdout)["credential"] == "api_key"
    status, _body = await ask(
        None, "GET", f"{cluster.origin}/", cluster.origin, headers={"X-API-Key": key}
    )
    assert status == 200

    _, text = await page()
    assert key not in text
    assert "&lt;b&gt;phone" in text
    assert (await page({**form, "expires_in": "9999d"}))[0] == 400
    assert (await page({"revoke_key": key.split("_")[1]}))[0] == 303
    assert "phone" not in (await page())[1]
    status, _ = await ask(
        None, "GET", f"{cluster.origin}/", cluster.origin, headers={"X-API-Key": key}
    )
    assert status == 401


async def test_an_old_sign_in_makes_no_key_and_a_key_outlives_its_session(signed_in):
    cluster, cookie = await signed_in(fresh_sign_in="4s")
    url = f"{cluster.origin}/_gatepost/api/keys"
    about = {"headers": SAME, "json": {"name": "x"}}
    status, body = await ask(cookie, "POST", url, cluster.origin, **about)
    assert status == 201
    key = json.loads(body)["key"]

    async def too_old():
        status, body = await ask(cookie, "POST", url, cluster.origin, **about)
        return status == 403 and json.loads(body)["reason"] == "sign-in-too-old"

    await until(too_old)
    form = {"create_key": "1", "key_name": "x"}
    account = f"{cluster.origin}/_gatepost/account"
    status, text = await ask(cookie, "POST", account, cluster.origin, headers=SAME, data=form)
    assert status == 403
    assert b"/_gatepost/login/oidc?max_age=4" in text

    sessions = f"{cluster.origin}/_gatepost/api/sessions"
    assert (await ask(cookie, "DELETE", sessions, cluster.origin, headers=SAME))[0] == 204
    page = f"{cluster.origin}/page"
    assert (await ask(cookie, "GET", page, cluster.origin))[0] == 401
    assert (await ask(None, "GET", page, cluster.origin, headers={"X-API-Key": key}))[0] == 200


STAFF_ONLY = {
    "name": "staff",
    "prefix": "/staff",
    "access": {"allow": [{"group": "staff"}], "deny": [{"group": "blocked"}]},
}
SHARED = {"redis": "start_redis_server", "postgresql": "start_postgres_server"}


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgresql"])
async def test_a_key_follows_its_owner_on_every_gateway(
    request, gateway_process, start_oidc_provider, raw_upstream, tmp_path, store
):
    app = await raw_upstream(echo)
    provider = start_oidc_provider(ttl={"AccessToken": 2})
    provider.set_claims("fay", groups=["staff"])
    cluster = start_cluster(
        gateway_process,
        provider,
        app.url,
        tmp_path,
        count=2,
        api_keys={},
        routes=[STAFF_ONLY, SIGNED_IN],
        store=request.getfixturevalue(SHARED[store])().url if store in SHARED else store,
    )
    async with browser() as session:
        cookie = await sign_in(session, cluster, "fay")
    url = f"{cluster.origin}/_gatepost/api/keys"
    about = {"headers": SAME, "json": {"name": "x"}}
    _, body = await ask(cookie, "POST", url, cluster.origin, **about)
    own, of_command = json.loads(body)["key"], made(cluster.gateways[0], "--user", "fay")

    async def are(status, groups=b""):
        for key in (own, of_command):
            for gateway in cluster.gateways:
                page = f"{gateway.base_url}/staff"
                headers = {"X-API-Key": key}
                found, head = await ask(None, "GET", page, cluster.origin, headers=headers)
                if found != status or groups not in head:
                    return False
        return True

    await until(lambda: are(200, b"\r\nRemote-Groups: staff\r\n"))

    # As the next sign-in says, in another browser.
    provider.set_claims("fay", groups=["staff", "blocked"])
    async with browser() as session:
        await sign_in(session, cluster, "fay")
    await until(lambda: are(403))

    # As the next refresh says, of whichever session.
    provider.set_claims("fay", groups=["staff", "new"])

    async def refreshed():
        await ask(cookie, "GET", f"{cluster.gateways[1].base_url}/", cluster.origin)
        return await are(200, b"\r\nRemote-Groups: staff,new\r\n")

    await until(refreshed)

    calls = [store_calls(gateway) for gateway in cluster.gateways]
    before = sum(found.get("get", 0) for found in calls)
    for _ in range(50):
        assert await are(200)
    calls = [store_calls(gateway) for gateway in cluster.gateways]
    # Four hundred requests; what is asked meanwhile is asked in the background.
    assert sum(found.get("get", 0) for found in calls) - before < 40


async def test_a_key_beside_somebody_elses_session_is_a_contradiction(signed_in):
    cluster, cookie = await signed_in()
    (gateway, _) = cluster.gateways
    anns, bobs = made(gateway, "--user", "ann"), made(gateway, "--user", "bob")
    page = f"{cluster.origin}/page"

    for key, status in ((anns, 200), (bobs, 400), (anns[:-1], 401)):
        found = await ask(cookie, "GET", page, cluster.origin, headers={"X-API-Key": key})
        assert found[0] == status
