"""The path of a request as a whole: what no single stage could promise by itself."""

import dataclasses
import gzip

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.authn.authenticator import NOT_PRESENTED, Pending
from tests.dataplane.conftest import gateway
from tests.dataplane.harness import request

__all__ = ["gateway"]


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIGNED_IN = [{"name": "all", "prefix": "/", "access": "signed_in"}]


@pytest.fixture
def serve(gateway, raw_upstream):
    """Start a gateway and its app: ``running, app = await serve(routes=[…])``."""

    async def start(**changes):
        app = await raw_upstream(OK)
        return await gateway(app.url, **{"routes": SIGNED_IN, **changes}), app

    return start


async def metrics(running):
    """Every sample of `/metrics`, as (name, labels, value)."""
    text = await running.gateway.exposition()
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    ]


@pytest.mark.parametrize("trusted", [[], ["127.0.0.1"]], ids=["from anywhere", "by a proxy"])
async def test_nothing_but_a_route_turns_authentication_off(serve, trusted):
    running, app = await serve(server={"trusted_proxies": trusted})
    agents = [
        "kube-probe/1.31",
        "ELB-HealthChecker/2.0",
        "GoogleHC/1.0",
        "Googlebot/2.1",
        "Amazon-Route53-Health-Check-Service (ref x; report http://amzn.to/1vsZADi)",
        "Consul Health Check",
        "Envoy/HC",
        "Edge Health Probe",
        "Load Balancer Agent",
        "HealthChecker/1.0",
        "Prometheus/3.0.0",
        "UptimeRobot/2.0",
        "Go-http-client/1.1",
    ]
    paths = ["/ping", "/healthz", "/readyz", "/metrics", "/robots.txt", "/favicon.ico", "/status"]
    paths += ["/ready", "/health", "/livez", "/oauth2/ping", "/.well-known/health", "/-/healthy"]

    for agent in agents:
        for path in paths:
            answer = await running.ask(
                request(path, f"User-Agent: {agent}", "X-Forwarded-For: 127.0.0.1")
            )
            assert (path, answer.status) == (path, 401)
    assert app.connections == 0


# What Fetch Metadata says, and Origin; None where the field is not sent.
OWN = [
    (None, None),
    (None, "http://app.test"),
    (None, "http://second.test"),
    ("same-origin", None),
    ("same-origin", "http://app.test"),
    # A page with `Referrer-Policy: no-referrer` names no origin, to itself neither.
    ("same-origin", "null"),
    ("same-origin", "http://evil.test"),
    ("none", None),
    ("none", "null"),
    ("same-site", "http://second.test"),
]
FOREIGN = [
    (None, "http://evil.test"),
    (None, "null"),
    (None, "http://app.test.evil.test"),
    ("cross-site", None),
    ("cross-site", "null"),
    ("cross-site", "http://app.test"),
    ("same-site", None),
    ("same-site", "null"),
    ("same-site", "http://neighbour.test"),
    ("Same-Origin", None),
    ("", "http://app.test"),
    ("same-origin, cross-site", "http://app.test"),
    ("same-origin\r\nSec-Fetch-Site: same-origin", "http://app.test"),
    ("same-origin\r\nSec-Fetch-Site: cross-site", None),
    ("same-site", "http://second.test\r\nOrigin: http://evil.test"),
]
HOSTS = ["http://app.test", "http://second.test"]


def sent_from(site, origin):
    """The lines of a request that a page has a browser send."""
    named = {"Sec-Fetch-Site": site, "Origin": origin}
    return [f"{name}: {value}" for name, value in named.items() if value is not None]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_what_a_foreign_page_has_a_session_do_is_refused(serve, method):
    running, app = await serve(public_url=HOSTS)
    cookie = (await running.sign_in()).strip()

    async def status(site, origin):
        lines = sent_from(site, origin)
        head = request("/", cookie, *lines, "Content-Length: 0", method=method)
        return (await running.ask(head)).status

    assert [(it, await status(*it)) for it in FOREIGN] == [(it, 403) for it in FOREIGN]
    assert app.connections == 0
    assert [(it, await status(*it)) for it in OWN] == [(it, 200) for it in OWN]


@pytest.mark.parametrize(("site", "origin"), FOREIGN)
async def test_what_changes_nothing_may_come_from_a_foreign_page(serve, site, origin):
    running, _ = await serve(public_url=HOSTS)
    cookie = (await running.sign_in()).strip()

    assert (await running.ask(request("/", cookie, *sent_from(site, origin)))).status == 200


async def test_a_preflight_goes_on_where_the_route_says_so_and_is_never_sent_to_sign_in(serve):
    passing = {"name": "api", "prefix": "/api", "access": "signed_in", "preflight": "pass"}
    public = {"name": "open", "prefix": "/open", "access": "public"}
    running, app = await serve(routes=[passing, public, *SIGNED_IN])
    fields = ["Origin: https://spa.example.com", "Access-Control-Request-Method: POST"]

    answers = [
        await running.ask(request(path, *fields, method="OPTIONS"))
        for path in ("/api/x", "/open/x", "/closed")
    ]

    assert [answer.status for answer in answers] == [200, 200, 401]
    assert not any(answer.all(b"location") for answer in answers)
    assert [head.partition(b" HTTP")[0] for head in app.heads] == [
        b"OPTIONS /api/x",
        b"OPTIONS /open/x",
    ]
    assert all(b"\r\nOrigin: https://spa.example.com\r\n" in head for head in app.heads)
    assert not any(b"Remote-User" in head for head in app.heads)
    # A plain OPTIONS is no preflight.
    assert (await running.ask(request("/api/x", method="OPTIONS"))).status == 401


async def test_an_apps_own_authorization_server_answers_for_itself(serve):
    paths = ["/oauth/token", "/.well-known/oauth-authorization-server"]
    own = {"name": "app-oauth", "path": paths, "access": "public"}
    running, app = await serve(routes=[own, *SIGNED_IN])
    sent = ["Authorization: Basic YXBwOnNlY3JldA==", "Cookie: app=1", "Accept: text/html"]

    for path in paths:
        assert (await running.ask(request(path, *sent))).status == 200

    for head in app.heads:
        assert b"\r\nAuthorization: Basic YXBwOnNlY3JldA==\r\n" in head
        assert b"\r\ncookie: app=1\r\n" in head.lower()


async def test_strangers_and_public_routes_write_nothing_to_the_store(serve):
    open_route = {"name": "open", "prefix": "/open", "access": "public"}
    maybe = {"name": "maybe", "prefix": "/maybe", "access": "optional"}
    running, _ = await serve(routes=[open_route, maybe, *SIGNED_IN])
    unknown = f"Cookie: gatepost={'A' * 64}"

    async def writes():
        return {
            labels["operation"]: value
            for name, labels, value in await metrics(running)
            if name == "gatepost_store_duration_seconds_count"
            and labels["operation"] not in ("get", "find", "count", "ping", "subscribe")
        }

    before = await writes()
    for path in ("/open", "/maybe", "/closed", "/_gatepost/whoami", "/_gatepost/sign-in", "/"):
        for lines in ((), (unknown,), ("Accept: text/html",), (unknown, "Accept: text/html")):
            await running.ask(request(path, *lines))
    for lines in ((), (unknown,)):
        sent = ("Sec-Fetch-Site: same-origin", "Content-Length: 0", *lines)
        answer = await running.ask(request("/_gatepost/logout", *sent, method="POST"))
        assert answer.status == 200

    assert await writes() == before


class Broken:
    """Proves nothing: it has a defect."""

    credential = "session"
    fields = frozenset[bytes]()
    cookies = frozenset[str]()

    def __init__(self, when):
        self._when = when

    def recognises(self, field, value):
        """Nothing."""
        return False

    def judge(self, request):
        """Fail, or leave it to `ask`."""
        if self._when == "at once":
            raise ZeroDivisionError
        return Pending(self.ask)

    async def ask(self):
        """Fail, or find nothing."""
        if self._when == "later":
            raise ZeroDivisionError
        return NOT_PRESENTED


@pytest.mark.parametrize("access", ["signed_in", "optional"])
@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_defect_in_a_decision_is_a_deny(serve, when, access, caplog):
    running, app = await serve(routes=[{"name": "all", "prefix": "/", "access": access}])
    # No configuration makes an authenticator that has a defect, so one is put in.
    plans = running.gateway.front.pipeline._plans
    for index, plan in plans.items():
        plans[index] = dataclasses.replace(plan, authenticators=(Broken(when),))

    answer = await running.ask(request("/", (await running.sign_in()).strip()))

    assert answer.status == 500
    assert b"internal-error" in answer.body
    assert b"ZeroDivision" not in answer.body
    assert "ZeroDivisionError" in caplog.text
    assert app.connections == 0


async def test_no_client_makes_up_a_label_of_a_metric(serve):
    open_route = {"name": "open", "prefix": "/open", "access": "public"}
    running, _ = await serve(routes=[open_route, *SIGNED_IN])
    cookie = (await running.sign_in("a-user-of-this-name")).strip()
    for method in ("GET", "MADEUP", "X-Y"):
        for path in ("/open/a-path-of-this-name", "/closed?a=query-of-this-name", "//"):
            for line in (cookie, "User-Agent: an-agent-of-this-name", "Host: b.test"):
                await running.ask(request(path, line, method=method))

    labels = {(key, value) for _, of, _ in await metrics(running) for key, value in of.items()}

    assert not [pair for pair in labels if "of-this-name" in pair[1]]
    assert {v for k, v in labels if k == "method"} <= {"GET", "other"}
    assert {v for k, v in labels if k == "route"} <= {"open", "all", "none", "reserved"}
    assert all(v.replace("-", "").isalpha() for k, v in labels if k == "reason")


async def test_an_expression_covers_whole_paths_and_never_a_query(serve):
    styles = {"name": "styles", "regex": r"/static/[a-z]+\.css", "access": "public"}
    running, app = await serve(routes=[styles, *SIGNED_IN])
    asked = {
        "/static/a.css": 200,
        "/static/a.css?v=1": 200,
        "/static/%61.css": 200,
        "/admin?/static/a.css": 401,
        "/admin?x=/static/a.css": 401,
        "/admin/static/a.css": 401,
        "/static/a.css/admin": 401,
        "/static/a.css%0A": 400,
        "/static/a.css%3Fx": 400,
        "/static/a.css%23": 400,
        "/static/../admin/a.css": 401,
    }

    answers = {path: (await running.ask(request(path))).status for path in asked}

    assert answers == asked
    assert not any(b"admin" in head for head in app.heads)


async def test_what_an_app_answers_is_for_its_client_to_act_on(serve, raw_upstream):
    coded = gzip.compress(b"hello")
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: app=alice\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(coded), coded)
    )
    app = await raw_upstream(answer)
    running, _ = await serve(
        upstreams={"app": {"url": app.url, "cookies": "shared"}},
        routes=[{"name": "all", "prefix": "/", "access": "public"}],
    )

    first = await running.ask(request("/one"))
    await running.ask(request("/two"))

    # Neither followed, nor unpacked, nor kept for the next client on the same connection.
    assert (first.status, first.body) == (302, coded)
    assert first.all(b"location") == [b"/elsewhere"]
    assert first.all(b"set-cookie") == [b"app=alice"]
    assert [head.split(b" ")[1] for head in app.heads] == [b"/one", b"/two"]
    assert b"cookie" not in app.heads[1].lower()
    assert app.connections == 1
