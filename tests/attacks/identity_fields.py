"""Attacks on the fields by which an app learns who asks, from where and for what."""

from tests.attacks.conftest import Lab
from tests.dataplane.harness import Answer, RunningGateway, request, split_fields

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = "forged"
PRESETS = {
    "remote-user": ("Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups"),
    "x-forwarded": (
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username",
    ),
    "x-auth-request": (
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Auth-Request-Preferred-Username",
    ),
}
# What a proxy says of a request, and what rewrites one.
ABOUT_THE_REQUEST = (
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Host: other.test",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Scheme: https",
    "X-Forwarded-Port: 443",
    "X-Forwarded-Prefix: /open",
    "X-Forwarded-Server: other.test",
    "X-Forwarded-Uri: /open",
    "X-Forwarded-Method: OPTIONS",
    "X-Forwarded-Ssl: on",
    "Forwarded: for=192.0.2.1;host=other.test;proto=https",
    "X-Original-URL: /open",
    "X-Original-URI: /open",
    "X-Original-Method: OPTIONS",
    "X-Rewrite-URL: /open",
    "X-Real-IP: 192.0.2.1",
    "Front-End-Https: on",
)
# Each time different, whoever asks.
_NEW_EACH_TIME = {b"x-request-id", b"traceparent", b"gatepost-assertion"}


async def a_user_without_groups_is_given_none(lab: Lab) -> None:
    """Send every field of a preset as a user of whom the provider says only the name."""
    for preset, names in PRESETS.items():
        upstream = await lab.upstream(OK)
        routes = [{"name": "all", "prefix": "/", "access": "signed_in"}]
        identity = {"identity": {"headers": preset}}
        running = await lab.gateway(upstream.url, identity, routes=routes)
        cookie = await running.sign_in(email=None, name=None, groups=())
        lines = [f"{name}: {FORGED}" for name in names]

        answer = await running.ask(request("/", cookie.strip(), *lines))

        assert answer.status == 200
        seen = {name for name, _ in split_fields(upstream.heads[0].partition(b"\r\n")[2])}
        assert {name for name in names if name.lower().encode() in seen} == {names[0]}
        assert FORGED.encode() not in upstream.heads[0]


async def a_stranger_says_nothing_of_the_request(lab: Lab) -> None:
    """Send all that proxies say, alone and together, where the address and the path decide."""
    upstream = await lab.upstream(OK)
    running = await lab.gateway(
        upstream.url,
        public_url=["http://app.test", "https://other.test"],
        routes=[
            {"name": "office", "prefix": "/office", "access": {"allow": [{"ip": "192.0.2.0/24"}]}},
            {"name": "admin", "prefix": "/admin", "access": "denied"},
            {"name": "mine", "prefix": "/mine", "access": "signed_in"},
            {"name": "open", "prefix": "/", "access": "public"},
        ],
    )
    cookie = (await running.sign_in()).strip()
    for target, own, status in (
        ("/office", (cookie,), 403),
        ("/admin", (), 403),
        ("/mine", (), 401),
        ("/mine", ("Accept: text/html",), 302),
        ("/mine", (cookie,), 200),
        ("/open", (), 200),
    ):
        plain = await _seen(running, upstream.heads, request(target, *own))
        assert plain[0] == status
        for lines in (*((line,) for line in ABOUT_THE_REQUEST), ABOUT_THE_REQUEST):
            sent = request(target, *own, *lines)
            assert await _seen(running, upstream.heads, sent) == plain, lines


async def _seen(running: RunningGateway, heads: list[bytes], data: bytes) -> object:
    """Status and Location of the answer to `data`, and what the app sees of it."""
    before = len(heads)
    answer: Answer = await running.ask(data)
    told = [
        (head.partition(b"\r\n")[0], pair)
        for head in heads[before:]
        for pair in split_fields(head.partition(b"\r\n")[2])
        if pair[0] not in _NEW_EACH_TIME
    ]
    return answer.status, answer.all(b"location"), told


async def no_host_begins_another_parameter(lab: Lab) -> None:
    """Send hosts that would end a value of `Forwarded`, and have a trusted proxy repeat them."""
    upstream = await lab.upstream(OK)
    running = await lab.gateway(upstream.url, server={"trusted_proxies": ["127.0.0.1"]})
    assert (await running.ask(request("/", "X-Forwarded-Host: app.test"))).status == 200
    for host in (
        "app.test;for=1.2.3.4",
        "app.test,for=1.2.3.4",
        'app.test"',
        '"app.test"',
        'app.test";for=1.2.3.4;x="',
        "app.test for=1.2.3.4",
        "app.test\tx",
        "app.test:80;for=1.2.3.4",
    ):
        direct = await running.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        told = await running.ask(request("/", f"X-Forwarded-Host: {host}"))
        # A list says nothing clear, so that the Host field counts.
        assert (direct.status, told.status) == (400, 200 if "," in host else 400), host
    assert len(upstream.heads) == 2
    assert b"1.2.3.4" not in b"".join(upstream.heads)


async def no_word_is_an_address(lab: Lab) -> None:
    """Send what is no address as the client's, behind a trusted proxy, where addresses decide."""
    upstream = await lab.upstream(OK)
    everywhere = ["1.2.3.4", "10.0.0.0/8", "127.0.0.0/8", "::/0"]
    running = await lab.gateway(
        upstream.url,
        server={"trusted_proxies": ["127.0.0.1"]},
        routes=[
            {"name": "office", "prefix": "/office", "access": {"allow": [{"ip": everywhere}]}},
            {"name": "abroad", "prefix": "/", "access": {"deny": [{"ip": "203.0.113.0/24"}]}},
        ],
    )
    cookie = (await running.sign_in()).strip()
    good = "Forwarded: for=10.0.0.1"
    assert (await running.ask(request("/office", cookie, good))).status == 200
    assert (await running.ask(request("/abroad", cookie, good))).status == 200
    for line in (
        'Forwarded: for="1.2.3.4, for=10.0.0.1"',
        'Forwarded: for="1.2.3.4',
        "Forwarded: for=unknown",
        "Forwarded: for=_x",
        'Forwarded: for="_x"',
        "Forwarded: for=10.0.0.1, for=unknown",
        "Forwarded: for=1.2.3.4.5",
        "Forwarded: for=0x7f.1",
        "X-Forwarded-For: unknown",
        'X-Forwarded-For: "10.0.0.1"',
        "X-Forwarded-For: 10.0.0.1, _x",
        "X-Forwarded-For: 010.0.0.1",
    ):
        for target in ("/office", "/abroad"):
            answer = await running.ask(request(target, cookie, line))
            assert answer.status in (400, 403), (line, target, answer.status)
