"""Rules about messages to an MCP server, as exact bytes: read, decided, sent on as they came."""

import asyncio
import json

import pytest

from gateway.message.json_rpc import MAX_MESSAGE_BYTES
from tests.dataplane.harness import request
from tests.dataplane.test_forward_auth import DIALECTS, question
from tests.fixtures.network import counted_length

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MAY = [
    {"group": "staff", "mcp_method": ["initialize", "tools/list", "notifications/*"]},
    {"group": "staff", "mcp_tool": "read_*"},
    {"group": "staff", "method": ["GET", "DELETE"]},
    {"group": "admins", "mcp_method": "*"},
]
MCP = {"name": "mcp", "path": "/mcp", "access": {"allow": MAY}}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
JSON = "Content-Type: application/json"
LIST = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
CHUNKED = "Transfer-Encoding: chunked"


def call(tool):
    params = {"name": tool, "arguments": {"id": 7}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


READ, DELETE = call("read_note"), call("delete_note")


def post(body, *lines, target="/mcp"):
    return request(target, JSON, f"Content-Length: {len(body)}", *lines, method="POST", body=body)


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class App:
    """An app that keeps the bodies of what it is sent, with their framing."""

    def __init__(self):
        self.heads, self.bodies = [], []

    async def __call__(self, connection):
        while head := await connection.read_head():
            self.heads.append(head)
            if b"transfer-encoding: chunked" in head.lower():
                self.bodies.append(await connection.reader.readuntil(b"\r\n0\r\n"))
                while not self.bodies[-1].endswith(b"\r\n\r\n"):
                    self.bodies[-1] += await connection.reader.readuntil(b"\r\n")
            else:
                self.bodies.append(await connection.read(counted_length(head)))
            await connection.send(OK)


@pytest.fixture
async def serve(gateway, raw_upstream):
    """``running, app, ann = await serve()``: ann's Cookie line; she is in staff."""

    async def start(*routes, **settings):
        app = App()
        upstream = await raw_upstream(app)
        running = await gateway(upstream.url, routes=[*(routes or (MCP,)), REST], **settings)
        return running, app, (await running.sign_in("ann")).strip()

    return start


def reason(answer):
    return answer.status, json.loads(answer.body)["reason"]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (LIST, None),
        (READ, None),
        (DELETE, "mcp-method-not-allowed"),
        (b"[" + LIST + b"," + READ + b"]", None),
        (b"[" + LIST + b"," + DELETE + b"]", "mcp-method-not-allowed"),
        (b"[" + DELETE + b"," + LIST + b"]", "mcp-method-not-allowed"),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', "mcp-method-not-allowed"),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', None),
    ],
)
async def test_the_message_decides_and_arrives_as_it_came(serve, body, refused):
    running, app, ann = await serve()

    answer = await running.ask(post(body, ann))

    if refused is None:
        assert (answer.status, app.bodies) == (200, [body])
        assert b"\r\nContent-Length: %d\r\n" % len(body) in app.heads[0]
    else:
        assert (reason(answer), app.heads) == ((403, refused), [])


async def test_a_deny_that_meets_one_message_refuses_the_batch(serve):
    rule = {"deny": [{"mcp_tool": "delete_*"}]}
    running, app, ann = await serve({**MCP, "access": rule})

    batch = b"[%b,%b,%b]" % (LIST, DELETE, LIST)

    assert reason(await running.ask(post(batch, ann))) == (403, "denied-by-rule")
    assert (await running.ask(post(b"[%b,%b]" % (LIST, READ), ann))).status == 200
    assert len(app.heads) == 1


@pytest.mark.parametrize(
    ("body", "lines", "refused"),
    [
        (b"", [], (400, "mcp-unreadable")),
        (b"tools/list", [], (400, "mcp-unreadable")),
        (LIST.replace(b"2.0", b"2.1"), [], (400, "mcp-unreadable")),
        (LIST[:-1] + b',"method":"tools/call"}', [], (400, "mcp-unreadable")),
        (LIST, ["Content-Encoding: gzip"], (400, "mcp-unreadable")),
        (LIST, ["Content-Encoding: identity"], None),
        (LIST, ["Content-Type: text/plain"], (400, "mcp-unreadable")),
        (LIST, ["Mcp-Method: tools/list"], None),
        (READ, ["Mcp-Method: tools/call", "Mcp-Name: read_note"], None),
        (LIST, ["Mcp-Method: tools/call"], (400, "mcp-mismatch")),
        (READ, ["Mcp-Method: tools/call", "Mcp-Name: delete_note"], (400, "mcp-mismatch")),
        (LIST + b" " * (MAX_MESSAGE_BYTES - len(LIST)), [], None),
        (LIST + b" " * (MAX_MESSAGE_BYTES + 1 - len(LIST)), [], (413, "mcp-too-large")),
    ],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
async def test_what_cannot_be_judged_is_refused_whoever_asks(serve, body, lines, refused, chunked):
    running, app, _ = await serve()
    boss = (await running.sign_in("bo", groups=("admins",))).strip()

    sent = post(body, boss, *lines)
    if chunked:
        pieces = [body[at : at + 8192] for at in range(0, len(body), 8192)]
        framed = b"".join(map(chunk, pieces)) + chunk(b"")
        sent = request("/mcp", JSON, CHUNKED, boss, *lines, method="POST", body=framed)
    answer = await running.ask(sent)

    if refused is None:
        assert (answer.status, len(app.heads)) == (200, 1)
        assert app.bodies == [chunk(body) + chunk(b"") if chunked else body]
    else:
        assert (reason(answer), app.heads) == (refused, [])


async def test_chunks_and_trailers_arrive_and_the_connection_goes_on(serve):
    running, app, ann = await serve()
    client = await running.client()
    head = request("/mcp", JSON, CHUNKED, "Trailer: X-Sum", ann, method="POST")

    await client.send(head)
    for byte in READ[:20]:
        await client.send(chunk(bytes([byte])))
    await client.send(chunk(READ[20:]) + b"0\r\nX-Sum: 1\r\nX-API-Key: a\r\n\r\n" + post(LIST, ann))
    first, second = await client.response(), await client.response()

    assert (first.status, second.status) == (200, 200)
    assert app.bodies == [chunk(READ) + b"0\r\nX-Sum: 1\r\n\r\n", LIST]


async def test_a_client_that_waits_is_told_to_go_on_once_and_only_if_it_is_known(serve):
    running, app, ann = await serve()
    client = await running.client()
    head = [JSON, f"Content-Length: {len(READ)}", "Expect: 100-continue"]

    answer = await client.ask(request("/mcp", *head, method="POST"))
    assert (answer.status, answer.interim) == (401, [])

    client = await running.client()
    await client.send(request("/mcp", *head, ann, method="POST"))
    assert (await client.head()).status == 100
    await client.send(READ)
    answer = await client.response()
    assert (answer.status, answer.interim, app.bodies) == (200, [], [READ])
    assert b"expect" not in app.heads[0].lower()

    # The same fields elsewhere still say what the client says: the app decides whether to go on.
    await client.send(request("/other", *head, ann, method="POST", body=READ))
    assert (await client.response()).status == 200
    assert b"\r\nExpect: 100-continue\r\n" in app.heads[1]


async def test_without_a_credential_nothing_is_read(serve):
    running, app, _ = await serve()
    client = await running.client()

    # Not even the first byte of the body is there.
    answer = await client.ask(request("/mcp", JSON, "Content-Length: 60000", method="POST"))

    assert answer.status == 401
    assert app.heads == []


async def test_a_body_that_comes_too_slowly_is_408(serve):
    running, app, ann = await serve(server={"limits": {"header_timeout": "1500ms"}})
    client = await running.client()

    await client.send(post(LIST, ann)[:-9])
    for _ in range(3):  # Bytes that keep coming do not help.
        await asyncio.sleep(0.1)
        await client.send(LIST[-9:-8])

    answer = await client.response()
    assert (reason(answer), answer.closes) == ((408, "request-timeout"), True)
    assert await client.is_closed()
    assert app.heads == []


async def test_a_broken_chunk_is_400(serve):
    running, app, ann = await serve()
    sent = request("/mcp", JSON, CHUNKED, ann, method="POST", body=chunk(LIST) + b"zz\r\n")

    answer = await running.ask(sent)

    assert (reason(answer), answer.closes, app.heads) == ((400, "malformed-request"), True, [])


async def test_the_limit_of_bodies_holds_too(serve):
    running, app, ann = await serve(server={"limits": {"body_bytes": "1KiB"}})
    long = LIST + b" " * 1024

    sent = request("/mcp", JSON, CHUNKED, ann, method="POST", body=chunk(long) + chunk(b""))

    for it in (post(long, ann), sent):
        assert reason(await running.ask(it)) == (413, "body-too-large")
    assert app.heads == []


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(serve):
    running, app, ann = await serve()
    client = await running.client()

    await client.send(post(LIST, ann)[:-9])
    client.abort()

    assert (await running.ask(post(LIST, ann))).status == 200
    assert app.bodies == [LIST]


@pytest.mark.parametrize(
    ("method", "lines", "status"),
    [
        ("GET", [], 200),
        ("DELETE", [], 200),
        ("HEAD", [], 200),
        ("PUT", [], 403),
        ("GET", ["Content-Length: 0"], 200),
    ],
)
async def test_without_a_message_only_other_conditions_let_in(serve, method, lines, status):
    running, app, ann = await serve()

    answer = await running.ask(request("/mcp", ann, *lines, method=method))

    assert answer.status == status
    assert len(app.heads) == (status == 200)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_another_method_with_a_body_is_refused(serve, method):
    # An app that obeys X-HTTP-Method-Override would read it as a POST.
    running, app, ann = await serve()
    lines = [ann, JSON, f"Content-Length: {len(DELETE)}", "X-HTTP-Method-Override: POST"]

    answer = await running.ask(request("/mcp", *lines, method=method, body=DELETE))

    assert (reason(answer), app.heads) == ((400, "mcp-unreadable"), [])


@pytest.mark.parametrize("protocol", ["websocket", "mcp"])
async def test_no_tunnel_carries_messages_past_the_rules(serve, protocol):
    # Servers take MCP over WebSocket on the same path; nobody reads what goes through a tunnel.
    running, app, ann = await serve({**MCP, "access": {"deny": [{"mcp_tool": "delete_*"}]}})
    lines = [ann, "Connection: Upgrade", f"Upgrade: {protocol}"]

    answer = await running.ask(request("/mcp", *lines))

    assert (reason(answer), app.heads) == ((400, "mcp-unreadable"), [])
    assert (await running.ask(request("/other", *lines))).status == 200
    assert b"\r\nUpgrade: " in app.heads[0]


async def test_a_route_with_cors_lets_scripts_read_why(serve):
    cors = {"origins": ["https://spa.test"], "credentials": True}
    running, _, ann = await serve({**MCP, "cors": cors})
    origin = "Origin: https://spa.test"

    for body, status in ((DELETE, 403), (b"{}", 400), (READ, 200)):
        answer = await running.ask(post(body, ann, origin))
        assert answer.status == status
        assert answer.all(b"access-control-allow-origin") == [b"https://spa.test"]


async def test_a_rate_counts_only_what_passes(serve):
    limit = {"requests": 1, "per": "1h", "by": "user"}
    running, _, ann = await serve({**MCP, "rate_limit": limit})

    statuses = [(await running.ask(post(it, ann))).status for it in (DELETE, LIST, LIST)]

    assert statuses == [403, 200, 429]


async def test_other_routes_stream(serve):
    running, app, ann = await serve()
    client = await running.client()

    await client.send(post(b"x" * 9, ann, target="/other")[:-3])
    while not app.heads:
        # The head goes on before the body is whole.
        await asyncio.sleep(0)
    await client.send(b"xxx")

    assert (await client.response()).status == 200


async def test_the_audit_has_the_message_and_metrics_do_not(serve, tmp_path):
    log = tmp_path / "audit"
    running, _, ann = await serve(audit={"file": str(log)})
    for body in (LIST, DELETE, b"[%b,%b]" % (LIST, DELETE), call("x" * 200), b"{}"):
        await running.ask(post(body, ann))
    await running.ask(request("/mcp", ann))
    await running.ask(post(DELETE, ann, target="/other"))

    await running.gateway.stop()
    lines = [json.loads(it) for it in log.read_text().splitlines()]
    found = [
        tuple(it.get(name, "-") for name in ("mcp_method", "mcp_tool", "mcp_messages"))
        for it in lines
    ]
    assert found == [
        ("tools/list", None, "-"),
        ("tools/call", "delete_note", "-"),
        ("tools/call", "delete_note", 2),
        ("tools/call", "x" * 127 + "…", "-"),
        ("-", "-", "-"),
        ("-", "-", "-"),
        ("-", "-", "-"),
    ]
    assert [it["reason"] for it in lines][3:5] == ["mcp-method-not-allowed", "mcp-unreadable"]


async def test_a_route_that_is_not_enforced_sees_the_message_if_it_was_read(serve, tmp_path):
    log = tmp_path / "audit"
    stricter = {"allow": [{"mcp_method": "tools/list"}]}
    new = {"name": "new", "prefix": "/", "enforce": False, "access": stricter}
    running, _, ann = await serve(new, MCP, audit={"file": str(log)})

    for sent in (
        post(READ, ann),
        post(b"[%b,%b]" % (LIST, READ), ann),
        post(LIST, ann),
        post(LIST, ann, target="/other"),
        request("/other", ann),
    ):
        assert (await running.ask(sent)).status == 200
    await running.gateway.stop()

    shadows = [json.loads(it).get("shadow") for it in log.read_text().splitlines()]
    assert [(it["decision"], it["reason"]) for it in shadows] == [
        ("deny", "mcp-method-not-allowed"),
        ("deny", "mcp-method-not-allowed"),
        ("allow", "allowed"),
        ("unknown", "mcp-not-read"),
        ("deny", "mcp-method-not-allowed"),
    ]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_proxy_that_only_asks_is_told_no(gateway, dialect, method):
    running = await gateway(
        routes=[MCP, REST],
        forward_auth={"dialect": dialect},
        server={"trusted_proxies": ["127.0.0.1"]},
    )
    boss = (await running.sign_in("bo", groups=("admins", "staff"))).strip().decode()

    answer = await running.ask(question(dialect, "/mcp", boss, method=method))
    elsewhere = await running.ask(question(dialect, "/", boss, method=method))

    assert reason(answer) == (403, "mcp-not-read")
    assert elsewhere.status == 200
