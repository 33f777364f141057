"""Credentials that are not the gateway's, on routes that leave them to the app to judge."""

import asyncio
from base64 import b64encode
from hashlib import sha256

import pytest
import yaml

from gateway.assembly.serving import clock
from gateway.credentials.key_format import new_key
from gateway.model import Identity
from gateway.settings.load import load
from tests.authn.issuer import AUDIENCE, INTROSPECTION
from tests.dataplane.harness import request, split_fields
from tests.oidc.hostile import tampered
from tests.patience import PATIENCE_S

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
KEY, UNKNOWN = new_key(bytes), new_key(lambda count: b"\1" * count)
BASIC = "Authorization: Basic " + b64encode(b"ann:secret").decode()
FOREIGN = "Authorization: Bearer app-token"
UPGRADE = ("Upgrade: x", "Connection: Upgrade")
PASSED = ("allow", "foreign-credential")
TOLD = (b"remote-", b"gatepost-assertion")


def route(name="api", access="signed_in", **settings):
    return {
        "name": name,
        "prefix": f"/{name}",
        "access": access,
        "foreign_credentials": "pass",
        **settings,
    }


def static():
    digest = sha256(KEY.encode()).hexdigest()
    return {"static": [{"name": "ci", "sha256": digest, "user": "alice"}]}


@pytest.fixture
def decided(gateway, raw_upstream):
    """Start a gateway: ``ask, app, running = await decided(route, …)``.

    ``await ask("/api", line, …)`` gives status, and decision and reason as they are counted.
    """

    async def start(*routes, app=OK, **settings):
        upstream = await raw_upstream(app)
        routes = routes or (route(),)
        settings = {"api_keys": static(), **settings}
        running = await gateway(upstream.url, routes=[*routes], **settings)
        metrics = running.gateway.lasting.metrics

        async def ask(target, *lines, method="GET"):
            before = dict(metrics.decisions)
            answer = await running.ask(request(target, *lines, method=method))
            async with asyncio.timeout(PATIENCE_S):
                while not (new := metrics.decisions.items() - before.items()):
                    await asyncio.sleep(0)
            (((_, decision, reason), _),) = new
            return answer.status, decision, reason

        return ask, upstream, running

    return start


def last(app):
    return split_fields(app.heads[-1].partition(b"\r\n")[2])


def tells_of_somebody(app):
    return [name for name, _ in last(app) if name.startswith(TOLD)]


@pytest.mark.parametrize("access", ["signed_in", "optional", {"allow": [{"group": "x"}]}])
@pytest.mark.parametrize("line", [FOREIGN, BASIC, "X-API-Key: app-key", "Authorization: Digest a"])
async def test_it_goes_on_untouched_and_without_identity(decided, line, access):
    ask, app, _ = await decided(route(access=access))

    assert await ask("/api", line, "Remote-User: root", "Gatepost-Assertion: x") == (200, *PASSED)
    name, _, value = line.partition(": ")
    assert (name.lower().encode(), value.encode()) in last(app)
    assert tells_of_somebody(app) == []


@pytest.mark.parametrize("line", [FOREIGN, BASIC, "X-API-Key: app-key"])
async def test_by_default_it_is_refused(decided, line):
    ask, app, _ = await decided(route(foreign_credentials="refuse"))

    assert await ask("/api", line) == (401, "deny", "unknown-credential")
    assert app.connections == 0


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        ([f"X-API-Key: {UNKNOWN}"], 401, "unknown-key"),
        ([f"Authorization: Bearer {UNKNOWN}"], 401, "unknown-key"),
        (["X-API-Key: gp_x"], 401, "malformed-credential"),
        (["Authorization: Bearer gp_at_x"], 401, "unknown-credential"),
        (["Authorization: Basic " + b64encode(b"x:gp_x").decode()], 401, "malformed-credential"),
        (["Authorization: Basic " + b64encode(b"gp_x:").decode()], 401, "unknown-credential"),
        (["Authorization: Token gp_x"], 401, "unknown-credential"),
        (["Authorization: "], 401, "unknown-credential"),
        # One that is bad beside one that is foreign.
        ([FOREIGN, f"X-API-Key: {UNKNOWN}"], 401, "unknown-key"),
        ([FOREIGN, "X-API-Key: gp_x"], 401, "malformed-credential"),
        (["Authorization: Bearer gp_x", "X-API-Key: app-key"], 401, "malformed-credential"),
        ([FOREIGN, FOREIGN], 400, "malformed-request"),
        (["X-API-Key: a", "X-API-Key: b"], 400, "repeated-credential"),
        ([FOREIGN, "X-API-Key: a", "X-API-Key: b"], 401, "unknown-credential"),
        ([FOREIGN, "Connection: Authorization"], 401, "unknown-credential"),
        ([], 401, "sign-in-required"),
        (["Accept: text/html"], 302, "sign-in-required"),
        (["X_API_Key: app-key"], 401, "sign-in-required"),
    ],
)
async def test_what_is_ours_and_bad_never_passes(decided, lines, status, reason):
    ask, app, _ = await decided()

    assert (await ask("/api", *lines))[::2] == (status, reason)
    assert app.connections == 0


async def test_a_key_of_ours_is_ours_where_no_keys_are_taken(decided):
    ask, app, _ = await decided(api_keys=None)

    assert await ask("/api", f"X-API-Key: {KEY}") == (401, "deny", "unknown-credential")
    assert await ask("/api", FOREIGN) == (200, *PASSED)
    assert app.connections == 1


async def test_a_token_of_our_issuer_never_passes_where_it_is_bad_or_not_taken(decided, issuer):
    closed = route("closed", credentials=["session"])
    bearer = [{"issuer": issuer.issuer, "audiences": [AUDIENCE]}]
    ask, app, _ = await decided(route(), closed, bearer=bearer)
    good = issuer.token()

    for token, reason in [
        (tampered(good), "invalid-token"),
        (issuer.token(exp=7), "token-expired"),
        (issuer.token(nonce="n"), "not-an-access-token"),
    ]:
        assert await ask("/api", f"Authorization: Bearer {token}") == (401, "deny", reason)
    for line in (f"Authorization: Token {good}", f"X-API-Key: {good}"):
        assert await ask("/api", line) == (401, "deny", "unknown-credential")
    for line in (f"Authorization: Bearer {good}", f"Authorization: bearer {good}="):
        assert await ask("/closed", line) == (401, "deny", "unknown-credential")
    assert app.connections == 0

    assert await ask("/api", f"Authorization: Bearer {good}") == (200, "allow", "allowed")
    theirs = issuer.token(iss="https://app.test")
    assert await ask("/closed", f"Authorization: Bearer {theirs}") == (200, *PASSED)
    assert (b"authorization", f"Bearer {theirs}".encode()) in last(app)


async def test_with_introspection_a_token_that_only_an_issuer_can_read_never_passes(
    decided, issuer
):
    closed = route("closed", credentials=["session"])
    bearer = [
        {"issuer": issuer.issuer, "audiences": [AUDIENCE], "introspection": INTROSPECTION},
    ]
    ask, app, _ = await decided(route(), closed, bearer=bearer)

    assert await ask("/api", FOREIGN) == (401, "deny", "token-inactive")
    assert await ask("/closed", FOREIGN) == (401, "deny", "unknown-credential")
    assert app.connections == 0
    assert issuer.count("/introspect") == 1
    for line in (BASIC, "X-API-Key: app-key"):
        assert await ask("/api", line) == (200, *PASSED)


@pytest.mark.parametrize("line", [FOREIGN, "X-API-Key: app-key"])
async def test_beside_a_session_it_goes_on_without_identity(decided, line):
    ask, app, running = await decided()
    cookie = (await running.sign_in()).strip().decode()

    assert await ask("/api", line, f"{cookie}; theme=dark") == (200, *PASSED)
    assert tells_of_somebody(app) == []
    assert [value for name, value in last(app) if name == b"cookie"] == [b"theme=dark"]
    # Without it, the session counts.
    assert await ask("/api", cookie) == (200, "allow", "allowed")
    assert (b"remote-user", b"alice") in last(app)


@pytest.mark.parametrize("access", ["signed_in", "optional"])
async def test_a_session_that_is_over_is_as_none_and_its_cookie_is_cleared(decided, access):
    ask, app, running = await decided(route(access=access))
    over = f"Cookie: gatepost={'A' * 64}"

    assert await ask("/api", FOREIGN, over) == (200, *PASSED)
    assert tells_of_somebody(app) == []
    assert b"cookie" not in dict(last(app))
    # Beside a good key it is bad, as it is everywhere.
    key = f"X-API-Key: {KEY}"
    assert await ask("/api", FOREIGN, key, over) == (401, "deny", "session-expired")
    answer = await running.ask(request("/api", FOREIGN, over))
    assert any(it.startswith(b"gatepost=;") for it in answer.all(b"set-cookie"))


@pytest.mark.parametrize(
    ("own", "foreign"),
    [
        (f"X-API-Key: {KEY}", FOREIGN),
        (f"Authorization: Bearer {KEY}", "X-API-Key: app-key"),
    ],
)
async def test_beside_a_good_key_of_ours_it_goes_on_alone(decided, own, foreign):
    ask, app, _ = await decided()

    assert await ask("/api", own, foreign) == (200, *PASSED)
    assert tells_of_somebody(app) == []
    assert KEY.encode() not in app.heads[-1]
    name, _, value = foreign.partition(": ")
    assert (name.lower().encode(), value.encode()) in last(app)


async def test_beside_a_good_token_of_our_issuer_it_goes_on_alone(decided, issuer):
    bearer = [{"issuer": issuer.issuer, "audiences": [AUDIENCE]}]
    ask, app, _ = await decided(bearer=bearer)
    token = f"Authorization: Bearer {issuer.token()}"

    for _ in range(2):
        assert await ask("/api", token, "X-API-Key: app-key") == (200, *PASSED)
        assert tells_of_somebody(app) == []
        assert b"authorization" not in dict(last(app))
        assert (b"x-api-key", b"app-key") in last(app)


async def test_a_key_for_other_routes_is_still_refused(decided):
    ask, app, running = await decided()
    owner = Identity(user="alice", subject="alice", issuer="https://id.test", credential="session")
    about = {"name": "ci", "scopes": [], "routes": ["other"], "lifetime_s": 60, "now": clock()}
    key, _ = await running.gateway.lasting.keys.create(owner, **about)

    assert await ask("/api", f"X-API-Key: {key}", FOREIGN) == (403, "deny", "key-not-for-route")
    assert app.connections == 0


@pytest.mark.parametrize("line", ["Origin: http://evil.test", "Sec-Fetch-Site: cross-site"])
async def test_a_foreign_page_does_nothing_with_a_session_and_what_the_browser_adds(decided, line):
    """A browser adds a password of Basic that it knows, as it adds cookies."""
    ask, app, running = await decided()
    cookie = (await running.sign_in()).strip().decode()

    refused = (403, "deny", "cross-site")
    assert await ask("/api", cookie, BASIC, line, "Content-Length: 0", method="POST") == refused
    assert await ask("/api", cookie, BASIC, line, *UPGRADE) == refused
    assert app.connections == 0
    assert await ask("/api", cookie, BASIC, line) == (200, *PASSED)
    own = "Origin: http://app.test"
    posted = await ask("/api", cookie, BASIC, own, "Content-Length: 0", method="POST")
    assert posted == (200, *PASSED)


@pytest.mark.parametrize(
    ("access", "status", "reason"),
    [
        ({"deny": [{"ip": "127.0.0.0/8"}]}, 403, "denied-by-rule"),
        ({"deny": [{"method": "GET"}]}, 403, "denied-by-rule"),
        ({"deny": [{"user": "bob"}]}, 200, "foreign-credential"),
        ({"allow": [{"ip": "10.0.0.0/8"}]}, 403, "ip-not-allowed"),
        ({"allow": [{"ip": "127.0.0.0/8", "user": "bob"}]}, 200, "foreign-credential"),
        ("public", 200, "public"),
        ("denied", 403, "denied"),
        ("gone", 410, "gone"),
        ("sign_in", 302, "sign-in-requested"),
    ],
)
async def test_what_would_be_refused_whoever_asked_is_refused(decided, access, status, reason):
    ask, app, _ = await decided(route(access=access))

    assert (await ask("/api", FOREIGN))[::2] == (status, reason)
    assert app.connections == (status == 200)


async def test_a_path_that_can_be_read_apart_is_refused(decided):
    ask, app, _ = await decided(route(), route("admin", "denied"))

    assert await ask("/api/..%2fadmin", FOREIGN) == (400, "error", "ambiguous-path")
    assert app.connections == 0


async def test_a_rate_is_by_address_whosever_the_credentials_are(decided):
    limit = {"requests": 2, "per": "1h", "by": "user"}
    ask, _, _ = await decided(route(rate_limit=limit))

    answers = [await ask("/api", f"Authorization: Bearer app-{number}") for number in range(3)]
    assert answers == [(200, *PASSED)] * 2 + [(429, "deny", "rate-limited")]


async def test_an_apps_cookies_keep_their_owner(decided):
    setting = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; HttpOnly\r\nContent-Length: 2\r\n\r\nok"
    _, app, running = await decided(app=setting)
    cookie = (await running.sign_in()).strip().decode()
    answer = await running.ask(request("/api", cookie))
    (hers,) = [it.split(b";")[0].decode() for it in answer.all(b"set-cookie") if b"sid" in it]

    async def sent(*lines):
        assert (await running.ask(request("/api", FOREIGN, *lines))).status == 200
        return dict(last(app)).get(b"cookie")

    assert await sent(f"{cookie}; {hers}") == b"sid=1"
    assert await sent(f"Cookie: {hers}") is None
    assert await sent(f"Cookie: gatepost={'A' * 64}; {hers}") is None


async def echo(connection):
    while await connection.read_head():
        await connection.send(SWITCH)
        while piece := await connection.reader.read(100):
            await connection.send(piece)


async def test_a_tunnel_is_not_tied_to_the_session_beside_it(decided):
    _, _, running = await decided(app=echo)
    cookie = (await running.sign_in()).strip().decode()
    tied, free = await running.client(), await running.client()
    assert (await tied.ask(request("/api", cookie, *UPGRADE))).status == 101
    assert (await free.ask(request("/api", cookie, FOREIGN, *UPGRADE))).status == 101

    own = "Sec-Fetch-Site: same-origin"
    ended = await running.ask(request("/_gatepost/api/sessions", cookie, own, method="DELETE"))
    assert ended.status == 204

    assert await tied.rest() == b""
    await free.send(b"still there")
    assert await free.reader.readexactly(11) == b"still there"


@pytest.mark.parametrize(
    ("changed", "stays"),
    [
        ({}, True),
        ({"foreign_credentials": "refuse"}, False),
        ({"access": "denied"}, False),
        ({"access": {"deny": [{"ip": "127.0.0.0/8"}]}}, False),
        ({"access": {"deny": [{"user": "bob"}]}}, True),
        ({"access": "public"}, True),
        ({"access": "optional", "foreign_credentials": "refuse"}, True),
    ],
)
async def test_a_tunnel_is_decided_again(decided, changed, stays):
    _, _, running = await decided(app=echo)
    client = await running.client()
    assert (await client.ask(request("/api", FOREIGN, *UPGRADE))).status == 101

    path = running.directory / "gatepost.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["routes"] = [route(**changed)]
    path.write_text(yaml.safe_dump(settings))
    await running.gateway.reload(load(path, {}).settings)

    if not stays:
        assert await client.rest() == b""
        return
    await client.send(b"still there")
    assert await client.reader.readexactly(11) == b"still there"


@pytest.mark.parametrize("headers", [{"set": {"Authorization": "Bearer s3cret"}}, {"remove": "*"}])
async def test_what_the_file_sets_or_removes_is_not_the_clients_to_send(
    gateway, raw_upstream, headers
):
    app = await raw_upstream(OK)
    if headers == {"remove": "*"}:
        headers = {"remove": ["Authorization", "X-API-Key"]}
    running = await gateway(app.url, {"request_headers": headers}, routes=[route()])

    assert (await running.ask(request("/api", FOREIGN))).status == 401
    key = await running.ask(request("/api", "X-API-Key: app-key"))
    assert key.status == (401 if "remove" in headers else 200)


async def test_a_deprecated_route_still_says_so(decided):
    going = {"since": "2020-01-01", "sunset": "2999-01-01"}
    _, _, running = await decided(route(deprecated=going))

    answer = await running.ask(request("/api", FOREIGN))
    assert answer.status == 200
    assert answer.all(b"sunset")


async def test_a_key_of_the_apps_own_in_a_field_that_never_reaches_it_is_refused(decided):
    ask, app, _ = await decided(api_keys={**static(), "header": "X-Auth-Token"})

    assert await ask("/api", "X-Auth-Token: of-the-app") == (401, "deny", "unknown-credential")
    assert (await ask("/api", f"X-Auth-Token: {KEY}"))[:2] == (200, "allow")
    assert len(app.heads) == 1
