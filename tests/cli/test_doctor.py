"""`gatepost doctor` as it is run, against real surroundings."""

import asyncio
import json
import re
import socket
import sqlite3
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from gateway.cli.doctor_checks.finding import GROUPS
from tests.cli.doctor import OK, doctor, doctor_text, nginx
from tests.fixtures.certificates import Authority
from tests.fixtures.gateway import SECRET
from tests.fixtures.network import take_free_port
from tests.oidc.hostile import public

HOST = "proxy_set_header Host $http_host;"
FOR = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
# What a busy machine may add.
SLOW = {"store-round-trip"}
PROTO = "proxy_set_header X-Forwarded-Proto $scheme;"


def registered(provider, public_url, **changes):
    """A client at the provider with all our URIs, as the configuration names it."""
    client = provider.register(
        f"{public_url}/_gatepost/callback/id",
        post_logout_redirect_uris=[f"{public_url}/_gatepost/logout"],
        **changes,
    )
    return {
        "issuer": provider.issuer,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "scopes": ["openid", "email"],
    }


@pytest.fixture
def configured(tmp_path):
    """Write a configuration whose gateway does not run."""

    def write(**changes):
        path = tmp_path / "gatepost.yaml"
        settings = {
            "public_url": f"http://127.0.0.1:{take_free_port()}",
            "server": {"admin_listen": f"127.0.0.1:{take_free_port()}"},
            "secret": SECRET,
            "data_dir": str(tmp_path / "data"),
            "upstreams": {"app": f"http://127.0.0.1:{take_free_port()}"},
            **changes,
        }
        path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
        return path

    return write


@pytest.fixture
async def app_url(raw_upstream):
    return (await raw_upstream(OK)).url


@pytest.fixture
def serve(gateway_process, app_url):
    """Start a gateway in front of an app."""

    def start(public_url=None, listen=None, **settings):
        listen = listen or f"127.0.0.1:{take_free_port()}"
        server = {"listen": listen, **settings.pop("server", {})}
        return gateway_process(
            {
                "public_url": public_url or f"http://{listen}",
                "server": server,
                "upstreams": {"app": app_url},
                **settings,
            }
        )

    return start


async def test_all_is_well(serve, oidc_provider):
    listen = f"127.0.0.1:{take_free_port()}"
    gateway = serve(listen=listen, providers={"id": registered(oidc_provider, f"http://{listen}")})

    report = await doctor(gateway.config_path)
    status, text, stderr = await doctor_text(gateway.config_path)

    assert (report.status, report.amiss("error")) == (0, {})
    # All that is amiss is that this is a test.
    amiss = report.amiss("warning").keys() - SLOW
    assert amiss == {"provider-issuer", "configuration-warning"}
    for name in (
        "gateway-running",
        "public-url-gateway",
        "provider-redirect-uri",
        "provider-post-logout-redirect-uri",
        "provider-client-secret",
        "cookie-domain",
        "store-secret",
        "upstream-answer",
        "upstream-around",
        "clock-public-url",
        "clock-provider",
    ):
        assert report.level(name) == "ok", report.of(name)
    assert (status, stderr) == (0, "")
    assert re.fullmatch("ok, [23] warnings", text.splitlines()[-1])
    # From outside in, and without colours where nobody looks.
    groups = [line for line in text.splitlines() if line in GROUPS]
    assert groups == ["gateway", "public_url", "proxy", "clock", *list(GROUPS)[4:-1]]
    assert "\x1b" not in text


async def test_each_finding_says_where_it_is_explained(serve):
    report = await doctor(serve(auth_mode="standalone").config_path)

    assert {it["page"] for it in report.findings} == {
        f"docs/guides/doctor.md#{it['id']}" for it in report.findings
    }
    assert report.findings[0].keys() == {"level", "id", "about", "says", "do", "group", "page"}


async def test_a_group_alone(serve):
    gateway = serve(auth_mode="standalone")

    store = await doctor(gateway.config_path, "--only", "store")
    two = await doctor(gateway.config_path, "--only", "cookies", "--only", "clock")
    status, _, stderr = await doctor_text(gateway.config_path, "--only", "weather")

    assert {it["group"] for it in store.findings} == {"store"}
    assert {it["group"] for it in two.findings} == {"cookies", "clock"}
    assert (status, "public_url" in stderr) == (2, True)


async def test_a_wrong_configuration_is_2(configured):
    status, _, stderr = await doctor_text(configured(public_url="notes.example.com"))

    assert status == 2
    assert "public_url" in stderr


async def test_no_secret_is_printed(serve, oidc_provider, free_port):
    listen = f"127.0.0.1:{take_free_port()}"
    client = registered(oidc_provider, f"http://{listen}")
    gateway = serve(
        listen=listen,
        providers={"id": client},
        store="sqlite",
    )
    text = (await doctor_text(gateway.config_path))[1]
    down = gateway.config_path.with_name("down.yaml")
    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["store"] = f"redis://user:very-secret@127.0.0.1:{free_port}"
    down.write_text(yaml.safe_dump(settings))
    text += (await doctor_text(down))[1]

    assert "connect" in text
    for secret in (client["client_secret"], SECRET, "very-secret"):
        assert secret not in text


# The gateway and public_url.


async def test_a_gateway_that_does_not_run(configured, app_url):
    port = take_free_port()
    path = configured(
        public_url=f"http://127.0.0.1:{port}",
        server={
            "listen": f"127.0.0.1:{port}",
            "admin_listen": f"127.0.0.1:{take_free_port()}",
        },
        auth_mode="standalone",
        upstreams={"app": app_url},
    )

    report = await doctor(path)

    assert report.status == 0
    assert report.amiss("warning").keys() >= {
        "gateway-running",
        "public-url-connect",
        "store-round-trip",
    }
    assert not (path.parent / "data").exists()


async def test_a_name_without_an_address(configured):
    report = await doctor(
        configured(public_url="https://notes.invalid", auth_mode="standalone"),
        "--only",
        "public_url",
    )

    assert report.status == 1
    assert "notes.invalid has no address" in report.amiss("error")["public-url-dns"]


async def test_something_else_answers_at_public_url(configured, app_url):
    report = await doctor(
        configured(public_url=app_url, auth_mode="standalone"), "--only", "public_url"
    )

    assert report.status == 1
    assert report.amiss("error") == {
        "public-url-gateway": "something else answers, with status 200"
    }


async def test_a_gateway_with_another_secret(serve, configured):
    gateway = serve(auth_mode="standalone")

    report = await doctor(
        configured(public_url=gateway.base_url, auth_mode="standalone", secret="x" * 40),
        "--only",
        "public_url",
    )

    assert report.status == 1
    assert "another secret" in report.amiss("error")["public-url-gateway"]


# TLS.


def certificate(authority, name, *, ends_in):
    """A certificate for `name` that ends `ends_in` from now."""
    builder = authority._builder

    def ending(subject, key):
        now = datetime.now(UTC)
        made = builder(subject, key)
        made._not_valid_before = (now - timedelta(days=400)).replace(tzinfo=None)
        made._not_valid_after = (now + ends_in).replace(tzinfo=None)
        return made

    authority._builder = ending
    return authority.issue("server", name)


async def tls_report(configured, aiohttp_server, authority, pair, environ=None):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    server = await aiohttp_server(web.Application(), ssl=context, shutdown_timeout=0.1)
    path = configured(public_url=f"https://127.0.0.1:{server.port}", auth_mode="standalone")
    trusting = {"SSL_CERT_FILE": str(authority.cert)}
    return await doctor(path, "--only", "public_url", **(trusting if environ is None else environ))


@pytest.mark.parametrize(
    ("name", "ends_in", "says"),
    [
        ("127.0.0.1", -timedelta(days=2), "the certificate expired at "),
        ("notes.example.com", timedelta(days=90), "is for notes.example.com, not for 127.0.0.1"),
    ],
)
async def test_a_certificate_that_browsers_refuse(
    configured, aiohttp_server, tmp_path, name, ends_in, says
):
    authority = Authority(tmp_path)
    pair = certificate(authority, name, ends_in=ends_in)

    report = await tls_report(configured, aiohttp_server, authority, pair)

    assert report.status == 1
    assert report.amiss("error").keys() == {"public-url-certificate"}
    assert says in report.amiss("error")["public-url-certificate"]


@pytest.mark.parametrize(("days", "level"), [(5, "warning"), (60, "ok")])
async def test_a_certificate_that_ends_soon(configured, aiohttp_server, tmp_path, days, level):
    authority = Authority(tmp_path)
    pair = certificate(authority, "127.0.0.1", ends_in=timedelta(days=days))

    report = await tls_report(configured, aiohttp_server, authority, pair)

    assert report.level("public-url-certificate") == "ok"
    assert report.level("public-url-expiry") == level


async def test_a_certificate_that_nobody_vouches_for(configured, aiohttp_server, tmp_path):
    authority = Authority(tmp_path)

    report = await tls_report(
        configured, aiohttp_server, authority, authority.issue("server", "127.0.0.1"), {}
    )

    found = report.one("public-url-certificate")
    assert (found["level"], "nobody known here vouches" in found["says"]) == ("error", True)
    assert "SSL_CERT_FILE" in found["do"]


async def test_a_port_without_tls(configured, aiohttp_server):
    server = await aiohttp_server(web.Application(), shutdown_timeout=0.1)
    url = f"https://127.0.0.1:{server.port}"

    report = await doctor(
        configured(public_url=url, auth_mode="standalone"), "--only", "public_url"
    )

    assert "no TLS handshake" in report.amiss("error")["public-url-certificate"]


# The proxy.


@pytest.fixture
def behind_nginx(serve, tmp_path):
    """The report on a gateway behind an nginx that forwards with `lines`."""

    async def examine(*lines, trusted=("127.0.0.1",), **settings):
        port, inner = take_free_port(), take_free_port()
        gateway = serve(
            public_url=f"http://127.0.0.1:{port}",
            listen=f"127.0.0.1:{inner}",
            server={"trusted_proxies": list(trusted)},
            auth_mode="standalone",
            **settings,
        )
        with nginx(tmp_path / "nginx", port, inner, *lines):
            only = ("--only", "proxy", "--only", "public_url")
            return await doctor(gateway.config_path, *only)

    return examine


async def test_a_proxy_that_passes_everything(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO)

    assert report.status == 0
    assert report.amiss("warning") == {}
    assert {it["id"] for it in report.findings if it["group"] == "proxy"} == set(GROUPS["proxy"])


async def test_a_proxy_that_does_not_pass_the_scheme(behind_nginx):
    report = await behind_nginx(HOST, FOR)

    assert report.amiss("warning").keys() == {"proxy-scheme"}
    assert "X-Forwarded-Proto" in report.amiss("warning")["proxy-scheme"]
    assert "X-Forwarded-Proto $scheme" in report.one("proxy-scheme")["do"]


async def test_a_proxy_that_passes_another_scheme(behind_nginx):
    report = await behind_nginx(HOST, FOR, "proxy_set_header X-Forwarded-Proto https;")

    assert "scheme https, and public_url has http" in report.amiss("warning")["proxy-scheme"]


async def test_a_proxy_that_changes_the_host(behind_nginx):
    report = await behind_nginx(FOR, PROTO)

    assert report.status == 1
    assert "421 unknown-host" in report.amiss("error")["proxy-host"]
    # What a client would get is not what the command gets.
    assert report.level("public-url-gateway") == "ok"


async def test_a_proxy_that_nobody_trusts(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO, trusted=())

    assert report.amiss("warning").keys() == {"proxy-trusted"}
    assert report.one("proxy-trusted")["do"].startswith("add 127.0.0.1")


async def test_a_proxy_that_hides_the_client(behind_nginx):
    report = await behind_nginx(HOST, PROTO, 'proxy_set_header X-Forwarded-For "";')

    assert report.amiss("warning").keys() == {"proxy-client-address"}


async def test_a_proxy_that_lets_clients_choose_their_address(behind_nginx):
    # nginx passes on what it is not told to set.
    report = await behind_nginx(HOST, PROTO)

    assert report.status == 1
    assert report.amiss("error").keys() == {"proxy-forged-address"}


async def test_a_proxy_that_removes_cookies(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO, 'proxy_set_header Cookie "";')

    assert report.amiss("warning") == {"proxy-fields": "the proxy removes Cookie"}


async def test_a_proxy_that_does_not_reach_the_gateway(configured, serve, tmp_path):
    port = take_free_port()
    gateway = serve(
        public_url=f"http://127.0.0.1:{port}",
        auth_mode="standalone",
    )
    with nginx(tmp_path / "nginx", port, gateway.port, HOST):
        # Now nobody listens where it forwards to.
        settings = yaml.safe_load(gateway.config_path.read_text())
        gateway.stop()
        report = await doctor(
            configured(**{k: settings[k] for k in ("public_url", "data_dir", "auth_mode")}),
            "--only",
            "public_url",
        )

    assert "a proxy answers 502" in report.one("public-url-gateway")["says"]


# Providers.


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


async def test_a_provider_that_is_down(serve, free_port):
    client = {"issuer": f"http://127.0.0.1:{free_port}", "client_id": "n", "client_secret": "x"}

    report = await examined(serve, None, client)

    assert report.amiss("error").keys() == {"provider-discovery"}


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


# Cookies.


@pytest.mark.parametrize(
    ("domain", "level"), [("co.uk", "error"), ("github.io", "error"), ("notes.co.uk", "ok")]
)
async def test_a_cookie_domain_that_is_a_public_suffix(configured, domain, level):
    report = await doctor(
        configured(
            public_url=f"https://app.{domain}",
            sessions={"cookie": {"domain": domain}},
            auth_mode="standalone",
        ),
        "--only",
        "cookies",
    )

    assert (report.level("cookie-domain"), report.status) == (level, int(level == "error"))


async def test_cookies_over_plain_http(configured):
    report = await doctor(
        configured(public_url="http://notes.example.com", auth_mode="standalone"),
        "--only",
        "cookies",
    )

    assert (report.level("cookie-secure"), report.status) == ("warning", 0)


# The store.


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
async def test_a_store_that_is_down(configured, free_port, scheme):
    path = "/gatepost" if scheme == "postgresql" else ""
    report = await doctor(
        configured(store=f"{scheme}://127.0.0.1:{free_port}{path}", auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.status == 1
    assert report.amiss("error").keys() == {"store-round-trip"}


async def test_a_redis_that_forgets(configured, start_redis_server):
    server = start_redis_server(*("--maxmemory-policy", "allkeys-lru"), *("--appendonly", "no"))

    report = await doctor(configured(store=server.url, auth_mode="standalone"), "--only", "store")

    assert report.amiss("warning").keys() - SLOW == {"store-eviction", "store-persistence"}
    assert report.level("store-version") == "ok"
    assert report.status == 0


async def test_a_redis_that_keeps(configured, redis_server):
    report = await doctor(
        configured(store=f"{redis_server.url}?prefix=doctor", auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.amiss("error").keys() | report.amiss("warning").keys() <= SLOW
    assert {it["id"] for it in report.findings} >= {"store-eviction", "store-persistence"}


async def test_a_postgres(configured, postgres_server):
    report = await doctor(
        configured(store=postgres_server.schema_url(), auth_mode="standalone"), "--only", "store"
    )

    assert report.status == 0
    assert re.fullmatch(r"version [0-9]{2}\b.*", report.one("store-version")["says"])


async def test_a_store_under_another_secret(serve, configured):
    gateway = serve(auth_mode="standalone")
    settings = yaml.safe_load(gateway.config_path.read_text())

    report = await doctor(
        configured(data_dir=settings["data_dir"], secret="x" * 40, auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.amiss("error").keys() == {"store-secret"}
    assert "last of the list" in report.one("store-secret")["do"]


async def test_a_store_that_others_can_read(serve):
    gateway = serve(auth_mode="standalone")
    data_dir = yaml.safe_load(gateway.config_path.read_text())["data_dir"]
    Path(data_dir, "gatepost.db").chmod(0o644)

    report = await doctor(gateway.config_path, "--only", "store")

    assert report.level("store-file") == "warning"
    assert "0644" in report.one("store-file")["says"]


async def test_an_older_store_is_not_migrated(serve):
    gateway = serve(auth_mode="standalone")
    data_dir = yaml.safe_load(gateway.config_path.read_text())["data_dir"]
    gateway.stop()
    file = f"{data_dir}/gatepost.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 1")
    connection.close()

    report = await doctor(gateway.config_path, "--only", "store")

    assert report.amiss("warning").keys() - SLOW == {"store-version"}
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


# Upstreams.


async def app_at(host):
    """An app that listens at `host`."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    server = await asyncio.start_server(answer, host, take_free_port())
    return server, server.sockets[0].getsockname()[1]


def own_address():
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


async def test_an_app_that_listens_on_all_addresses(configured):
    own = own_address()
    server, port = await app_at("0.0.0.0")
    async with server:
        report = await doctor(
            configured(upstreams={"app": f"http://127.0.0.1:{port}"}, auth_mode="standalone"),
            "--only",
            "upstreams",
        )

    assert (report.level("upstream-answer"), report.status) == ("ok", 0)
    assert (
        f"answers without the gateway at {own}:{port}" in report.amiss("warning")["upstream-around"]
    )


async def test_an_app_that_listens_on_loopback_alone(configured, app_url):
    report = await doctor(
        configured(upstreams={"app": app_url}, auth_mode="standalone"), "--only", "upstreams"
    )

    assert report.level("upstream-around") == "ok"


async def test_another_server_on_the_port_of_the_app_is_not_the_app(configured, raw_upstream):
    own = own_address()
    app = await raw_upstream(OK)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, own, app.port):
        report = await doctor(
            configured(upstreams={"app": app.url}, auth_mode="standalone"), "--only", "upstreams"
        )

    assert report.level("upstream-around") == "ok"


async def test_an_app_that_does_not_listen(configured, free_port):
    url = f"http://127.0.0.1:{free_port}"
    down = await doctor(
        configured(upstreams={"app": url}, auth_mode="standalone"), "--only", "upstreams"
    )
    asleep = await doctor(
        configured(upstreams={"app": {"url": url, "wake_timeout": "30s"}}, auth_mode="standalone"),
        "--only",
        "upstreams",
    )

    assert (down.status, down.level("upstream-answer")) == (1, "error")
    assert "connection refused" in down.one("upstream-answer")["says"]
    assert (asleep.status, asleep.level("upstream-answer")) == (0, "warning")


async def test_an_app_that_does_not_speak_http(configured, raw_upstream):
    app = await raw_upstream(b"220 mail.example.com ESMTP\r\n\r\n")

    report = await doctor(
        configured(upstreams={"app": app.url}, auth_mode="standalone"), "--only", "upstreams"
    )

    assert "not HTTP/1.1" in report.amiss("error")["upstream-answer"]


async def test_json_is_an_array(configured):
    status, stdout, _ = await doctor_text(
        configured(auth_mode="standalone"), "--json", "--only", "cookies"
    )

    assert status == 0
    assert isinstance(json.loads(stdout), list)
