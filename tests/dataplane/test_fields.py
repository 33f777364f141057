"""Which fields reach the app, and which reach the client, in whatever spelling they come."""

import asyncio
from pathlib import Path

import pytest

from tests.dataplane.harness import Client, request, split_fields

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LISTS = Path(__file__).parents[3] / "shared" / "data" / "lists"
SIGNED_IN = [{"name": "all", "prefix": "/", "access": "signed_in"}]

# Everything the gateway writes towards an app where nobody is signed in.
WRITTEN = {
    b"host",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"forwarded",
    b"x-request-id",
    b"traceparent",
}
IDENTITY = [
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "Remote-Anything",
    "X-Remote-User",
    "X-Remote-Groups",
    "X-Auth-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "Forwarded",
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Authenticated-User",
    "X-Authenticated-Groups",
    "X-WebAuth-User",
    "Gatepost-Assertion",
    "Gatepost-Anything",
    "X-App-User",  # Configured below.
    "X-Secret",
    "X-Debug",
    "X-Request-Id",
    "Traceparent",
]
CONFIGURED = {
    "identity": {"headers": {"X-App-User": "{user}"}},
    "request_headers": {"set": {"X-Secret": "from the file"}, "remove": ["X-Debug"]},
}


def spellings(name: str) -> list[str]:
    """`name` in the ways servers may take for the same."""
    return [
        name,
        name.lower(),
        name.upper(),
        name.replace("-", "_"),
        name.upper().replace("-", "_"),
        name.replace("-", "_", 1),
        name.replace("-", "."),
        name.replace("-", "~", 1),
        name.swapcase(),
    ]


def seen_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    return split_fields(head.partition(b"\r\n")[2])


@pytest.fixture(params=["public", "signed_in"])
async def app(request, raw_upstream, gateway):
    """Asks the app behind a route of either kind, and gives the fields it saw."""
    upstream = await raw_upstream(OK)
    routes = [{"name": "all", "prefix": "/", "access": request.param}]
    running = await gateway(upstream.url, CONFIGURED, routes=routes)
    cookie = await running.sign_in() if request.param == "signed_in" else b""

    async def ask(*lines: str | bytes):
        sent = [*lines, cookie.strip()] if cookie else list(lines)
        answer = await running.ask(_request("/", *sent))
        assert answer.status == 200, answer
        return seen_fields(upstream.heads[-1])

    return ask


_request = request


async def test_no_spelling_of_our_names_gets_through(app):
    lines = [f"{n}: forged-{i}" for i, name in enumerate(IDENTITY) for n in spellings(name)]

    # As many as a request may have, each of them twice.
    for at in range(0, len(lines), 240):
        some = lines[at : at + 240]
        seen = await app(*some, *some)
        assert [pair for pair in seen if b"forged" in pair[1]] == []


async def test_the_same_bytes_from_a_client_and_by_a_proxy_are_two_requests(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, server={"trusted_proxies": ["127.0.0.2", "127.0.0.3"]})
    sent = request("/", "X-Forwarded-For: 127.0.0.1")

    async def hops(address: str) -> bytes:
        there = await asyncio.open_connection("127.0.0.1", running.port, local_addr=(address, 0))
        client = Client(*there)
        assert (await client.ask(sent)).status == 200
        client.abort()
        return dict(seen_fields(upstream.heads[-1]))[b"x-forwarded-for"]

    for _ in range(2):
        assert await hops("127.0.0.1") == b"127.0.0.1"
        assert await hops("127.0.0.2") == b"127.0.0.1, 127.0.0.2"
        assert await hops("127.0.0.3") == b"127.0.0.1, 127.0.0.3"


async def test_naming_a_field_in_connection_neither_lets_it_in_nor_ours_out(app):
    names = [n for name in IDENTITY for n in spellings(name)]
    names += ["Host", "Cookie", "Content-Length", "Transfer-Encoding", "Authorization"]
    before = {name for name, _ in await app()}

    seen = await app(f"Connection: {', '.join(names)}", *[f"{n}: forged" for n in IDENTITY])
    assert [pair for pair in seen if b"forged" in pair[1]] == []
    assert {name for name, _ in seen} == before


async def test_what_is_named_in_connection_is_not_passed_on(app):
    seen = dict(await app("Connection: close, X-One,x-two", "X-One: 1", "X-Two: 2", "X-Three: 3"))

    assert seen[b"x-three"] == b"3"
    assert not {b"x-one", b"x-two", b"connection"} & seen.keys()


@pytest.mark.parametrize(
    "line",
    [
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eA==",
        "TE: gzip",
        "Upgrade: websocket",
        "HTTP2-Settings: x",
        "keep_alive: 1",
        "Proxy: http://evil.test",
        "tracestate: forged=1",
    ],
)
async def test_fields_of_one_connection_and_its_proxies_stay_there(app, line):
    name = line.partition(":")[0].lower().encode()
    assert name not in dict(await app(line))


async def test_all_else_passes_as_it_was_sent_and_in_order(app):
    sent = [
        (b"aCcePt", b"a,  b"),
        (b"X-Empty", b""),
        (b"X-Twice", b"1"),
        (b"X-Bytes", b"\xff\xfe\x80"),
        (b"x-twice", b"2"),
        (b"X_Under", b"\ttabs\tinside"),
        (b"Origin", b"http://app.test"),
        (b"X-Long", b"y" * 9000),
        (b"!#$%&'*+-.^_`|~09az", b"odd"),
        (b"Accept-Encoding", b"br"),
    ]
    seen = await app(*[n + b": " + v for n, v in sent])

    names = {n.lower() for n, _ in sent}
    assert [p for p in seen if p[0] in names] == [(n.lower(), v.strip()) for n, v in sent]


async def test_whatever_the_gateway_says_stands_before_what_the_client_sent(raw_upstream, gateway):
    """Some servers read the first fields only, and Node keeps a thousand of them."""
    upstream = await raw_upstream(OK)
    extra = {"request_headers": {"set": {"X-Secret": "from the file"}}}
    running = await gateway(upstream.url, extra, routes=SIGNED_IN)
    cookie = (await running.sign_in()).strip()

    for count in (0, 1, 498):
        sent = request("/", cookie, *["A: b"] * count, method="POST", body=b"")
        assert (await running.ask(sent)).status == 200
        names = [name for name, _ in seen_fields(upstream.heads[-1])]
        own, rest = names[: len(names) - count], names[len(names) - count :]
        assert rest == [b"a"] * count
        assert own[0] == b"host"
        assert set(own) == WRITTEN | {
            b"remote-user", b"remote-email", b"remote-groups", b"gatepost-assertion", b"x-secret"
        }  # fmt: skip


async def test_what_another_proxy_says_reaches_only_the_app_that_asks_for_it(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    sent = request("/", "X-Real-IP: 203.0.113.9", "Cf-Access-Token: x", "X-Authelia-User: y")

    for kept, seen in (
        ([], set()),
        (["X-Real-IP", "cf_access_*"], {b"x-real-ip", b"cf-access-token"}),
    ):
        running = await gateway(upstream.url, {"request_fields_kept": kept})
        assert (await running.ask(sent)).status == 200
        assert {name for name, _ in seen_fields(upstream.heads[-1])} == WRITTEN | seen


async def test_nothing_is_added_that_nobody_asked_for(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)

    answer = await running.ask(request("/"))
    assert {name for name, _ in seen_fields(upstream.heads[0])} == WRITTEN
    assert answer.fields == [(b"content-length", b"2")]


@pytest.mark.parametrize("list_name", ["nomore403_headers.txt", "nomore403_simpleheaders.txt"])
async def test_no_field_people_walk_around_rules_with_changes_who_or_what_is_asked(
    raw_upstream, gateway, list_name
):
    path = LISTS / list_name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    upstream = await raw_upstream(OK)
    running = await gateway(
        upstream.url,
        routes=[
            {"name": "admin", "prefix": "/admin", "access": "denied"},
            {"name": "all", "prefix": "/", "access": "public"},
        ],
    )
    for line in path.read_text().split("\n"):
        name, _, value = line.partition(" ")
        if not name or name.lower() in ("host", "content-length", "connection"):
            continue
        for field in (name, name.replace("-", "_")):
            shown = f"{field}: {value or '127.0.0.1'}"
            assert (await running.ask(request("/admin/x", shown))).status == 403
            answer = await running.ask(request("/open", shown))
            if answer.status == 200:
                head = upstream.heads[-1]
                assert head.startswith(b"GET /open HTTP/1.1\r\n")
                assert (b"x-forwarded-for", b"127.0.0.1") in seen_fields(head)
    assert not [head for head in upstream.heads if b"/admin" in head.split(b"\r\n")[0]]


async def test_the_app_hears_who_asked_and_how(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, routes=SIGNED_IN)
    answer = await running.ask(request("/", (await running.sign_in()).strip()))

    seen = dict(seen_fields(upstream.heads[0]))
    assert answer.status == 200
    assert seen[b"remote-user"] == b"alice"
    assert seen[b"remote-email"] == b"alice@example.com"
    assert seen[b"remote-groups"] == b"staff,all"
    assert seen[b"gatepost-assertion"].count(b".") == 2
    assert seen[b"x-forwarded-for"] == b"127.0.0.1"
    assert seen[b"x-forwarded-proto"] == b"http"
    assert seen[b"x-forwarded-host"] == b"app.test"
    assert b"cookie" not in seen


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_what_a_stranger_says_of_the_request_does_not_count(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    await running.ask(
        request(
            "/",
            "X-Forwarded-For: 198.51.100.7",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil.test",
            "X-Forwarded-Port: 8443",
            "Forwarded: for=198.51.100.7;host=evil.test;proto=https",
            "X-Real-IP: 198.51.100.7",
            "X-Request-Id: forged",
            f"traceparent: {TRACE}",
        )
    )

    head = upstream.heads[0]
    assert b"198.51" not in head
    assert b"evil" not in head
    assert b"forged" not in head
    assert TRACE.encode() not in head
    seen = dict(seen_fields(head))
    assert seen[b"x-forwarded-for"] == b"127.0.0.1"
    assert seen[b"forwarded"] == b'for=127.0.0.1;host="app.test";proto=http'
    assert seen[b"x-forwarded-port"] == b"80"


async def test_what_a_trusted_proxy_says_counts(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(
        upstream.url,
        public_url=["http://app.test", "https://notes.test"],
        server={"trusted_proxies": ["127.0.0.1"]},
    )
    answer = await running.ask(
        request(
            "/",
            "X-Forwarded-For: 203.0.113.9, 198.51.100.7",
            "X-Forwarded-Host: notes.test",
            "X-Forwarded-Proto: https",
            "X-Request-Id: from-the-proxy",
            f"traceparent: {TRACE}",
            "tracestate: a=b",
        )
    )

    assert answer.status == 200
    seen = dict(seen_fields(upstream.heads[0]))
    assert seen[b"x-forwarded-for"] == b"203.0.113.9, 198.51.100.7, 127.0.0.1"
    assert seen[b"x-forwarded-host"] == b"notes.test"
    assert seen[b"x-forwarded-proto"] == b"https"
    assert seen[b"x-request-id"] == b"from-the-proxy"
    assert seen[b"traceparent"] == TRACE.encode()
    assert seen[b"tracestate"] == b"a=b"


@pytest.mark.parametrize(
    ("lines", "status", "host", "port"),
    [
        # What the proxy says of the port decides which of the served hosts is meant.
        (["X-Forwarded-Host: notes.test", "X-Forwarded-Port: 8443"], 200, "notes.test:8443", 8443),
        (["X-Forwarded-Host: notes.test:8443"], 200, "notes.test:8443", 8443),
        (
            ["X-Forwarded-Host: notes.test:8443", "X-Forwarded-Port: 80"],
            200,
            "notes.test:8443",
            8443,
        ),
        # The host is known without: this may be the port that the proxy itself listens on.
        (["X-Forwarded-Port: 8443"], 200, "app.test", 80),
        (["X-Forwarded-Port: 443"], 200, "app.test", 80),
        (["X-Forwarded-Host: notes.test"], 421, "", 0),
        (["X-Forwarded-Host: notes.test", "X-Forwarded-Port: 443"], 421, "", 0),
        (["X-Forwarded-Host: notes.test", "X-Forwarded-Port: 08443"], 421, "", 0),
        (["X-Forwarded-Host: notes.test", "X-Forwarded-Port: 8443, 8443"], 421, "", 0),
        (["X-Forwarded-Host: notes.test", *["X-Forwarded-Port: 8443"] * 2], 421, "", 0),
        (["X-Forwarded-Host: notes.test", "X-Forwarded-Port: 8443@evil.test"], 421, "", 0),
    ],
)
async def test_a_trusted_proxy_says_which_port_was_asked(
    raw_upstream, gateway, lines, status, host, port
):
    upstream = await raw_upstream(OK)
    running = await gateway(
        upstream.url,
        public_url=["http://app.test", "https://notes.test:8443"],
        server={"trusted_proxies": ["127.0.0.1"]},
    )

    assert (await running.ask(request("/", *lines))).status == status
    for head in upstream.heads:
        seen = dict(seen_fields(head))
        assert seen[b"x-forwarded-host"] == host.encode()
        assert seen[b"x-forwarded-port"] == str(port).encode()
        assert f'host="{host}"'.encode() in seen[b"forwarded"]


@pytest.mark.parametrize(
    "value",
    [
        b"gatepost=planted",
        b"gatepost=; Max-Age=0",
        b"__Host-gatepost=planted; Secure; Path=/",
        b"gatepost-flow-x=1",
        b" gatepost =planted",
        b"gatepost",
        b"gatepost=a; HttpOnly",
    ],
)
async def test_no_app_sets_or_clears_a_cookie_of_ours(raw_upstream, gateway, value):
    upstream = await raw_upstream(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: app=1\r\nsEt-cOOkie: " + value + b"\r\n"
        b"Set-Cookie: other=2\r\nContent-Length: 2\r\n\r\nok"
    )
    answer = await (await gateway(upstream.url)).ask(request("/"))

    assert answer.all(b"set-cookie") == [b"app=1", b"other=2"]


@pytest.mark.parametrize(
    "hidden", [*(c.encode() for c in ("\u200b", "\xad", "\xa0", "\u2028", "\t")), b"\xff"]
)
async def test_no_app_sets_a_cookie_of_ours_as_it_signs_out(raw_upstream, gateway, hidden):
    planted = b"gate" + hidden + b"post=planted; Path=/x"
    upstream = await raw_upstream(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + planted + b"\r\nContent-Length: 2\r\n\r\nok"
    )
    routes = [{"name": "all", "prefix": "/", "access": "signed_in"}]
    leaving = {"logout_paths": ["/bye"], "logout_then": "page"}
    running = await gateway(upstream.url, leaving, routes=routes)
    cookie = (await running.sign_in()).strip()

    sent = request("/bye", cookie, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin")
    answer = await running.ask(sent)

    assert answer.body != b"ok"
    assert not [value for value in answer.all(b"set-cookie") if b"planted" in value]


@pytest.mark.parametrize("access", ["public", "signed_in"])
async def test_our_cookie_never_reaches_the_app_and_the_others_do(raw_upstream, gateway, access):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, routes=[{"name": "all", "prefix": "/", "access": access}])
    ours = (await running.sign_in()).partition(b" ")[2].strip()

    for sent in (
        [b"Cookie: a=1; " + ours + b"; b=2"],
        [b"Cookie: a=1", b"cookie: " + ours, b"COOKIE: b=2"],
        [b"Cookie: a=1;" + ours + b";gatepost-flow-x=3;__Host-gatepost=4;b=2"],
    ):
        assert (await running.ask(request("/", *sent))).status == 200
        seen = seen_fields(upstream.heads[-1])
        assert [v for n, v in seen if n == b"cookie"] == [b"a=1; b=2"]
        assert b"gatepost=" not in upstream.heads[-1]


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("Authorization: Bearer gp_abc", False),
        ("Authorization: bearer  gp_abc", False),
        ("Authorization: gp_abc", False),
        ("Authorization: Token gp_abc", False),
        ("Authorization: Basic dXNlcjpncF9hYmM=", False),
        ("Authorization: Basic Z3BfYWJjOg==", False),
        ("X-API-Key: gp_abc", False),
        ("x_api_key: gp_abc", False),
        ("Authorization: Bearer eyJhbGciOiJub25lIn0.e30.", True),
        ("Authorization: Basic dXNlcjpwYXNz", True),
        ("Authorization: Digest username=gp_abc", True),
        ("X-API-Key: theirs", True),
    ],
)
async def test_on_a_public_route_only_keys_of_ours_are_kept_from_the_app(
    raw_upstream, gateway, line, passes
):
    upstream = await raw_upstream(OK)
    assert (await (await gateway(upstream.url)).ask(request("/", line))).status == 200

    name, _, value = line.partition(": ")
    pair = (name.lower().encode(), value.encode())
    assert (pair in seen_fields(upstream.heads[0])) is passes
    assert (b"gp_" in upstream.heads[0]) is (passes and "gp_" in line)


async def test_fields_of_the_response_pass_as_sent_less_those_of_one_connection(
    raw_upstream, gateway
):
    upstream = await raw_upstream(
        b"HTTP/1.1 299 Fine\r\nX-A: 1\r\nConnection: x-named, keep-alive\r\n"
        b"Keep-Alive: timeout=5\r\n"
        b"X-Named: gone\r\nProxy-Connection: x\r\nx-a:  2 \r\nX-Bytes: \xff\r\nUpgrade: h2\r\n"
        b"X-Remove: 1\r\nX-Set: theirs\r\nContent-Length: 2\r\nServer: s\r\n\r\nok"
    )
    running = await gateway(
        upstream.url, {"response_headers": {"set": {"X-Set": "ours"}, "remove": ["x-remove"]}}
    )

    answer = await running.ask(request("/"))
    assert answer.line == b"HTTP/1.1 299 Fine"
    assert sorted(answer.fields) == sorted(
        [
            (b"x-a", b"1"),
            (b"x-a", b"2"),
            (b"x-bytes", b"\xff"),
            (b"content-length", b"2"),
            (b"server", b"s"),
            (b"x-set", b"ours"),
        ]
    )


@pytest.mark.parametrize(
    "target",
    ["/%41", "/a?b=%2F..%5c&&c#"[:-1], "/[x]", "/a%20b?", "/?", "/é?ü".encode().decode("latin-1"),
     "/a/b/?x=/../y", "/~user/!$&'()*+,=:@", "/" + "a" * 3000 + "?" + "b" * 3000],
)  # fmt: skip
async def test_the_target_goes_on_byte_for_byte(raw_upstream, gateway, target):
    upstream = await raw_upstream(OK)
    raw = target.encode("latin-1")
    sent = b"GET " + raw + b" HTTP/1.1\r\nHost: app.test\r\n\r\n"

    assert (await (await gateway(upstream.url)).ask(sent)).status == 200
    assert upstream.heads[0].startswith(b"GET " + raw + b" HTTP/1.1\r\n")


async def test_each_request_has_an_id_of_its_own(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url)
    await asyncio.gather(*[running.ask(request("/")) for _ in range(20)])

    for name in (b"x-request-id", b"traceparent"):
        assert len({dict(seen_fields(head))[name] for head in upstream.heads}) == 20


@pytest.mark.parametrize(
    ("line", "office", "abroad"),
    [
        ("X-Forwarded-For: 192.0.2.1", 200, 200),
        ("X-Forwarded-For: 203.0.113.9", 403, 403),
        ("X-Forwarded-For: 203.0.113.9, unknown", 403, 403),
        ("X-Forwarded-For: 203.0.113.9,", 403, 403),
        ("X-Forwarded-For: 192.0.2.1, ", 403, 403),
        ("Forwarded: for=unknown", 403, 403),
        ("Forwarded: for=_x", 403, 403),
        ('Forwarded: for="203.0.113.9, for=127.0.0.1"', 403, 403),
        ('Forwarded: for="192.0.2.1', 403, 403),
    ],
)
async def test_a_client_whose_address_is_unknown_is_let_in_by_none_and_meets_every_deny(
    raw_upstream, gateway, line, office, abroad
):
    networks = ["127.0.0.0/8", "192.0.2.0/24"]
    running = await gateway(
        (await raw_upstream(OK)).url,
        server={"trusted_proxies": ["127.0.0.1"]},
        routes=[
            {"name": "office", "prefix": "/office", "access": {"allow": [{"ip": networks}]}},
            {"name": "abroad", "prefix": "/", "access": {"deny": [{"ip": "203.0.113.0/24"}]}},
        ],
    )
    cookie = (await running.sign_in()).strip()

    assert (await running.ask(request("/office", cookie, line))).status == office
    assert (await running.ask(request("/abroad", cookie, line))).status == abroad


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: app.test"), 200),
        (("X-Forwarded-Host: app.test", "Forwarded: for=127.0.0.1;host=other.test"), 400),
        (("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1;host=other.test"), 400),
        (("X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1;proto=http"), 400),
        (("X-Forwarded-For: 192.0.2.1", "Forwarded: for=203.0.113.9"), 400),
    ],
)
async def test_a_proxy_whose_two_dialects_disagree_is_refused(raw_upstream, gateway, lines, status):
    running = await gateway(
        (await raw_upstream(OK)).url,
        public_url=["http://app.test", "http://other.test"],
        server={"trusted_proxies": ["127.0.0.1"]},
    )

    assert (await running.ask(request("/", *lines))).status == status


async def test_an_open_quote_swallows_nothing_that_the_gateway_says(raw_upstream, gateway):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, server={"trusted_proxies": ["127.0.0.1"]})
    line = 'Forwarded: for="open, for=192.0.2.1'

    assert (await running.ask(request("/", line))).status == 200
    hops = dict(seen_fields(upstream.heads[0]))[b"forwarded"]
    assert hops == b'for=192.0.2.1, for=127.0.0.1;host="app.test";proto=http'


async def test_https_in_front_of_a_public_url_with_http_is_logged_if_the_proxy_is_trusted(
    raw_upstream, gateway, caplog
):
    upstream = await raw_upstream(OK)
    running = await gateway(upstream.url, server={"trusted_proxies": ["127.0.0.2"]})

    async def ask(address: str, *lines: str) -> None:
        there = await asyncio.open_connection("127.0.0.1", running.port, local_addr=(address, 0))
        client = Client(*there)
        await client.ask(request("/", *lines))
        client.abort()

    await ask("127.0.0.1", "X-Forwarded-Proto: https")
    await ask("127.0.0.2", "X-Forwarded-Proto: http")
    await ask("127.0.0.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: unknown.test")
    assert "public_url" not in caplog.text

    for _ in range(2):
        await ask("127.0.0.2", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1")
    assert caplog.text.count("write https://app.test in public_url") == 1
