"""The record of what was decided: what is in a line, and what never is."""

import html
import json
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.errors import StoreUnavailableError
from gateway.message.response import Response
from gateway.model import Identity
from gateway.record.audit import Entry, Lines, Words
from tests.builders import make_identity, make_request
from tests.e2e.people import Browser
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.network import take_free_port

AT = 1_795_342_800.25
SECRETS = {
    "cookie": "cookie-of-the-session",
    "authorization": "Bearer token-of-somebody",
    "x-api-key": "gp_key-of-somebody",
}


def make_entry(target=b"/reports?code=code-of-a-sign-in&state=state-of-a-sign-in"):
    fields = [(name.encode(), value.encode()) for name, value in SECRETS.items()]
    request = make_request(
        target, fields=fields, client="192.0.2.7", request_id="e902c886c6026950-2", at=AT
    )
    return Entry(request, None, peer="192.0.2.7", trusted=False, began_at=0.0)


def words_of(entry, status=200):
    return Words(entry.route, entry.request.method, status, entry.decision, entry.reason)


def record_of(entry, status=403, duration_s=0.0004):
    text = Lines().line(entry, words_of(entry, status), duration_s)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    return json.loads(text)


def test_a_line_says_who_asked_for_what_and_what_was_decided():
    entry = make_entry()
    entry.route = "reports"
    entry.identity = Identity(
        user="alice",
        subject="a1",
        issuer="https://id.example.com",
        credential="session",
        session_id="b1946ac92492",
    )
    entry.decide("deny", "not-allowed")

    assert record_of(entry) == {
        "time": "2026-11-22T10:20:00.250Z",
        "request_id": "e902c886c6026950-2",
        "route": "reports",
        "method": "GET",
        "path": "/reports",
        "decision": "deny",
        "reason": "not-allowed",
        "user": "alice",
        "credential": "session",
        "session": "b1946ac92492",
        "ip": "192.0.2.7",
        "status": 403,
        "duration_ms": 0.4,
    }


def test_what_nobody_decided_is_an_error():
    record = record_of(make_entry())

    assert (record["decision"], record["reason"]) == ("error", "internal-error")
    assert (record["route"], record["user"], record["session"]) == (None, None, None)


def test_a_failure_is_named_by_its_reason():
    entry = make_entry()
    entry.note(StoreUnavailableError("redis: get: the password was hunter2"))

    assert record_of(entry)["reason"] == "store-unavailable"
    assert "hunter2" not in json.dumps(record_of(entry))


def test_no_query_and_no_credential_is_in_a_line():
    text = json.dumps(record_of(make_entry()))

    assert not [word for word in ("-of-a-sign-in", "-of-somebody", "-of-the") if word in text]


@pytest.mark.parametrize("path", ["/a%0Ab", "/a%22%7D", "/%F0%9F%98%80", "/a%5C", "/%E2%80%A8"])
def test_nothing_in_a_path_makes_another_line(path):
    record = record_of(make_entry(path.encode()))

    assert record["path"].startswith("/")


@pytest.mark.parametrize(
    "user", ['a\r\n{"decision":"allow"}', 'a","decision":"allow', "a\\", "a\x00\x1b[2Jb", "\x7f"]
)
def test_nothing_in_a_name_makes_another_line_or_member(user):
    entry = make_entry()
    entry.identity = make_identity(user)
    entry.decide("deny", "not-allowed")

    record = record_of(entry)
    assert (record["user"], record["decision"]) == (user, "deny")


def test_a_name_no_encoding_has_is_written_all_the_same():
    entry = make_entry()
    entry.identity = make_identity("a\ud800b")

    assert record_of(entry)["user"] == "a?b"


async def test_no_secret_of_a_sign_in_is_ever_logged(gateway_process, demo_provider, raw_upstream):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    gateway = gateway_process(
        {
            "server": {"listen": address},
            "upstreams": {"app": upstream.url},
            "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
        },
    )
    secrets = set()
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
    async with aiohttp.ClientSession(gateway.base_url, cookie_jar=jar) as browser:

        async def visit(target, **headers):
            async with browser.get(target, headers=headers, allow_redirects=False) as response:
                secrets.update(cookie.value for cookie in jar if len(cookie.value) > 8)
                return response.status, response.headers.get("Location", "")

        _, there = await visit("/_gatepost/login/oidc?return_to=/page%3Ftoken%3Dof-the-app-123")
        secrets |= {parse_qs(urlsplit(there).query)[name][0] for name in ("state", "nonce")}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as at_provider:
            back = await sign_in_at_demo_provider(at_provider, html.unescape(there), "alice")
        secrets |= {parse_qs(urlsplit(back).query)[name][0] for name in ("code", "state")}
        assert (await visit(back))[0] == 302
        assert (await visit("/page?token=of-the-app-123"))[0] == 200
        # What goes wrong is logged at length, and is where secrets leak.
        jar.clear()
        assert (await visit(back))[0] >= 400
        bad = {"Cookie": f"gatepost={'Z' * 64}", "Authorization": "Bearer of-somebody-456"}
        assert (await visit("/page?token=of-the-app-123", **bad))[0] == 401
        assert (await visit("/%ZZ?token=of-the-app-123", **bad))[0] >= 400
    gateway.wait_for_audit(route="everything", status=200)
    assert gateway.stop() == 0

    assert len(secrets) >= 5
    secrets |= {"of-the-app-123", "of-somebody-456", "Z" * 64}
    assert [secret for secret in secrets if secret in gateway.log()] == []


async def test_endpoints_say_what_came_of_it_and_for_whom(
    gateway_process, demo_provider, raw_upstream
):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    address = f"127.0.0.1:{take_free_port()}"
    redirect_uri = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [redirect_uri]})
    gateway = gateway_process(
        {
            "server": {"listen": address},
            "upstreams": {"app": upstream.url},
            "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
        },
    )
    async with Browser(gateway.base_url) as browser:
        await browser.whoami()
        for name in ("nothing", "callback/oidc?state=x&code=y"):
            async with browser.session.get(f"{gateway.base_url}/_gatepost/{name}"):
                pass
        assert (await browser.sign_in("alice"))[0] == 302
        await browser.whoami()
        await browser.sign_out()
    provider.stop()
    async with Browser(gateway.base_url) as late:
        url = f"{gateway.base_url}/_gatepost/logout"
        async with late.session.post(url, headers={"Origin": "http://evil.test"}):
            pass
    gateway.wait_for_audit(path="/_gatepost/logout", status=403)

    told = [(it["path"], it["status"], it["decision"], it["reason"], it["user"])
            for it in gateway.audit() if it["route"] == "gatepost"]  # fmt: skip
    callback = "/_gatepost/callback/oidc"
    assert told == [
        ("/_gatepost/whoami", 401, "deny", "sign-in-required", None),
        ("/_gatepost/nothing", 404, "deny", "no-route", None),
        (callback, 400, "deny", "state-mismatch", None),
        ("/_gatepost/login/oidc", 302, "allow", "endpoint", None),
        (callback, 302, "allow", "endpoint", "user-alice"),
        ("/_gatepost/whoami", 200, "allow", "endpoint", "user-alice"),
        ("/_gatepost/logout", 303, "allow", "endpoint", "user-alice"),
        ("/_gatepost/logout", 403, "deny", "cross-site", None),
    ]


def test_what_fails_in_an_endpoint_is_an_error_with_its_reason():
    entry = make_entry()
    entry.decide("allow", "endpoint")
    entry.note_answer(Response(503, reason="store-unavailable"))

    record = record_of(entry, 503)
    assert (record["decision"], record["reason"]) == ("error", "store-unavailable")


def test_one_line_does_not_look_like_the_one_before():
    lines, first, second = Lines(), make_entry(), make_entry(b"/b%22")
    second.identity = make_identity('bob"', credential="bearer")
    second.decide("allow", "allowed")

    for _ in range(2):
        one, two = (json.loads(lines.line(it, words_of(it), 0.0015)) for it in (first, second))
        assert (one["path"], one["user"], one["decision"]) == ("/reports", None, "error")
        assert (two["path"], two["user"], two["decision"]) == ('/b"', 'bob"', "allow")
        assert two["duration_ms"] == 1.5


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-11-22T10:20:00.250Z"),
        (AT + 0.0005, "2026-11-22T10:20:00.250Z"),
        (AT + 0.0075, "2026-11-22T10:20:00.257Z"),
        (AT + 1, "2026-11-22T10:20:01.250Z"),
        (AT - 0.25, "2026-11-22T10:20:00.000Z"),
    ],
)
def test_a_time_is_told_to_the_millisecond(at, text):
    lines = Lines()
    lines.time(AT)

    assert lines.time(at) == text
    assert lines.time(at) == text


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x7f", "\x9b", "\n", "\r", '"'])
def test_no_mark_ends_a_line_or_commands_a_terminal(mark):
    """Readers take U+2028, U+2029 and U+0085 for the end of a line, and C1 for a command."""
    entry = make_entry(f"/a{mark}b".encode() if mark not in "\n\r\x7f" else b"/a")
    entry.identity = make_identity(f"x{mark}y", session_id="1")

    text = Lines().line(entry, words_of(entry), 0.1)
    assert len(text.decode().splitlines()) == 1
    assert mark == '"' or mark.encode() not in text[:-1]
    assert json.loads(text)["user"] == f"x{mark}y"


@pytest.mark.parametrize(
    "target",
    [
        b"/app;jsessionid=secret-id/x",
        b"/cb%3Fcode=secret-id",
        b"/cb%23secret-id",
        b"/a;b;secret-id",
    ],
)
def test_what_stands_behind_a_path_is_cut(target):
    record = record_of(make_entry(target))

    assert record["path"] in ("/app…", "/cb…", "/a…")
    assert "secret-id" not in str(record)
