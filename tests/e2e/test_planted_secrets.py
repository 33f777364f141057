"""Secrets of every kind go through a gateway; nothing that an operator reads has one of them."""

import asyncio
import json
import secrets
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.assembly.serving import clock
from tests.e2e.at_desk import by_key
from tests.e2e.browsing import PAGE
from tests.e2e.test_api_keys import made
from tests.e2e.test_second_factor import Person, codes_in, hidden
from tests.fixtures.accounts import OTHER, PASSWORD, add
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import wait_until

CLIENT_SECRET = "client-secret-" + secrets.token_hex(16)
LINK_PATHS = ("/_gatepost/reset", "/_gatepost/forgot", "/_gatepost/sign-in/code")
LAST = "/the-last-request"


@pytest.fixture
def watched(gateway_process, demo_provider, mail_server, collector, echo_app, tmp_path):
    """A gateway that writes all it can: a debug log, the audit, metrics and spans."""
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider(
        {"client_id": "notes", "client_secret": CLIENT_SECRET, "redirect_uris": [callback]}
    )
    mailbox = mail_server()
    gateway = gateway_process(
        {
            "auth_mode": "hybrid",
            "server": {"listen": address},
            "upstreams": {"app": echo_app},
            "providers": {
                "oidc": {
                    "issuer": provider.issuer,
                    "client_id": "notes",
                    "client_secret": CLIENT_SECRET,
                }
            },
            "bearer": [{"issuer": provider.issuer, "audiences": ["notes"]}],
            "api_keys": {},
            "admins": [{"user": "admin"}],
            "smtp": {"url": f"smtp://{mailbox.address}", "from": "Notes <notes@example.com>"},
            "audit": {"file": str(tmp_path / "audit.log")},
            "log": {"format": "json", "level": "debug"},
            "tracing": {"otlp": collector.url},
        },
        env={"OTEL_BSP_SCHEDULE_DELAY": "100"},
    )
    return gateway, mailbox


async def at_the_provider(gateway):
    """Sign in at the provider; the state, nonce, code, verifier's challenge and cookies."""
    found = set()
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
    async with aiohttp.ClientSession(gateway.base_url, cookie_jar=jar) as browser:

        async def visit(target):
            async with browser.get(target, headers=PAGE, allow_redirects=False) as response:
                found.update(it.value for it in jar if len(it.value) > 8)
                return response.status, response.headers.get("Location", "")

        _, there = await visit("/_gatepost/login/oidc?return_to=/a%3Fkey%3Dof-the-app-987654")
        query = parse_qs(urlsplit(there).query)
        found |= {query[name][0] for name in ("state", "nonce", "code_challenge")}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as provider:
            back = await sign_in_at_demo_provider(provider, there, "alice")
        found |= {parse_qs(urlsplit(back).query)[name][0] for name in ("code", "state")}
        assert (await visit(back))[0] == 302
        assert (await visit("/a?key=of-the-app-987654"))[0] == 200
        # What goes wrong is logged at length, and is where secrets leak.
        jar.clear()
        assert (await visit(back))[0] >= 400
    return {*found, "of-the-app-987654", CLIENT_SECRET}


def with_a_password(gateway, mailbox):
    """A password, a second factor, and a new password by mail, right and wrong."""
    add(gateway, "ann", "--email", "ann@a.test")
    ann = Person(gateway, clock)
    assert ann.sign_in(password="wrong-password-of-ann").status_code == 401
    assert ann.sign_in().status_code == 303
    found = {PASSWORD, OTHER, "wrong-password-of-ann", *session_of(ann)}

    page = ann.change("set-up")
    ann.secret = page.text.partition('id="totp_secret">')[2].partition("<")[0].replace(" ", "")
    setup, code = hidden(page, "setup"), ann.app_code()
    turned_on = ann.change("turn-on", setup=setup, code=code)
    assert turned_on.status_code == 200
    found |= {ann.secret, setup, *codes_in(turned_on)}

    late = Person(gateway, clock)
    late.secret = ann.secret
    step = late.step()
    assert late.enter(step, late.wrong()).status_code >= 400
    assert late.enter(late.step(), late.app_code(1)).status_code == 303
    found |= {step, *session_of(late)}

    assert late.form("/_gatepost/forgot", name="ann").status_code == 200
    wait_until(lambda: mailbox.to("ann@a.test"), gateway.process, "the mail")
    link = mailbox.to("ann@a.test")[0].link
    token = parse_qs(urlsplit(link).query)["token"][0]
    path = link.removeprefix(gateway.base_url)
    assert late.page(path).status_code == 200
    assert late.form("/_gatepost/reset", token=token, password=OTHER).status_code == 303
    assert late.page(path).status_code == 404
    return {*found, token}


def with_keys_and_tokens(gateway):
    """A key and tokens, in the fields and in the places where they do not belong."""
    key = made(gateway, "--user", "ci-bot", "--scope", "a:b")
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0." + secrets.token_urlsafe(40)
    cookie = secrets.token_urlsafe(48)
    visitor = Person(gateway, clock)
    for fields in (
        {"X-API-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Basic {cookie}"},
        {"Cookie": f"gatepost={cookie}"},
        {"X-API-Key": key[:-1] + ("a" if key[-1] != "a" else "b")},
        {"Traceparent": token, "Tracestate": f"k={cookie}", "X-Request-Id": key},
        {"Host": f"{key.replace('_', '-')}.example"},
    ):
        for path in (f"/b?access_token={token}", f"/b;jsessionid={cookie}", f"/b%3Fkey={key}"):
            visitor.get(gateway.base_url + path, headers=fields, allow_redirects=False)
    visitor.post(gateway.base_url + "/_gatepost/token", data={"refresh_token": token})
    return {key, key[:-1], key.split("_")[2], token, token.rpartition(".")[2], cookie}


def at_the_desk(gateway):
    """All that an administrator can read by calls, and the key that they are made with."""
    key = made(gateway, "--user", "admin", "--scope", "gatepost:admin")
    texts = []
    for call in ("refusals?limit=1000", "routes", "shadows", "configuration", "health", "journal"):
        answer = by_key(gateway, key, "GET", call)
        assert answer.status_code == 200, answer.text
        texts.append(answer.text)
    for refusal in json.loads(texts[0])["items"]:
        # Over the rate, none is kept.
        request_id = refusal["request_id"]
        texts.append(by_key(gateway, key, "GET", f"explain?request_id={request_id}").text)
    return "\n".join(texts), key


def session_of(browser):
    return {it.value for it in browser.cookies if it.name.startswith("gatepost")}


async def test_no_planted_secret_is_in_a_log_an_audit_line_a_metric_or_a_span(
    watched, collector, tmp_path
):
    gateway, mailbox = watched
    planted = await at_the_provider(gateway)
    planted |= with_a_password(gateway, mailbox)
    planted |= with_keys_and_tokens(gateway)
    Person(gateway, clock).page(LAST)
    collector.server_span(url_path=LAST)
    metrics = gateway.metrics()
    desk, key = await asyncio.to_thread(at_the_desk, gateway)
    planted |= {key}
    assert gateway.stop() == 0

    audit = (tmp_path / "audit.log").read_text()
    written = {
        "log": gateway.log(),
        "audit": audit,
        "metrics": metrics,
        "spans": repr(collector.spans()),
        "desk": desk,
        "posted spans": b"".join(collector.bodies).decode("latin-1"),
    }
    # Each has seen it all: what is searched is not empty.
    assert "sign-in" in written["log"]
    assert {json.loads(line)["status"] for line in audit.splitlines()} >= {200, 302, 303, 401}
    for path in (*LINK_PATHS, "/_gatepost/callback/oidc", LAST):
        assert f'"path":"{path}"' in audit
        assert path in written["spans"]
    refusals = json.loads(desk.partition("\n")[0])["items"]
    assert {it["reason"] for it in refusals} >= {"malformed-credential", "state-mismatch"}
    assert '"conditions"' in desk
    assert 'gatepost_requests_total{method="GET"' in metrics
    assert len(planted) >= 25
    assert min(map(len, planted)) >= 8
    assert [
        (where, secret) for secret in planted for where, text in written.items() if secret in text
    ] == []
