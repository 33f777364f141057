"""Questions of proxies, on the wire: each dialect, what it says wrongly, and who may ask."""

import hashlib
import itertools
import json
import os
import random

import pytest

from gateway.credentials.key_format import new_key
from tests.dataplane.harness import Answer, RunningGateway, request
from tests.patience import until

DIALECTS = ("nginx", "traefik", "caddy", "envoy")
HOST = "app.test"
KEY = new_key(os.urandom)
HEADERS = {"X-User": "{user}", "X-Email": "{email}", "X-Groups": "{groups}"}
ROUTES = [
    {"name": "open", "prefix": "/public", "access": "public"},
    {"name": "admin", "prefix": "/admin", "access": "denied"},
    {"name": "staff", "prefix": "/staff", "access": {"allow": [{"group": "staff"}]}},
    {"name": "board", "prefix": "/board", "access": {"allow": [{"group": "board"}]}},
    {
        "name": "slow",
        "prefix": "/slow",
        "access": "public",
        "rate_limit": {"requests": 1, "per": "1h", "by": "ip"},
    },
    {"name": "office", "prefix": "/office", "access": {"allow": [{"ip": "192.0.2.0/24"}]}},
    {"name": "app", "prefix": "/app", "access": "signed_in"},
]
# What is asked about -> whether it may pass; what is denied may be called ambiguous too.
SPELLINGS = {
    "/public/a%2db": True,
    "/public/x?y=/admin": True,
    "/public/x%23y": True,
    "/admin?x=/public/": False,
    "/public/x%23/../../admin": False,
    "/public/../admin": False,
    "/public/%2e%2e/admin": False,
    "/public/.%2E/admin": False,
    "/public/%2e%2e%2fadmin": False,
    "/public%2F..%2Fadmin": False,
    "/public/..%5cadmin": False,
    "/public/..;/admin": False,
    "/public/../../_gatepost/whoami": False,
    "/../public/../admin": False,
    "//admin": False,
    "/./admin": False,
    "/admin;x": False,
    "/admin%2f": False,
    "/%61dmin": False,
    "/admin%00": False,
}
NAVIGATION = ("Accept: text/html", "Sec-Fetch-Mode: navigate")


def question(
    dialect: str, target: str, *lines: str, method: str = "GET", host: str = HOST
) -> bytes:
    """What the proxy of `dialect` sends, with the client's own field `lines`."""
    if not any(line.lower().startswith(("x-forwarded-for:", "forwarded:")) for line in lines):
        lines = ("X-Forwarded-For: 192.0.2.1", *lines)
    return anonymous_question(dialect, target, *lines, method=method, host=host)


def anonymous_question(
    dialect: str, target: str, *lines: str, method: str = "GET", host: str = HOST
) -> bytes:
    """A question without the client's address."""
    if dialect == "envoy":
        head = [f"{method} /_gatepost/auth{target} HTTP/1.1", f"Host: {host}", *lines]
        return ("\r\n".join(head) + "\r\nContent-Length: 0\r\n\r\n").encode()
    if dialect == "nginx":
        told = [f"X-Original-Method: {method}", f"X-Original-URL: http://{host}{target}"]
    else:
        told = [
            f"X-Forwarded-Method: {method}",
            "X-Forwarded-Proto: http",
            f"X-Forwarded-Host: {host}",
            f"X-Forwarded-Uri: {target}",
        ]
    return request("/_gatepost/auth", *told, *lines)


@pytest.fixture
async def asked(gateway):
    """Start a gateway that the tests may ask: ``await asked("nginx")``."""

    async def start(dialect: str, trusted=("127.0.0.1",), **changes) -> RunningGateway:
        changes = {"routes": ROUTES, "api_keys": {"static": [_static()]}, **changes}
        server = {"trusted_proxies": list(trusted), **changes.pop("server", {})}
        return await gateway(
            upstream={"identity": {"headers": HEADERS}},
            server=server,
            forward_auth={"dialect": dialect},
            **changes,
        )

    return start


def _static() -> dict[str, str]:
    return {"name": "ci", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "user": "ci-bot"}


def told(answer: Answer) -> dict[str, str]:
    """The identity fields of an answer that lets through."""
    assert answer.status == 200, answer
    names = ("x-user", "x-email", "x-groups", "gatepost-assertion")
    found = {}
    for name in names:
        values = answer.all(name.encode())
        assert len(values) == 1, name
        found[name] = values[0].decode()
    return found


def reason(answer: Answer) -> str:
    return json.loads(answer.body)["reason"]


def refused(dialect: str, status: int) -> int:
    """The status of a refusal: nginx understands 401 and 403."""
    return 403 if dialect == "nginx" else status


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_may_pass_is_described_and_who_may_not_is_told_why(asked, dialect):
    running = await asked(dialect)
    cookie = (await running.sign_in(groups=("staff",))).decode().strip()
    other = (await running.sign_in("Åsa 雪")).decode().strip()

    assert told(await running.ask(question(dialect, "/app", other)))["x-user"] == "Åsa 雪"
    fields = told(await running.ask(question(dialect, "/app/x?y=1", cookie)))
    assert (fields["x-user"], fields["x-groups"]) == ("alice", "staff")
    assert fields["gatepost-assertion"].count(".") == 2
    fields = told(await running.ask(question(dialect, "/app", f"X-API-Key: {KEY}", method="POST")))
    assert (fields["x-user"], fields["x-email"]) == ("ci-bot", "")
    fields = told(await running.ask(question(dialect, "/public/x", cookie, "X-User: root")))
    assert set(fields.values()) == {""}

    for target, lines, status, why in (
        ("/staff", (), 401, "sign-in-required"),
        ("/board", (cookie,), 403, "group-missing"),
        ("/admin/x", (cookie,), 403, "denied"),
        ("/app", ("X-API-Key: gp_wrong",), 401, None),
        ("/elsewhere", (cookie,), refused(dialect, 404), "no-route"),
        ("/_gatepost/whoami", (cookie,), refused(dialect, 404), "no-route"),
    ):
        answer = await running.ask(question(dialect, target, *lines))
        assert answer.status == status, (target, answer)
        assert bool(answer.all(b"www-authenticate")) is (status == 401)
        assert why in (None, reason(answer)), answer
    answer = await running.ask(question(dialect, "/app", host="other.test"))
    assert (answer.status, reason(answer)) == (refused(dialect, 421), "unknown-host")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_navigation_is_told_where_to_sign_in_and_returns_to_its_page(asked, dialect):
    running = await asked(dialect)
    answer = await running.ask(question(dialect, "/app/a?b=c&d=%2F", *NAVIGATION))
    assert answer.status == (401 if dialect == "nginx" else 302)
    where = b"http://app.test/_gatepost/sign-in?return_to=/app/a%3Fb%3Dc%26d%3D%252F"
    assert answer.all(b"location") == [where]
    assert bool(answer.all(b"www-authenticate")) is (dialect == "nginx")

    answer = await running.ask(question(dialect, "/app", *NAVIGATION, method="POST"))
    assert answer.status == 401
    assert not answer.all(b"location")
    assert not (await running.ask(question(dialect, "/app"))).all(b"location")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_refused_navigation_gets_a_page_where_the_proxy_shows_it(asked, dialect):
    running = await asked(dialect)
    answer = await running.ask(question(dialect, "/admin", *NAVIGATION))
    assert (answer.status, answer.all(b"content-type")) == (403, [b"text/html; charset=utf-8"])
    # nginx drops the content of every answer to a question.
    assert (b"<html" in answer.body) is (dialect != "nginx")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_rate_limit_counts_questions_by_the_clients_address(asked, dialect):
    running = await asked(dialect)
    here, there = "X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 198.51.100.7"
    assert (await running.ask(question(dialect, "/slow", here))).status == 200
    answer = await running.ask(question(dialect, "/slow", here))
    assert (answer.status, reason(answer)) == (refused(dialect, 429), "rate-limited")
    assert answer.all(b"retry-after")
    assert (await running.ask(question(dialect, "/slow", there))).status == 200
    key = f"X-API-Key: {KEY}"
    assert (await running.ask(question(dialect, "/office", key, here))).status == 200
    assert (await running.ask(question(dialect, "/office", key, there))).status == 403


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_only_a_trusted_proxy_may_ask(asked, dialect):
    running = await asked(dialect, trusted=("192.0.2.1",))
    cookie = (await running.sign_in()).decode().strip()
    for target in ("/public", "/app"):
        answer = await running.ask(question(dialect, target, cookie, "X-Forwarded-For: 192.0.2.1"))
        assert (answer.status, reason(answer)) == (403, "untrusted-proxy")


async def test_without_the_setting_the_endpoint_is_not_there(gateway):
    running = await gateway(server={"trusted_proxies": ["127.0.0.1"]})
    for dialect in DIALECTS:
        assert (await running.ask(question(dialect, "/x"))).status == 404


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_fields_of_other_dialects_are_ignored(asked, dialect):
    running = await asked(dialect)
    others = [
        line
        for other in DIALECTS[:2]
        if other != dialect and not (dialect == "caddy" and other == "traefik")
        for line in anonymous_question(other, "/public", host="evil.test").decode().split("\r\n")
        if line.startswith("X-") and not line.startswith("X-Original-URL")
    ]
    if dialect == "nginx":
        # Before any question, trusted proxies' host fields are read for the endpoint itself.
        others = [line for line in others if "Host" not in line and "Proto" not in line]
    assert others
    spoofed = (*others, "X-Envoy-Original-Path: /public")
    answer = await running.ask(question(dialect, "/admin", *spoofed))
    assert (answer.status, reason(answer)) == (403, "denied")
    answer = await running.ask(question(dialect, "/public", *spoofed))
    assert answer.status == 200


def _broken() -> list[tuple[str, bytes]]:
    """Questions that are malformed, by dialect."""
    asks: list[tuple[str, bytes]] = []
    bad = (
        "",
        "public",
        "http://app.test/public",
        "//app.test:x y",
        "/a#b",
        "/a b",
        "*",
        "?/public",
    )
    for dialect in DIALECTS:
        asks += [(dialect, question(dialect, uri)) for uri in bad if dialect != "envoy"]
        asks += [(dialect, question(dialect, f"/public/\\{'x' * 40000}"))]
        asks += [(dialect, question(dialect, f"/public/{'x' * 65536}"))]
        asks += [
            (dialect, question(dialect, f"/public/{chr(code)}x")) for code in (0, 1, 9, 27, 127)
        ]
    asks += [("envoy", question("envoy", uri)) for uri in ("", "?/public", "/a#b")]
    plain = question("nginx", "/public").decode()
    url = "X-Original-URL: http://app.test/public\r\n"
    asks += [
        ("nginx", plain.replace(url, more).encode())
        for more in (
            "",
            url * 2,
            "X-Original-URL: /public\r\n",
            "X-Original-URL: http:///public\r\n",
            "X-Original-URL: http://app.test?/public\r\n",
            "X-Original-URL: http://app.test?x/public\r\n",
            "X-Original-URL: http://app.test#/public\r\n",
            "X-Original-URL: http://u@app.test/public\r\n",
            "X-Original-URL: http://app.test:x/public\r\n",
            "X-Original-URL: ftp://app.test/public\r\n",
            "X-Original-URL: http://app.test, http://app.test/public\r\n",
        )
    ]
    plain = question("traefik", "/public").decode()
    for name, value in (
        ("Method", "get"),
        ("Method", "GET, GET"),
        ("Method", ""),
        ("Proto", "ftp"),
        ("Proto", "http, http"),
        ("Host", "app.test, app.test"),
        ("Host", "app.test/public"),
        ("Host", ""),
        ("Uri", "/public, /admin"[:0]),
    ):
        lines = [
            f"X-Forwarded-{name}: {value}" if line.startswith(f"X-Forwarded-{name}:") else line
            for line in plain.split("\r\n")
        ]
        whole = "\r\n".join(lines).encode()
        asks += [(dialect, whole) for dialect in ("traefik", "caddy")]
    for name in ("Method", "Proto", "Host", "Uri"):
        lines = [it for it in plain.split("\r\n") if not it.startswith(f"X-Forwarded-{name}:")]
        asks += [("traefik", "\r\n".join(lines).encode())]
    twice = plain.replace(
        "X-Forwarded-Uri: /public", "X-Forwarded-Uri: /public\r\nx-forwarded-uri: /"
    )
    return [*asks, ("traefik", twice.encode()), ("caddy", twice.encode())]


async def test_a_malformed_question_is_never_interpreted_loosely(asked):
    for dialect, asks in itertools.groupby(_broken(), key=lambda it: it[0]):
        running = await asked(dialect, server={"limits": {"head_bytes": "256KiB"}})
        for _, ask in asks:
            answer = await running.ask(ask)
            # Of bytes that are not HTTP nobody knows what they ask.
            statuses = {400, 403} if dialect == "nginx" else {400}
            assert answer.status in statuses, (dialect, ask[:300], answer)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_second_http_is_refused(asked, dialect):
    running = await asked(dialect)
    for protocol in ("h2c", "H2", "TLS/1.0", "HTTP/2.0", "websocket, h2c"):
        for more in ((), ("Sec-WebSocket-Key: dGVzdA==",)):
            lines = ("Connection: Upgrade", f"Upgrade: {protocol}", *more)
            answer = await running.ask(question(dialect, "/public", *lines))
            assert answer.status == refused(dialect, 400), (protocol, more)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_makes_an_app_serve_another_request_is_refused(asked, dialect):
    running = await asked(dialect)
    for name in (
        "X-Rewrite-URL",
        "X-Original-URL",
        "X-Original-URI",
        "X-Override-URL",
        "X-HTTP-Method",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "Script-Name",
        "Path-Info",
        "Daphne-Root-Path",
    ):
        for spelling in (name, name.lower(), name.replace("-", "_"), name.replace("-", ".")):
            answer = await running.ask(question(dialect, "/public", f"{spelling}: /admin"))
            assert answer.status == refused(dialect, 400), spelling


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_identity_field_in_another_spelling_is_refused(asked, dialect):
    running = await asked(dialect)
    for name in ("Remote_User", "Remote.Groups", "Gatepost~Assertion", "X_Forwarded_Prefix"):
        answer = await running.ask(question(dialect, "/public", f"{name}: forged"))
        assert answer.status == refused(dialect, 400), name


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_question_without_the_clients_address_is_refused(asked, dialect):
    running = await asked(dialect)
    answer = await running.ask(anonymous_question(dialect, "/public"))
    assert answer.status == refused(dialect, 400)
    assert (await running.ask(question(dialect, "/public"))).status == 200
    if dialect in ("nginx", "envoy"):  # The others always send X-Forwarded-For.
        line = "Forwarded: for=192.0.2.1;proto=http"
        assert (await running.ask(question(dialect, "/public", line))).status == 200


async def test_other_methods_ask_nothing(asked):
    running = await asked("caddy")
    ask = question("caddy", "/public").replace(b"GET /_gatepost", b"POST /_gatepost")
    answer = await running.ask(ask)
    assert (answer.status, answer.all(b"allow")) == (405, [b"GET"])


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_connection_goes_on_after_a_question_about_head(asked, dialect):
    """The answer's length is that of the question's own method."""
    client = await (await asked(dialect)).client()
    for target in ("/public", "/admin", "/app"):
        answer = await client.ask(question(dialect, target, method="HEAD"))
        assert answer.status in (200, 401, 403)
        assert (await client.ask(question(dialect, "/public"))).status == 200


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_spelling_of_a_path_is_let_through(asked, dialect):
    routes = [
        {"name": "admin", "prefix": "/admin", "access": "denied"},
        {"name": "public", "regex": "/public/.*", "access": "public"},
        {"name": "rest", "prefix": "/", "access": "denied"},
    ]
    running = await asked(dialect, routes=routes)
    for target, passes in SPELLINGS.items():
        answer = await running.ask(question(dialect, target))
        assert answer.status in ({200} if passes else {400, 403}), (target, answer)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_question_of_one_client_is_judged_by_what_it_asks(asked, dialect):
    """Most of their fields repeat, so what follows from those alone is remembered."""
    running = await asked(dialect)
    cookie = (await running.sign_in()).decode().strip()
    client = await running.client()
    for number in range(4):
        for target, host, status in (
            (f"/app/{number}", HOST, 200),
            ("/admin", HOST, 403),
            ("/elsewhere", HOST, 404),
            ("/app", "other.test", 421),
            ("/public", HOST, 200),
        ):
            sent = f"q{number}-{status}"
            lines = (cookie, f"X-Request-ID: {sent}")
            answer = await client.ask(question(dialect, target, *lines, host=host))
            expected = status if status in (200, 403) else refused(dialect, status)
            assert answer.status == expected, (number, target)
            assert answer.all(b"x-request-id") == [sent.encode()]
            if target.startswith("/app/"):
                assert told(answer)["x-user"] == "alice"
        other = "X-Forwarded-Uri" if dialect == "nginx" else "X-Original-URL"
        answer = await client.ask(question(dialect, "/app", cookie, f"{other}: /admin"))
        assert answer.status == (200 if dialect == "nginx" else 400)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_websocket_from_another_site_is_refused(asked, dialect):
    running = await asked(dialect)
    cookie = (await running.sign_in()).decode().strip()
    for sign in ("Upgrade: websocket", "Sec-Fetch-Mode: websocket", "Sec-WebSocket-Key: dGVzdA=="):
        for origin, status in (("http://evil.test", 403), ("http://app.test", 200)):
            answer = await running.ask(
                question(dialect, "/app/ws", cookie, sign, f"Origin: {origin}")
            )
            assert answer.status == status, (sign, origin)
            assert status == 200 or reason(answer) == "cross-site"
    foreign = "Sec-Fetch-Site: cross-site"
    assert (await running.ask(question(dialect, "/app", cookie, foreign))).status == 200
    answer = await running.ask(question(dialect, "/app", cookie, foreign, method="POST"))
    assert (answer.status, reason(answer)) == (403, "cross-site")


async def test_no_cookie_but_the_one_that_was_given_passes(asked):
    running = await asked("caddy")
    cookie = (await running.sign_in()).decode().strip()
    name, _, value = cookie.removeprefix("Cookie: ").partition("=")
    chance = random.Random(7)
    client = await running.client()
    for _ in range(10_000):
        at, to = chance.randrange(len(value)), chance.choice('AZaz09-_.=%"; \t\x80')
        changed = value[:at] + to + value[at + chance.choice((0, 1, 1, 7)) :]
        if value in changed:  # What was added around it may be no part of it.
            continue
        answer = await client.ask(question("caddy", "/app", f"Cookie: {name}={changed}"))
        assert answer.status in (400, 401), changed
        if answer.closes:
            client = await running.client()
    assert (await client.ask(question("caddy", "/app", cookie))).status == 200


async def test_the_record_is_of_the_original_request(asked, tmp_path):
    log = tmp_path / "audit"
    running = await asked("traefik", audit={"file": str(log)})
    cookie = (await running.sign_in()).decode().strip()
    address = "X-Forwarded-For: 192.0.2.9"
    await running.ask(question("traefik", "/app/x", cookie, address, method="DELETE"))
    await running.ask(question("traefik", "", cookie, address))
    await until(lambda: log.exists() and log.read_text().count("\n") >= 2)
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert {it: first[it] for it in ("route", "method", "path", "decision", "user", "ip")} == {
        "route": "app",
        "method": "DELETE",
        "path": "/app/x",
        "decision": "allow",
        "user": "alice",
        "ip": "192.0.2.9",
    }
    assert (second["path"], second["decision"]) == ("/_gatepost/auth", "error")
    counted = (await running.gateway.exposition()).decode()
    assert 'gatepost_requests_total{method="DELETE",route="app",status="200"} 1.0' in counted


async def test_a_question_opens_no_tunnel_and_reaches_no_app(asked, raw_upstream):
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    running = await asked("envoy", upstreams={"app": {"url": app.url}})
    lines = ("Connection: Upgrade", "Upgrade: websocket")
    assert (await running.ask(question("envoy", "/public/ws", *lines))).status == 200
    assert app.connections == 0


async def test_hosts_of_public_url_and_of_routes_share_a_sign_in(asked):
    own = {"name": "c", "host": "c.app.test", "prefix": "/", "access": "signed_in"}
    running = await asked(
        "traefik",
        public_url=[f"http://{HOST}", "http://b.app.test"],
        sessions={"cookie": {"domain": HOST}},
        routes=[own, *ROUTES],
    )
    cookie = (await running.sign_in()).decode().strip()
    for host in (HOST, "b.app.test", "c.app.test", "C.APP.test.:80"):
        answer = await running.ask(question("traefik", "/app", *NAVIGATION, host=host))
        where = f"http://{host.lower().removesuffix('.:80')}/_gatepost/sign-in?return_to=/app"
        assert answer.all(b"location") == [where.encode()]
        fields = told(await running.ask(question("traefik", "/app", cookie, host=host)))
        assert fields["x-user"] == "alice"
    for host in ("d.app.test", "evil.test", "app.test.evil.test", "app.test:81"):
        assert (await running.ask(question("traefik", "/app", host=host))).status == 421


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_path_that_signs_out_ends_the_session_and_the_app_gets_its_sign_out(
    gateway, dialect
):
    running = await gateway(
        upstream={"identity": {"headers": HEADERS}, "logout_paths": ["/app/logout"]},
        server={"trusted_proxies": ["127.0.0.1"]},
        forward_auth={"dialect": dialect},
        routes=ROUTES,
    )
    cookie = (await running.sign_in()).decode().strip()
    answer = await running.ask(question(dialect, "/app/logout", cookie, *NAVIGATION))
    assert told(answer)["x-user"] == "alice"
    cleared = [value for value in answer.all(b"set-cookie") if value.startswith(b"gatepost=;")]
    assert len(cleared) == 1
    assert (await running.ask(question(dialect, "/app", cookie))).status == 401
