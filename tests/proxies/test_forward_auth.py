"""What clients and the app get through a real proxy that asks the gateway."""

import asyncio
import itertools
from urllib.parse import urljoin

import pytest

from tests.e2e.people import HTML
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.patience import soon

NAVIGATION = {**HTML, "Sec-Fetch-Mode": "navigate"}
NAMES = ("Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "Gatepost-Assertion")
SPELLINGS = (
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/%2e%2e%2fadmin",
    "/public%2f..%2fadmin",
    "/public/..%5cadmin",
    "/public/..;/admin",
    "//admin",
    "/./admin",
    "/%61dmin",
    "/admin%2f",
    "/admin;x",
    "/admin?/public/",
    "/public/x%23/../../admin",
    "http://127.0.0.1/admin",
    "http://evil.test/admin",
)
REROUTING = (
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-Override-URL",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "Script-Name",
    "Path-Info",
    "Daphne-Root-Path",
)
OTHERS = ("X-Forwarded-Prefix", "X-Forwarded-Uri", "Forwarded")
MARKS = "-_.~!#$%&'*+^`|"


async def signed_in(fronted, browser) -> str:
    """Sign alice in; the line of her cookie."""
    status, page = await browser.sign_in("alice")
    assert status == 302, page
    return f"Cookie: gatepost={browser.cookies()['gatepost'].value}"


async def test_a_sign_in_returns_to_the_page_and_the_app_knows_who(fronted):
    page = f"{fronted.url}/notes/a?b=c&d=e"
    async with fronted.browser() as browser:
        url = page
        for _ in range(2):
            async with browser.session.get(
                url, headers=NAVIGATION, allow_redirects=False
            ) as response:
                assert response.status == 302, await response.text()
                url = urljoin(url, response.headers["Location"])
        callback = await sign_in_at_demo_provider(browser.session, url, "alice")
        async with browser.session.get(callback, headers=NAVIGATION) as response:
            assert (str(response.url), response.status) == (page, 200)
    got = fronted.got()
    assert got["remote-user"] == ["alice"]
    assert got["gatepost-assertion"][0].count(".") == 2
    assert fronted.heads[-1].startswith(b"GET /notes/a?b=c&d=e ")


async def test_a_script_is_told_that_it_must_sign_in(fronted):
    answer = await fronted.ask("/notes", "Accept: application/json")
    assert answer.status == 401
    assert answer.all(b"www-authenticate")
    assert not answer.all(b"location")
    assert fronted.gateway.wait_for_audit(decision="sign_in", path="/notes")["ip"] == "127.0.0.1"


async def test_nobody_writes_identity_fields_themselves(fronted):
    forged = [f"{name.replace('-', mark)}: forged" for name in NAMES for mark in MARKS]
    async with fronted.browser() as browser:
        cookie = await signed_in(fronted, browser)
    asked = itertools.product(([], [cookie]), forged, ("Connection: {}", "Connection: keep-alive"))
    for lines, line, connection in asked:
        before = len(fronted.heads)
        target = "/notes" if lines else "/public"
        answer = await fronted.ask(target, *lines, line, connection.format(line.split(":")[0]))
        assert answer.status in (200, 400), line
        assert (len(fronted.heads) > before) is (answer.status == 200)
        if answer.status == 200:
            assert "forged" not in str(fronted.got()), line
            assert fronted.got().get("remote-user", [""]) == ["alice" if lines else ""]


async def test_nobody_says_themselves_what_is_asked_about(fronted):
    lines = [
        f"X-Original-URL: {fronted.url}/public",
        "X-Original-Method: OPTIONS",
        "X-Original-URI: /public",
        "X-Forwarded-Uri: /public",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Prefix: /public",
        "X-Envoy-Original-Path: /public",
        "X-Rewrite-URL: /public",
        "X-HTTP-Method-Override: GET",
    ]
    for target, status in (("/admin", 403), ("/notes", 401)):
        assert (await fronted.ask(target, *lines)).status == status
        for line in lines:
            assert (await fronted.ask(target, line)).status == status, line
    assert fronted.heads == []


async def test_the_app_serves_the_request_that_was_judged(fronted):
    for name in REROUTING:
        for spelling in {name, name.replace("-", "_"), name.replace("-", ".")}:
            for more in ((), (f"Connection: {spelling}",)):
                before = len(fronted.heads)
                answer = await fronted.ask("/public", f"{spelling}: forged", *more)
                assert answer.status in (200, 400), spelling
                assert (len(fronted.heads) > before) is (answer.status == 200)
                if answer.status == 200:
                    assert "forged" not in str(fronted.got()), spelling


async def test_the_app_gets_what_the_proxy_says_of_the_request(fronted):
    forged = [f"{name}: forged" for name in (*OTHERS, "X-Request-ID", "X-Forwarded-Host")]
    assert (await fronted.ask("/public", *forged)).status == 200
    got = fronted.got()
    assert "forged" not in str(got)
    assert fronted.gateway.wait_for_audit(path="/public")["request_id"] != "forged"
    assert got["x-forwarded-proto"] == ["http"]
    # NGINX Gateway Fabric tells the port apart.
    apart = fronted.proxy == "nginx-gateway-fabric"
    assert got["x-forwarded-host"] == ["127.0.0.1" if apart else f"127.0.0.1:{fronted.port}"]


async def test_the_cookie_of_an_ended_session_is_removed(fronted):
    for lines, status in ((("Accept: text/html", "Sec-Fetch-Mode: navigate"), 302), ((), 401)):
        answer = await fronted.ask("/notes", "Cookie: gatepost=old", *lines)
        assert answer.status == status
        assert [it.partition(b";")[0] for it in answer.all(b"set-cookie")] == [b"gatepost="]


async def test_no_second_http_is_tunnelled(fronted):
    for protocol in ("h2c", "H2C", "TLS/1.0", "HTTP/2.0", "websocket, h2c"):
        lines = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: A")
        answer = await fronted.ask("/public", *lines)
        assert answer.status in (200, 400, 403, 404), protocol
    for head in fronted.heads:
        assert b"\r\nupgrade:" not in head.lower()


async def test_the_endpoint_is_not_for_clients(fronted):
    lines = [
        f"X-Original-URL: {fronted.url}/public",
        "X-Original-Method: GET",
        "X-Forwarded-Uri: /public",
        "X-Forwarded-Method: GET",
    ]
    for target in ("/_gatepost/auth", "/_gatepost/auth?x", "/_gatepost/%61uth", "/_gatepost/auth/"):
        answer = await fronted.ask(target, *lines)
        assert answer.status in (400, 403, 404), target
        assert not answer.all(b"gatepost-assertion")


async def test_no_spelling_of_a_path_reaches_what_is_denied(fronted):
    for target in SPELLINGS:
        answer = await fronted.ask(target)
        assert answer.status != 200 or fronted.proxy == "caddy", (target, answer)
    # Caddy answers for hosts that it does not have with an empty 200.
    assert fronted.heads == []


async def test_a_websocket_is_for_pages_of_the_same_site(fronted):
    async with fronted.browser() as browser:
        cookie = await signed_in(fronted, browser)
    handshake = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert (await fronted.ask("/ws", *handshake)).status == 401
    answer = await fronted.ask("/ws", *handshake, cookie, "Origin: http://evil.test")
    assert answer.status == 403
    answer = await fronted.ask("/ws", *handshake, cookie, f"Origin: {fronted.url}")
    assert answer.status == 101
    assert fronted.got()["remote-user"] == ["alice"]


async def test_a_form_is_sent_by_its_own_site_only(fronted):
    async with fronted.browser() as browser:
        cookie = await signed_in(fronted, browser)
    sent = {"method": "POST", "body": b"a=b"}
    answer = await fronted.ask("/notes", cookie, f"Origin: {fronted.url}", **sent)
    assert answer.status == 200
    assert fronted.heads[-1].startswith(b"POST /notes ")
    assert (await fronted.ask("/notes", cookie, "Origin: http://evil.test", **sent)).status == 403
    assert (await fronted.ask("/notes", "Accept: text/html", **sent)).status == 401


async def test_a_key_and_a_token_say_who_asks(fronted, issuer):
    assert (await fronted.ask("/api", f"X-API-Key: {fronted.key}", method="POST")).status == 200
    assert fronted.got()["remote-user"] == ["ci"]
    assert (await fronted.ask("/api", f"Authorization: Bearer {issuer.token()}")).status == 200
    assert fronted.got()["remote-user"] == ["alice"]
    for line in (f"X-API-Key: {fronted.key[:-1]}", "Authorization: Bearer x.y.z"):
        answer = await fronted.ask("/api", line)
        assert answer.status == 401
        assert answer.all(b"www-authenticate")


@pytest.mark.parametrize("way", ["gateway", "app"])
async def test_after_a_sign_out_nobody_is_signed_in(fronted, way):
    async with fronted.browser() as browser:
        cookie = await signed_in(fronted, browser)
        assert (await fronted.ask("/notes", cookie)).status == 200
        if way == "gateway":
            await browser.sign_out()
        else:
            assert (await fronted.ask("/logout", cookie)).status == 200
            assert fronted.heads[-1].startswith(b"GET /logout ")
        assert (await fronted.ask("/notes", cookie)).status == 401


async def test_without_the_gateway_nothing_passes(fronted):
    await soon(asyncio.to_thread(fronted.gateway.stop))
    answer = await fronted.ask("/public")
    assert answer.status in (500, 502, 503)
    assert fronted.heads == []
