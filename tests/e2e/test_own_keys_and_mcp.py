"""What docs/guides/own-keys-and-mcp.md says, by the configuration it shows and a real app."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
import yaml

from gateway.credentials.key_format import new_key
from tests.e2e.signed_in import Cluster, browser, sign_in
from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import terminate

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "own-keys-and-mcp.md"
SAME = {"Sec-Fetch-Site": "same-origin"}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
PAGE = {"Accept": "text/html"}
VERIFIER = "v" * 43


@dataclass
class Told:
    """An answer; `value` is its JSON, or None where it is none."""

    status: int
    value: Any
    fields: Any

    @property
    def seen(self):
        """What the app saw of who asks."""
        return self.value["seen"]

    @property
    def reason(self):
        """Why the gateway refused; None where the app answered."""
        return (self.status, self.value.get("reason"))


class World:
    """The app, the gateway before it, and ann's browser."""

    def __init__(self, gateway, app_log, cookie):
        self.gateway = gateway
        self.url = gateway.base_url
        self.cookie = {"Cookie": f"gatepost={cookie}"}
        self._app_log = app_log
        self.app_key = self.own_key = ""

    def heard(self):
        """How many requests the app has had."""
        return len(self._app_log.read_text().splitlines())

    async def ask(self, method, path, *headers, **kwargs):
        """The answer to a request with these fields, and no others about who asks."""
        fields = {name: value for each in headers for name, value in each.items()}
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(cookie_jar=jar) as session,
            session.request(
                method, self.url + path, headers=fields, allow_redirects=False, **kwargs
            ) as response,
        ):
            text = await response.text()
            value = json.loads(text) if "json" in response.content_type else None
            return Told(response.status, value, response.headers)


def guide_settings():
    """The configuration that the guide shows."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    return yaml.safe_load(block)


@pytest.fixture
def app(tmp_path):
    """The app's URL, and the file with one line for each request it got."""
    log = tmp_path / "app.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.notes_app"],
            cwd=ROOT,
            env=clean_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    port = int(process.stdout.readline())
    yield f"http://127.0.0.1:{port}", log
    process.stdin.close()
    process.stdout.close()
    terminate(process, "the app")


@pytest.fixture
async def world(app, gateway_process, oidc_provider, tmp_path):
    """The guide's configuration, with only addresses and the client's secret replaced."""
    app_url, app_log = app
    origin = f"http://127.0.0.1:{take_free_port()}"
    client = oidc_provider.register(f"{origin}/_gatepost/callback/zitadel")
    secret = tmp_path / "oidc_client_secret"
    secret.write_text(client.client_secret)
    secret.chmod(0o600)
    settings = guide_settings()
    settings["public_url"] = origin
    settings["server"] = {"listen": origin.removeprefix("http://")}
    settings["upstreams"]["notes"] = app_url
    settings["providers"]["zitadel"] |= {
        "issuer": oidc_provider.issuer,
        "client_id": client.client_id,
        "client_secret_file": str(secret),
    }
    gateway = gateway_process(settings)
    async with browser() as session:
        cluster = Cluster(origin, [gateway], oidc_provider, client.client_id)
        found = World(gateway, app_log, await sign_in(session, cluster, "ann"))
    made = await found.ask("POST", "/api/keys", found.cookie, SAME)
    assert (made.status, made.seen["remote-user"]) == (201, "ann")
    found.app_key = made.value["key"]
    body = {"name": "laptop"}
    made = await found.ask("POST", "/_gatepost/api/keys", found.cookie, SAME, json=body)
    assert made.status == 201
    found.own_key = made.value["key"]
    return found


def key(value):
    return {"X-API-Key": value}


def bearer(value):
    return {"Authorization": f"Bearer {value}"}


def basic(value, user="ann"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{value}".encode()).decode()}


async def test_the_apps_keys_pass_on_the_apps_routes(world):
    forged = {"Remote-User": "root", "Gatepost-Assertion": "x"}
    for form in (key, bearer, basic):
        field = form(world.app_key)
        told = await world.ask("GET", "/api/notes", field, forged)
        assert (told.status, told.value["user"]) == (200, "ann")
        ((name, value),) = field.items()
        assert told.seen == {name.lower(): value}
        # A wrong one is the app's to refuse.
        told = await world.ask("GET", "/api/notes", form("app_wrong"))
        assert (told.status, told.value) == (401, {"error": "the app does not know you"})

    before = world.heard()
    told = await world.ask("GET", "/api/notes")
    assert told.reason == (401, "sign-in-required")
    told = await world.ask("GET", "/api/notes", PAGE)
    assert told.status == 302
    assert told.fields["Location"].startswith("/_gatepost/sign-in")
    assert world.heard() == before


async def test_they_pass_nowhere_else(world):
    before = world.heard()
    for form in (key, bearer, basic):
        told = await world.ask("GET", "/reports", form(world.app_key))
        assert told.reason == (401, "unknown-credential")
        assert told.value["title"] == "Unknown credential"
    assert world.heard() == before


async def test_one_user_by_session_and_by_key(world):
    for path in ("/reports", "/api/notes", "/mcp"):
        for credential in (world.cookie, key(world.own_key), bearer(world.own_key)):
            told = await world.ask("GET", path, credential)
            assert (told.status, told.value["user"]) == (200, "ann")
            assert told.seen["remote-user"] == "ann"
            assert told.seen["gatepost-assertion"].startswith("eyJ")
            assert told.seen.keys() & {"authorization", "x-api-key", "cookie"} == set()

    before = world.heard()
    for wrong in (new_key(bytes), world.own_key[:-1], "gp_"):
        for path in ("/reports", "/api/notes", "/mcp"):
            for form in (key, bearer, basic):
                told = await world.ask("GET", path, form(wrong))
                assert told.status == 401
                assert told.reason[1] in ("unknown-key", "malformed-credential")
    assert world.heard() == before


async def test_keys_are_managed_with_a_session(world):
    before = world.heard()
    for credential in (world.own_key, world.app_key):
        for form in (key, bearer, basic):
            for method, path in (("POST", "/api/keys"), ("DELETE", "/api/keys/1")):
                told = await world.ask(method, path, form(credential))
                assert told.reason == (401, "unknown-credential")
    told = await world.ask("POST", "/api/keys", world.cookie, CROSS)
    assert told.reason == (403, "cross-site")
    assert world.heard() == before


async def test_an_mcp_client_finds_its_way_to_a_token(world):
    resource = await world.ask("GET", "/.well-known/oauth-protected-resource/mcp")
    assert resource.value["resource"] == f"{world.url}/mcp"
    assert resource.value["authorization_servers"] == [world.url]
    server = (await world.ask("GET", "/.well-known/oauth-authorization-server")).value
    paths = {name: urlsplit(url).path for name, url in server.items()}
    redirect_uri = "http://127.0.0.1:7777/callback"
    client = await world.ask(
        "POST", paths["registration_endpoint"], data=json.dumps({"redirect_uris": [redirect_uri]})
    )
    assert client.status == 201

    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    asked = {
        "client_id": client.value["client_id"],
        "redirect_uri": redirect_uri,
        "state": "s",
        "code_challenge": challenge.rstrip(b"=").decode(),
    }
    authorize = f"{paths['authorization_endpoint']}?{urlencode(asked)}"
    nobody = await world.ask("GET", authorize, PAGE)
    assert nobody.status == 302
    (back,) = parse_qs(urlsplit(nobody.fields["Location"]).query)["return_to"]
    assert urlsplit(back).path == paths["authorization_endpoint"]
    assert parse_qs(urlsplit(back).query) == {name: [value] for name, value in asked.items()}
    agreed = await world.ask("GET", authorize, PAGE, world.cookie)
    assert agreed.seen["remote-user"] == "ann"
    code = parse_qs(urlsplit(agreed.fields["Location"]).query)["code"][0]

    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    # Public: what is sent there is the app's, whatever it looks like to others.
    client_auth = basic("secret", "client")
    granted = await world.ask("POST", paths["token_endpoint"], client_auth, data=form)
    assert granted.seen == {"authorization": client_auth["Authorization"]}
    token = granted.value["access_token"]

    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    told = await world.ask("POST", "/mcp", bearer(token), data=call)
    assert (told.status, told.value["user"]) == (200, "ann")
    assert told.seen == {"authorization": f"Bearer {token}"}
    told = await world.ask("POST", "/mcp", bearer("mcp_over"), data=call)
    assert told.fields["WWW-Authenticate"].startswith('Bearer realm="app"')
    assert (await world.ask("GET", "/reports", bearer(token))).reason[0] == 401


async def test_the_first_401_of_mcp_is_the_gateways_unless_the_route_is_public(
    world, app, gateway_process
):
    told = await world.ask("POST", "/mcp")
    assert told.reason == (401, "sign-in-required")
    assert not any("resource_metadata" in it for it in told.fields.getall("WWW-Authenticate"))

    settings = yaml.safe_load(world.gateway.config_path.read_text())
    for name in ("server", "public_url", "data_dir"):
        del settings[name]
    settings["routes"].insert(0, {"name": "mcp", "prefix": "/mcp", "access": "public"})
    public = World(gateway_process(settings), app[1], "")
    told = await public.ask("POST", "/mcp")
    (challenge,) = told.fields.getall("WWW-Authenticate")
    assert 'realm="app", resource_metadata=' in challenge
    for credential in (world.cookie, key(world.own_key)):
        assert (await public.ask("POST", "/mcp", credential)).status == 401


async def test_one_request_has_one_identity(world):
    for beside in (world.cookie, key(world.own_key)):
        told = await world.ask("GET", "/api/notes", bearer(world.app_key), beside)
        assert (told.status, told.value["user"]) == (200, "ann")
        assert told.seen == {"authorization": f"Bearer {world.app_key}"}

    before = world.heard()
    told = await world.ask("GET", "/api/notes", bearer(world.app_key), key(new_key(bytes)))
    assert told.reason == (401, "unknown-key")
    assert world.heard() == before


async def test_what_an_operator_sees(world):
    await world.ask("GET", "/mcp", bearer(world.app_key))

    event = world.gateway.wait_for_audit(decision="allow", reason="foreign-credential")
    assert (event["route"], event["user"], event["session"]) == ("api", None, None)
    assert world.app_key not in world.gateway.log()
    counted = 'gatepost_decisions_total{decision="allow",reason="foreign-credential",route="api"}'
    assert counted in world.gateway.metrics()


def test_the_guide_shows_what_explain_says(tmp_path):
    (tmp_path / "oidc_client_secret").write_text("s3cret")
    (tmp_path / "oidc_client_secret").chmod(0o600)
    text = GUIDE.read_text()
    config = tmp_path / "gatepost.yaml"
    config.write_text(yaml.safe_dump(guide_settings()).replace("/run/secrets", str(tmp_path)))
    command, shown = re.search(r"\$ gatepost (explain [^\n]*)\n(.*?)```", text, re.S).groups()

    done = subprocess.run(
        [sys.executable, "-m", "gateway", *command.split(), "-c", str(config)],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout == shown
