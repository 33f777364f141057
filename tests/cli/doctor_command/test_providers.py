"""What `gatepost doctor` says of providers and clocks."""

import re
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from aiohttp import web

from tests.cli.doctor_command.run import doctor, doctor_text, registered
from tests.fixtures.network import take_free_port
from tests.oidc.hostile import public


async def examined(serve, provider, client, only="providers"):
    gateway = serve(providers={"id": client})
    return await doctor(gateway.config_path, "--only", only)


async def test_a_redirect_uri_that_is_not_registered(serve, oidc_provider):
    report = await examined(
        serve, oidc_provider, registered(oidc_provider, "https://other.example.com")
    )

    assert report.status == 1
    assert report.amiss("error").keys() == {"provider-redirect-uri"}
    found = report.one("provider-redirect-uri")
    [uri] = re.findall(r"http://127.0.0.1:\d+/_gatepost/callback/id", found["do"])
    assert found["do"].startswith(f"register {uri} as redirect URI of client ")
    assert report.level("provider-client-secret") == "ok"
    assert report.level("provider-post-logout-redirect-uri") == "warning"


async def test_a_wrong_client_secret(serve, oidc_provider):
    listen = f"127.0.0.1:{take_free_port()}"
    client = registered(oidc_provider, f"http://{listen}")
    gateway = serve(listen=listen, providers={"id": {**client, "client_secret": "wrong-one"}})

    report = await doctor(gateway.config_path, "--only", "providers")

    assert report.status == 1
    assert report.amiss("error").keys() == {"provider-client-secret"}
    assert "client id and secret are refused" in report.amiss("error")["provider-client-secret"]
    assert report.level("provider-redirect-uri") == "ok"


async def test_a_client_that_the_provider_does_not_know(serve, oidc_provider):
    client = {"issuer": oidc_provider.issuer, "client_id": "nobody", "client_secret": "x"}

    report = await examined(serve, oidc_provider, client)

    assert report.amiss("error").keys() == {"provider-redirect-uri", "provider-client-secret"}
    assert "does not know the client" in report.amiss("error")["provider-redirect-uri"]


async def test_a_scope_that_the_client_may_not_ask_for(serve, oidc_provider):
    listen = f"127.0.0.1:{take_free_port()}"
    client = registered(oidc_provider, f"http://{listen}", scope="openid")
    gateway = serve(listen=listen, providers={"id": client})

    report = await doctor(gateway.config_path, "--only", "providers")

    found = report.one("provider-redirect-uri")
    assert (found["level"], "'invalid_scope'" in found["says"]) == ("error", True)


PUSHED = {"enabled": True, "requirePushedAuthorizationRequests": True}


@pytest.mark.parametrize("is_registered", [False, True])
async def test_a_request_that_is_pushed(serve, start_oidc_provider, is_registered):
    provider = start_oidc_provider(features={"pushedAuthorizationRequests": PUSHED})
    listen = f"127.0.0.1:{take_free_port()}"
    origin = f"http://{listen}" if is_registered else "https://other.example.com"
    gateway = serve(listen=listen, providers={"id": registered(provider, origin)})

    report = await doctor(gateway.config_path, "--only", "providers")

    found = report.one("provider-redirect-uri")
    assert found["level"] == ("ok" if is_registered else "error")
    assert ("redirect_uri did not match" in found["says"]) != is_registered
    assert report.level("provider-client-secret") == "ok"


async def test_a_provider_that_is_down(serve, free_port):
    client = {"issuer": f"http://127.0.0.1:{free_port}", "client_id": "n", "client_secret": "x"}

    report = await examined(serve, None, client)

    assert report.amiss("error").keys() == {"provider-discovery"}


async def test_an_issuer_that_is_another_server(serve, app_url):
    client = {"issuer": app_url, "client_id": "n", "client_secret": "x"}

    report = await examined(serve, None, client)

    assert report.amiss("error").keys() == {"provider-discovery"}
    found = report.one("provider-discovery")
    assert found["do"] == "set providers.id.issuer to the provider's: another server answers"


async def test_a_public_client_is_accepted_without_a_secret(serve, stub):
    client = {"issuer": stub.issuer, "client_id": "notes", "client_auth": "none"}

    report = await examined(serve, stub, client)

    found = report.one("provider-client-secret")
    assert found["says"].startswith("the client id is accepted (none)")


class Stub:
    """The far end of what cannot be had from a real provider: wrong clocks, hostile pages."""

    def __init__(self, aiohttp_server):
        self._start = aiohttp_server
        self.ahead_s = 0
        self.page = web.Response
        self.issuer = ""

    async def start(self):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        server = await self._start(app, shutdown_timeout=0.1)
        self.issuer = f"http://127.0.0.1:{server.port}"
        return self

    async def _answer(self, request):
        at = datetime.now(UTC).timestamp() + self.ahead_s
        answer = self._document(request.path)
        answer.headers["Date"] = formatdate(at, usegmt=True)
        return answer

    def _document(self, path):
        if path == "/.well-known/openid-configuration":
            return web.json_response(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )
        if path == "/jwks":
            return web.json_response({"keys": [public("rsa", alg="RS256")]})
        if path == "/token":
            return web.json_response({"error": "invalid_grant"}, status=400)
        return self.page()


@pytest.fixture
async def stub(aiohttp_server):
    return await Stub(aiohttp_server).start()


def client_of(stub):
    return {"issuer": stub.issuer, "client_id": "notes", "client_secret": "a-secret"}


@pytest.mark.parametrize(
    ("ahead_s", "level", "status"),
    [(0, "ok", 0), (45, "warning", 0), (-45, "warning", 0), (120, "error", 1), (-120, "error", 1)],
)
async def test_a_clock_that_is_off(serve, stub, ahead_s, level, status):
    stub.ahead_s = ahead_s

    report = await examined(serve, stub, client_of(stub), only="clock")

    assert (report.level("clock-provider"), report.status) == (level, status)
    assert report.level("clock-public-url") == "ok"


async def test_the_clock_of_what_answers_at_public_url(configured, stub):
    stub.ahead_s = 300

    report = await doctor(
        configured(public_url=stub.issuer, auth_mode="standalone"), "--only", "clock"
    )

    assert (report.level("clock-public-url"), report.status) == ("error", 1)


async def test_a_provider_that_shows_a_page_tells_nothing(serve, stub):
    stub.page = lambda: web.Response(text="<h1>Sign in</h1>", content_type="text/html")

    report = await examined(serve, stub, client_of(stub))

    found = report.one("provider-redirect-uri")
    assert (found["level"], report.status) == ("warning", 0)
    assert "cannot be told: status 200 for any redirect URI" in found["says"]


async def test_a_hostile_page_is_quoted_escaped_and_cut(serve, stub):
    stub.page = lambda: web.Response(
        status=400,
        text="<p>redirect \x1b[2J\u202e\n" + "y" * 5000 + "</p>",
        content_type="text/html",
    )
    gateway = serve(providers={"id": client_of(stub)})

    status, text, _ = await doctor_text(gateway.config_path, "--only", "providers")

    [line] = [it for it in text.splitlines() if "provider-redirect-uri " in it]
    assert status == 1
    assert line.isprintable()
    assert "y" * 100 in line
    assert "y" * 201 not in line
