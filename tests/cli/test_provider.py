"""`gatepost provider` as it is run, against a real provider and against broken ones."""

import asyncio
import json
import os
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from tests.fixtures.certificates import Authority
from tests.oidc.hostile import public, sign

ROOT = Path(__file__).parents[2]
DISCOVERY = "/.well-known/openid-configuration"
GIB = 1024**3


def now():
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str

    def lines(self, level):
        """What follows `level` in the lines of the report."""
        found = (line.split(maxsplit=1) for line in self.stdout.splitlines() if line[:2] == "  ")
        return [rest for word, rest in found if word == level]


@pytest.fixture
def run(tmp_path):
    """Run the command on a file: ``await run("idp", providers={...})``."""

    async def run(*arguments, environ=None, **changes):
        settings = {
            "public_url": ["https://notes.example.com", "https://wiki.example.com"],
            "upstreams": {"app": "http://127.0.0.1:1"},
            **changes,
        }
        path = tmp_path / "gatepost.yaml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "provider", "-c", str(path), *arguments),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **(environ or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = await process.communicate()
        assert "Traceback" not in stderr.decode()
        return Result(process.returncode, stdout.decode(), stderr.decode())

    return run


class Broken:
    """A provider whose answers a test replaces, by path."""

    def __init__(self):
        self.answers = {}
        self.issuer = ""
        self.asked = []

    async def start(self, aiohttp_server, context):
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        server = await aiohttp_server(app, ssl=context, shutdown_timeout=0.1)
        self.issuer = str(server.make_url("")).rstrip("/")

    def document(self, **changes):
        right = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return {**right, **changes}

    def change(self, **changes):
        """Publish another document."""
        self.answers[DISCOVERY] = lambda _: web.json_response(self.document(**changes))

    async def _answer(self, request):
        self.asked.append(request.path)
        answer = self.answers.get(request.path)
        if answer is not None:
            found = answer(request)
            return await found if asyncio.iscoroutine(found) else found
        if request.path == DISCOVERY:
            return web.json_response(self.document())
        return web.json_response({"keys": [public("rsa", alg="RS256")]})


@pytest.fixture
def start_broken(aiohttp_server):
    async def start(context=None):
        broken = Broken()
        await broken.start(aiohttp_server, context)
        return broken

    return start


def client(issuer, **changes):
    return {"issuer": issuer, "client_id": "notes", "client_secret": "a-secret", **changes}


async def examined(run, broken, *arguments, environ=None, **changes):
    return await run(
        *arguments, environ=environ, providers={"idp": client(broken.issuer, **changes)}
    )


async def test_a_real_provider_fits(run, oidc_provider):
    result = await run(
        "id",
        providers={
            "id": client(
                oidc_provider.issuer,
                scopes=["openid", "email", "offline_access"],
                authorize_params={"prompt": "consent"},
            )
        },
        tokens={
            "clients": {
                "ios": {
                    "provider": "id",
                    "client_id": "notes-ios",
                    "redirect_uris": ["com.example.notes:/callback"],
                }
            }
        },
    )

    assert (result.status, result.stderr) == (0, "")
    assert result.lines("problem") == []
    # The one thing amiss is that it is on loopback, without TLS.
    [warning] = result.lines("warning")
    assert warning.startswith("issuer: it is plain http")
    assert {it.split(": ")[0]: it.split(": ", 1)[1] for it in result.lines("ok")} == {
        "issuer": f"matches: {oidc_provider.issuer}",
        "endpoints": "authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, "
        "end_session_endpoint, revocation_endpoint, introspection_endpoint",
        "PKCE": "S256",
        "signing algorithms": "RS256, ES256",
        "client authentication": "client_secret_basic for client id notes",
        "client authentication of the app ios": "none for client id notes-ios",
        "keys": "2 usable: rsa-1 (RS256), ec-1 (ES256)",
        "scopes": "openid, email, offline_access",
        "refresh": "offline_access with prompt=consent",
        "userinfo": "asked if the ID token lacks a claim",
        "sign-out": "goes on to the provider",
        "back-channel logout": "offered and accepted",
        "clock": "within 30 seconds",
        "standards": "Authlib finds no fault in the document",
    }
    own = "https://notes.example.com/_gatepost"
    assert result.stdout.splitlines()[-10:] == [
        "register at id:",
        f"  redirect URI: {own}/callback/id",
        "  redirect URI: https://wiki.example.com/_gatepost/callback/id",
        f"  post-logout redirect URI: {own}/logout",
        "  post-logout redirect URI: https://wiki.example.com/_gatepost/logout",
        f"  back-channel logout URI: {own}/backchannel-logout/id",
        "register at id for the app ios, a public client:",
        "  client id: notes-ios",
        "  redirect URI: com.example.notes:/callback",
        "id: ok, 1 warning",
    ]


async def test_the_documentation_shows_what_is_printed(run, oidc_provider):
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = page.split("$ gatepost provider zitadel\n")[1].split("```")[0]
    scopes = ["openid", "profile", "email", "offline_access", "roles"]

    result = await run(
        "zitadel",
        public_url="https://notes.example.com",
        providers={"zitadel": client(oidc_provider.issuer, scopes=scopes)},
    )

    # The page's provider has TLS.
    lines = [line for line in result.stdout.splitlines() if "plain http" not in line]
    printed = "\n".join(lines).replace(oidc_provider.issuer, "https://id.example.com")
    assert printed.replace("2 warnings", "1 warning") == shown.rstrip("\n")


async def test_a_real_provider_that_demands_and_lacks_much(run, start_oidc_provider):
    provider = start_oidc_provider(
        features={
            "pushedAuthorizationRequests": {
                "enabled": True,
                "requirePushedAuthorizationRequests": True,
            },
            "backchannelLogout": {"enabled": False},
            "rpInitiatedLogout": {"enabled": False},
        }
    )

    result = await run(providers={"id": client(provider.issuer, scopes=["openid", "roles"])})

    assert result.status == 0
    assert "code flow: authorization requests are pushed, which the provider requires" in (
        result.stdout
    )
    assert [it.split(":")[0] for it in result.lines("warning")] == [
        "issuer",
        "scopes",
        "sign-out",
        "back-channel logout",
    ]
    assert result.stdout.splitlines()[-1] == "id: ok, 4 warnings"


async def test_json_says_the_same(run, oidc_provider):
    providers = {"id": client(oidc_provider.issuer)}
    text = await run("id", providers=providers)
    result = await run("id", "--json", providers=providers)

    found = json.loads(result.stdout)
    [provider] = found["providers"]
    assert (result.status, found["ok"], provider["ok"]) == (0, True, True)
    assert (provider["name"], provider["issuer"]) == ("id", oidc_provider.issuer)
    assert [it["topic"] for it in provider["findings"] if it["level"] == "ok"] == [
        it.split(":")[0] for it in text.lines("ok")
    ]
    assert provider["findings"][0].keys() == {"level", "topic", "says", "do"}
    assert provider["register"]["redirect_uris"] == [
        "https://notes.example.com/_gatepost/callback/id",
        "https://wiki.example.com/_gatepost/callback/id",
    ]


async def test_without_a_name_all_are_asked_in_turn(run, oidc_provider, free_port):
    providers = {
        "gone": client(f"http://127.0.0.1:{free_port}"),
        "id": client(oidc_provider.issuer),
    }
    result = await run(providers=providers)

    assert result.status == 1
    [problem] = result.lines("problem")
    assert problem.startswith(
        f"discovery: cannot connect to 127.0.0.1:{free_port}: connection refused"
    )
    ends = [line for line in result.stdout.splitlines() if line.startswith(("gone: ", "id: "))]
    assert ends == ["gone: not ok, 1 problem", "id: ok, 1 warning"]
    assert (await run("id", providers=providers)).status == 0


async def test_an_unknown_name_lists_those_there_are(run):
    providers = {"zitadel": client("https://id.example.com"), "logto": client("https://b.example")}
    near = await run("zitadl", providers=providers)
    far = await run("x", providers=providers)

    assert (near.status, near.stdout) == (2, "")
    assert near.stderr == (
        'gatepost: unknown provider "zitadl" (did you mean "zitadel"?); there are: zitadel, logto\n'
    )
    assert far.stderr == 'gatepost: unknown provider "x" (one of: zitadel, logto)\n'
    assert far.status == 2


async def test_a_configuration_that_is_wrong_or_has_no_provider(run):
    wrong = await run("idp", providers={"idp": {"issuer": "https://id.example.com"}})
    none = await run(api_keys={})

    assert wrong.status == none.status == 2
    assert "client_id" in wrong.stderr
    assert none.stderr == "gatepost: providers: the configuration has none\n"


async def test_another_issuer(run, start_broken):
    broken = await start_broken()
    broken.change(issuer=broken.issuer + "/")

    result = await examined(run, broken)

    assert result.status == 1
    [problem] = result.lines("problem")
    assert f"configured is '{broken.issuer}', the document says '{broken.issuer}/'" in problem
    assert "set providers.idp.issuer to exactly what the document says" in problem
    # What a stranger's document names is not asked.
    assert broken.asked == [DISCOVERY]
    assert any(it.startswith("keys: not fetched") for it in result.lines("note"))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda _: web.json_response({"keys": []}), "keys: none of 0 published keys"),
        (lambda _: web.json_response({}), "keys: none of 0 published keys"),
        (lambda _: web.Response(status=500), "/jwks: status 500"),
        (lambda _: web.Response(text="<html>"), "/jwks: the answer is not JSON"),
    ],
)
async def test_no_keys(run, start_broken, answer, says):
    broken = await start_broken()
    broken.answers["/jwks"] = answer

    result = await examined(run, broken)

    assert result.status == 1
    [problem] = result.lines("problem")
    assert says in problem


@pytest.fixture
def tls(tmp_path):
    """A server's context, and the environment of a machine that trusts it."""
    authority = Authority(tmp_path)
    pair = authority.issue("server", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    return context, {"SSL_CERT_FILE": str(authority.cert)}


async def test_endpoints_without_tls(run, start_broken, tls):
    context, trusting = tls
    broken = await start_broken(context)
    fine = await examined(run, broken, environ=trusting)
    broken.change(token_endpoint="http://id.example.com/token")

    result = await examined(run, broken, environ=trusting)

    assert (fine.status, fine.lines("problem")) == (0, [])
    assert result.status == 1
    [problem] = result.lines("problem")
    assert problem.startswith("endpoints: token_endpoint is 'http://id.example.com/token'")
    # Authlib agrees.
    assert any('"token_endpoint" MUST use "https"' in it for it in result.lines("warning"))


async def test_a_certificate_that_nobody_vouches_for(run, start_broken, tls):
    broken = await start_broken(tls[0])

    result = await examined(run, broken)

    assert result.status == 1
    assert "certificate refused" in result.lines("problem")[0]
    assert broken.asked == []


@pytest.mark.parametrize(
    ("ahead_s", "level", "status"),
    [(-3600, "problem", 1), (3600, "problem", 1), (45, "warning", 0), (0, "ok", 0)],
)
async def test_a_clock_that_is_off(run, start_broken, ahead_s, level, status):
    broken = await start_broken()
    broken.answers[DISCOVERY] = lambda _: web.json_response(
        broken.document(), headers={"Date": formatdate(now() + ahead_s, usegmt=True)}
    )

    result = await examined(run, broken)

    assert result.status == status
    assert [it for it in result.lines(level) if it.startswith("clock: ")]


async def test_a_gigabyte_is_not_read(run, start_broken):
    broken, sent = await start_broken(), []

    async def flood(request):
        response = web.StreamResponse(headers={"Content-Length": str(GIB)})
        await response.prepare(request)
        try:
            for _ in range(GIB // 65536):
                await response.write(b" " * 65536)
                sent.append(65536)
        except ConnectionError:
            pass
        return response

    broken.answers[DISCOVERY] = flood

    result = await examined(run, broken)

    assert result.status == 1
    assert "the answer exceeds 1048576 bytes" in result.lines("problem")[0]
    assert sum(sent) < GIB // 8


@pytest.mark.parametrize(
    ("response", "says", "do"),
    [
        ({"text": "<html>"}, "the answer is not JSON", "another server answers"),
        ({"text": "[]"}, "the answer is not a JSON object", "another server answers"),
        ({"status": 500}, f"{DISCOVERY} is 500", "the provider responds there"),
        ({"status": 404}, f"{DISCOVERY} is 404", "set providers.idp.issuer"),
        (
            {"status": 301, "headers": {"Location": "https://id.example.com/x"}},
            "found at 'https://id.example.com/x'",
            "set providers.idp.issuer",
        ),
        (
            {"status": 302, "headers": {"Location": "https://id.example.com/x"}},
            f"{DISCOVERY} is 302, found at 'https://id.example.com/x'",
            "the provider responds there",
        ),
    ],
)
async def test_no_document(run, start_broken, response, says, do):
    broken = await start_broken()
    broken.answers[DISCOVERY] = lambda _: web.Response(**response)

    result = await examined(run, broken)

    assert result.status == 1
    [problem] = result.lines("problem")
    assert says in problem
    assert do in problem
    more = ["/.well-known/oauth-authorization-server"] if response.get("status") == 404 else []
    assert broken.asked == [DISCOVERY, *more]


async def test_what_a_provider_writes_moves_no_cursor(run, start_broken):
    broken = await start_broken()
    broken.change(scopes_supported=["\x1b[2J"], code_challenge_methods_supported=["\x1b[2J\n"])

    for result in (await examined(run, broken), await examined(run, broken, "--json")):
        assert result.status == 1
        assert "\x1b" not in result.stdout
        assert "u001b[2J" in result.stdout


async def test_no_secret_is_sent_or_printed(run, start_broken):
    broken, seen = await start_broken(), []

    def keys(request):
        seen.append(str(request.headers))
        return web.json_response({"keys": [public("rsa")]})

    broken.answers["/jwks"] = keys

    result = await examined(run, broken, "--json")

    assert len(seen) == 1
    assert "a-secret" not in seen[0] + result.stdout + result.stderr
    assert "authorization" not in seen[0].lower()


async def test_what_the_file_asks_and_the_provider_lacks(run, start_oidc_provider, forward_proxy):
    provider = start_oidc_provider(
        issuer="https://id.example.test", pkce={"methods": ["plain"]}, acrValues=["gold"]
    )
    # The password of the proxy is nobody's business.
    proxy = forward_proxy.url.replace("://", "://user:pa55word@")

    result = await run(
        "idp",
        environ={"HTTP_PROXY": proxy},
        providers={
            "idp": client(
                provider.issuer,
                internal_url=provider.address,
                nonce="unless_absent",
                response_mode="form_post",
                algorithms="ES384",
            )
        },
        routes=[
            {"name": "all", "prefix": "/", "access": {"allow": {"acr": ["gold", "silver"]}}},
        ],
    )

    assert result.status == 1
    assert f"endpoints: called at internal_url: {provider.address}" in result.lines("ok")
    where = forward_proxy.url.removeprefix("http://")
    assert f"endpoints: called through the proxy {where}" in result.lines("ok")
    assert f"{provider.address}/.well-known/openid-configuration" in forward_proxy.targets(b"GET")
    assert "pa55word" not in result.stdout
    (acr,) = [it for it in result.lines("warning") if it.startswith("claims: ")]
    assert "rules ask for acr silver, and acr_values_supported has only: gold" in acr
    problems = [it.partition(":")[0] for it in result.lines("problem")]
    assert problems == ["PKCE", "signing algorithms", "PKCE"]


async def test_an_internal_url_without_the_path_says_so(run, start_oidc_provider):
    provider = start_oidc_provider(issuer="https://id.example.test/realms/main")

    async def told(internal_url):
        asked = client(provider.issuer, internal_url=internal_url)
        return await run("idp", providers={"idp": asked})

    wrong = await told(f"{provider.address}/wrong")
    assert wrong.status == 1
    (line,) = wrong.lines("problem")
    assert "takes the place of 'https://id.example.test/realms/main', path included" in line
    assert "To do: set providers.idp.internal_url" in line
    assert (await told(f"{provider.address}/realms/main")).status == 0


async def test_a_document_of_oauth_alone_is_named(run, start_broken):
    broken = await start_broken()
    path = "/.well-known/oauth-authorization-server"
    broken.answers[DISCOVERY] = lambda _: web.Response(status=404)
    broken.answers[path] = lambda _: web.json_response(broken.document())

    result = await examined(run, broken)

    assert (result.status, result.lines("problem")) == (0, [])
    [found] = [it for it in result.lines("note") if it.startswith("discovery: ")]
    assert path in found


async def test_endpoints_of_the_file_need_no_document(run, start_broken):
    broken = await start_broken()
    given = {it: broken.document()[it] for it in ("authorization_endpoint", "token_endpoint")}

    result = await examined(run, broken, **given, jwks_uri=f"{broken.issuer}/jwks")

    assert (result.status, result.lines("problem")) == (0, [])
    assert "discovery: none is asked for: the file gives the endpoints" in result.lines("note")
    assert broken.asked == ["/jwks"]


async def test_a_client_assertion_that_has_expired_is_a_problem(run, start_broken, tmp_path):
    broken = await start_broken()
    file = tmp_path / "token"
    file.write_text(sign({"exp": 1}))

    changes = {"client_secret": None, "client_assertion_file": str(file)}
    result = await examined(run, broken, **changes)

    assert result.status == 1
    assert any("has a token that expired" in it for it in result.lines("problem"))
