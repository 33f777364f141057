"""Apps whose paths are not those that clients use."""

import random
import subprocess
from contextlib import contextmanager
from urllib.parse import unquote

import pytest

from tests.dataplane.harness import request
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate
from tests.patience import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# What servers read in ways of their own, and what leads elsewhere.
PIECES = [
    "/", "//", "/..", "/.", "/%2e%2e", "%2F", "%5C", "/\\", ";", ";x", "%3B", "%00", "/%252e%252e",
    "base", "notes", "admin", "a", "%20", "%c0%ae", "/%u002e%u002e",
]  # fmt: skip


def answer(*lines):
    """A redirect with these field lines."""
    return b"\r\n".join((b"HTTP/1.1 302 Found", *lines, b"Content-Length: 0", b"", b""))


def sent_to(app):
    """The target of the last request that the app got."""
    return app.heads[-1].split(b" ", 2)[1]


@contextmanager
def nginx(directory):
    """An nginx that answers with the path as it reads it; its port."""
    port = take_free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {directory}/{name};" for name in kinds)
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/errors;\n"
        f"events {{ }}\nhttp {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 $uri; }}\n"
        "location = /files/folder { return 301 /files/folder/; } } }\n"
    )
    command = [require_tool("nginx"), "-c", str(config), "-p", str(directory)]
    process = subprocess.Popen(command)
    try:
        yield port
    finally:
        terminate(process, "nginx")


@pytest.mark.parametrize(
    ("sent", "there"),
    [("/", b"/base/"), ("/a?b=/c", b"/base/a?b=/c"), ("/@s%2Fn", b"/base/@s%2Fn")],
)
async def test_the_upstreams_path_comes_first(gateway, raw_upstream, sent, there):
    app = await raw_upstream(OK)
    running = await gateway(app.url + "/base")

    assert (await running.ask(request(sent))).status == 200
    assert sent_to(app) == there


async def test_rules_are_judged_on_the_path_as_sent(gateway, raw_upstream):
    app = await raw_upstream(OK)
    denied = {"name": "denied", "prefix": "/base", "access": "denied"}
    rest = {"name": "rest", "prefix": "/", "access": "public"}
    running = await gateway(app.url + "/base", routes=[denied, rest])

    assert (await running.ask(request("/base/x"))).status == 403
    assert (await running.ask(request("/x"))).status == 200
    assert sent_to(app) == b"/base/x"


async def test_an_app_below_a_path_names_places_as_clients_know_them(gateway, raw_upstream):
    app = await raw_upstream(
        answer(
            b"Location: /base/login?next=/base/",
            b"Content-Location: /base",
            b"Refresh: 0;url=/base/x",
            b"Set-Cookie: a=1; Path=/base; HttpOnly",
            b"Set-Cookie: b=1; Path=/base/x",
            b"Link: </base/style.css>",
        )
    )
    running = await gateway(app.url + "/base", {"cookies": "shared"})

    for _ in range(2):
        got = await running.ask(request("/"))
        assert got.all(b"location") == [b"/login?next=/base/"]
        assert got.all(b"content-location") == [b"/"]
        assert got.all(b"refresh") == [b"0;url=/x"]
        assert got.all(b"set-cookie") == [b"a=1; Path=/; HttpOnly", b"b=1; Path=/x"]
        assert got.all(b"link") == [b"</base/style.css>"]


async def test_a_cookie_that_has_an_owner_is_kept_where_clients_know_the_app(gateway, raw_upstream):
    app = await raw_upstream(answer(b"Set-Cookie: a=1; Path=/base/x; HttpOnly"))
    running = await gateway(app.url + "/base")

    (cookie,) = (await running.ask(request("/x"))).all(b"set-cookie")
    assert cookie.startswith(b"a~gp")
    assert cookie.endswith(b"; Path=/x; HttpOnly")
    pair = b"Cookie: " + cookie.partition(b";")[0]
    assert (await running.ask(request("/x", pair))).status == 302
    assert b"Cookie: a=1\r\n" in app.heads[-1]


@pytest.mark.parametrize(
    "target", ["/../admin", "/%2e%2e/admin", "/..%2fadmin", "/..;/admin", "/\\..\\..\\admin"]
)
async def test_nothing_leads_above_the_upstreams_path(gateway, raw_upstream, target):
    app = await raw_upstream(OK)
    running = await gateway(app.url + "/base")

    got = await running.ask(request(target, "Accept: application/json"))
    assert got.status == 400
    assert b"ambiguous-path" in got.body
    assert app.heads == []


async def test_nginx_reads_no_path_above_the_upstreams(gateway, tmp_path):
    with nginx(tmp_path) as port:
        running = await gateway(f"http://127.0.0.1:{port}/base", audit={"file": "/dev/null"})

        async def is_up():
            return (await running.ask(request("/"))).status == 200

        await until(is_up)
        chance, client, served = random.Random(6), await running.client(), 0
        for _ in range(2_000):
            target = "/" + "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
            got = await client.ask(request(target))
            if got.closes:
                client = await running.client()
            if got.status == 200:
                served += 1
                assert got.body.startswith(b"/base/"), target
        assert served > 200


async def leading_to(raw_upstream, place):
    """An app that redirects in three ways to `place`, in which `OWN` is its own URL."""

    async def handle(connection):
        url = place.replace("OWN", app.url).encode()
        redirect = answer(
            b"Location: " + url, b"Content-Location: " + url, b"Refresh: 1;url=" + url
        )
        await app.answer_with(redirect)(connection)

    app = await raw_upstream(handle)
    return app


@pytest.mark.parametrize(
    ("host", "place"),
    [("preserve", "OWN/a?b"), ("upstream", "OWN/a?b"), ("app.internal", "http://app.internal/a?b")],
)
async def test_a_redirect_to_the_apps_own_address_leads_to_the_public_one(
    gateway, raw_upstream, host, place
):
    app = await leading_to(raw_upstream, place)
    running = await gateway(app.url, {"host": host})

    got = await running.ask(request("/"))
    assert got.all(b"location") == [b"http://app.test/a?b"]
    assert got.all(b"content-location") == [b"http://app.test/a?b"]
    assert got.all(b"refresh") == [b"1;url=http://app.test/a?b"]


async def test_each_host_is_led_to_its_own(gateway, raw_upstream):
    app = await leading_to(raw_upstream, "OWN/x")
    public = ["http://app.test", "https://other.test:8443"]
    running = await gateway(app.url, public_url=public)

    for _ in range(2):
        for url in public:
            host = url.partition("://")[2].encode()
            asked = request("/").replace(b"Host: app.test", b"Host: " + host)
            assert (await running.ask(asked)).all(b"location") == [url.encode() + b"/x"]


async def test_redirects_pass_unchanged_if_so_configured(gateway, raw_upstream):
    app = await leading_to(raw_upstream, "OWN/base/x")
    running = await gateway(app.url + "/base", {"redirects": "keep"})

    got = await running.ask(request("/"))
    assert got.all(b"location") == [app.url.encode() + b"/base/x"]
    assert got.all(b"refresh") == [b"1;url=" + app.url.encode() + b"/base/x"]


async def test_where_nginx_leads_to_its_own_address_the_client_comes_back(gateway, tmp_path):
    with nginx(tmp_path) as port:
        own = {"host": "upstream"}
        running = await gateway(f"http://127.0.0.1:{port}/files", own)

        async def is_up():
            return (await running.ask(request("/folder"))).status == 301

        await until(is_up)
        got = await running.ask(request("/folder"))
        assert got.all(b"location") == [b"http://app.test/folder/"]


NOTES = {"name": "notes", "prefix": "/notes", "strip_prefix": "/notes", "access": "public"}


def values(head, name):
    """Every value of the field `name`, in lower case, in a request that the app got."""
    pairs = [line.split(b":", 1) for line in head.split(b"\r\n")[1:] if line]
    return [value.strip() for key, value in pairs if key.lower() == name]


@pytest.mark.parametrize(
    ("changes", "sent", "there"),
    [
        ({}, "/notes", b"/"),
        ({}, "/notes/a?b", b"/a?b"),
        ({"add_prefix": "/x"}, "/notes/a", b"/x/a"),
        ({"strip_prefix": "/notes/a", "prefix": "/notes/a"}, "/notes/a/b", b"/b"),
    ],
)
async def test_a_route_strips_and_adds(gateway, raw_upstream, changes, sent, there):
    app = await raw_upstream(OK)
    running = await gateway(app.url, routes=[{**NOTES, **changes}])

    assert (await running.ask(request(sent))).status == 200
    assert sent_to(app) == there


@pytest.mark.parametrize(
    "target",
    [
        *("/%6eotes/admin", "/notes//admin", "/notes//evil.example/admin", "/notes/../admin"),
        *("/notes/a/..%2fadmin", "/notes%2fadmin", "/notes;x/admin", "/notes/a;x", "/x/../notes/a"),
    ],
)
async def test_nothing_is_guessed_at_where_a_prefix_is_stripped(gateway, raw_upstream, target):
    app = await raw_upstream(OK)
    both = {**NOTES, "upstream": "app"}
    running = await gateway(app.url, routes=[both])

    got = await running.ask(request(target, "Accept: application/json"))
    assert got.status in (400, 404)
    assert b"ambiguous-path" in got.body or b"no-route" in got.body
    assert app.heads == []


async def test_rules_see_the_prefix_that_the_app_does_not(gateway, raw_upstream):
    app = await raw_upstream(OK)
    denied = {"name": "denied", "prefix": "/notes/admin", "access": "denied"}
    running = await gateway(app.url, routes=[denied, NOTES])

    assert (await running.ask(request("/notes/admin/x"))).status == 403
    assert (await running.ask(request("/notes/x"))).status == 200
    assert app.heads[0].startswith(b"GET /x HTTP/1.1\r\n")


@pytest.mark.parametrize("add", ["", "/pages"])
async def test_a_cookie_without_a_path_at_the_prefix_is_for_the_app_alone(
    gateway, raw_upstream, add
):
    cookies = (
        b"a=1; HttpOnly",
        b"b=1; Path=",
        b"c=1; Path=/x; path=y",
        b"d=1; Path=" + add.encode() + b"/x",
        b"__Host-e=1; Secure",
        b"Path=1",
    )
    app = await raw_upstream(answer(*(b"Set-Cookie: " + it for it in cookies)))
    route = {**NOTES, "add_prefix": add} if add else NOTES
    running = await gateway(app.url, {"cookies": "shared"}, routes=[route])

    got = (await running.ask(request("/notes?x=/y"))).all(b"set-cookie")
    assert [it.rpartition(b"; ")[2] for it in got] == [
        *[b"Path=/notes"] * 3,
        b"Path=/notes/x",
        b"Secure",
        b"Path=/notes",
    ]
    # Elsewhere the browser's default is below the prefix, as the app means it.
    for target in ("/notes/", "/notes/x/y"):
        got = (await running.ask(request(target))).all(b"set-cookie")
        assert got[0] == b"a=1; HttpOnly"


async def test_a_cookie_with_an_owner_gets_the_prefix_too(gateway, raw_upstream):
    app = await raw_upstream(answer(b"Set-Cookie: a=1; HttpOnly"))
    running = await gateway(app.url, routes=[NOTES])

    (cookie,) = (await running.ask(request("/notes"))).all(b"set-cookie")
    assert cookie.startswith(b"a~gp")
    assert cookie.endswith(b"; HttpOnly; Path=/notes")


async def test_where_case_is_ignored_the_prefix_is_stripped_in_every_case(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, {"path_case": "ignore"}, routes=[NOTES])

    assert (await running.ask(request("/NOTES/A"))).status == 200
    assert sent_to(app) == b"/A"
    assert (await running.ask(request("/note%C5%BF/a"))).status == 400


async def test_the_app_learns_its_prefix_from_us_alone(gateway, raw_upstream):
    app = await raw_upstream(OK)
    rest = {"name": "rest", "prefix": "/", "access": "public"}
    running = await gateway(app.url, routes=[NOTES, rest])
    client = await running.client()
    said = ("X-Forwarded-Prefix: /evil", "x_forwarded_prefix: /evil")

    # The same fields on the same connection, so that all that can be remembered is.
    for target, told in [("/notes/a", [b"/notes"]), ("/a", []), ("/notes/a", [b"/notes"])] * 2:
        assert (await client.ask(request(target, *said))).status == 200
        assert values(app.heads[-1], b"x-forwarded-prefix") == told
        assert values(app.heads[-1], b"x_forwarded_prefix") == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["/outer"], "/outer"),
        (["/outer/"], "/outer"),
        (["/"], ""),
        (["/a", "/b"], ""),
        (["/a, /b"], ""),
        (["//evil.example"], ""),
        (["/a/../b"], ""),
        (["https://evil.example"], ""),
        (['/"><script>'], ""),
    ],
)
async def test_a_trusted_proxy_says_what_it_has_stripped(gateway, raw_upstream, said, told):
    app = await raw_upstream(OK)
    rest = {"name": "rest", "prefix": "/", "access": "public"}
    trusting = {"trusted_proxies": ["127.0.0.1"]}
    running = await gateway(app.url, routes=[NOTES, rest], server=trusting)
    fields = [f"X-Forwarded-Prefix: {value}" for value in said]

    await running.ask(request("/notes/a", *fields))
    await running.ask(request("/a", *fields))
    first, second = (values(head, b"x-forwarded-prefix") for head in app.heads)
    assert first == [f"{told}/notes".encode()]
    assert second == ([told.encode()] if told else [])


async def test_what_an_app_names_gets_its_prefix_back(gateway, raw_upstream):
    app = await raw_upstream(answer(b"Location: /login", b"Set-Cookie: a=1; Path=/; HttpOnly"))
    rest = {"name": "rest", "prefix": "/", "access": "public"}
    running = await gateway(app.url, {"cookies": "shared"}, routes=[NOTES, rest])

    for target, location, path in [
        ("/notes/a", b"/notes/login", b"/notes"),
        ("/", b"/login", b"/"),
    ]:
        got = await running.ask(request(target))
        assert got.all(b"location") == [location]
        assert got.all(b"set-cookie") == [b"a=1; Path=" + path + b"; HttpOnly"]


async def test_a_target_that_cannot_be_sent_ends_no_session(gateway, raw_upstream):
    app = await raw_upstream(OK)
    route = {**NOTES, "access": "signed_in"}
    running = await gateway(app.url, {"logout_paths": ["/notes/out"]}, routes=[route])
    cookie = (await running.sign_in()).strip()

    assert (await running.ask(request("/notes%2fout", cookie))).status == 400
    assert (await running.ask(request("/notes/%6fut/x", cookie))).status == 200
    assert (await running.ask(request("/%6eotes/out", cookie))).status == 400
    assert (await running.ask(request("/notes/x", cookie))).status == 200


async def test_nginx_reads_the_path_that_is_left_and_no_other(gateway, tmp_path):
    with nginx(tmp_path) as port:
        quiet = {"file": "/dev/null"}
        running = await gateway(f"http://127.0.0.1:{port}", routes=[NOTES], audit=quiet)

        async def is_up():
            return (await running.ask(request("/notes"))).status == 200

        await until(is_up)
        chance, client, served = random.Random(7), await running.client(), 0
        for _ in range(2_000):
            target = "/notes" + "".join(chance.choices(PIECES, k=chance.randint(0, 5)))
            got = await client.ask(request(target))
            if got.closes:
                client = await running.client()
            if got.status == 200:
                served += 1
                assert got.body == unquote(target.removeprefix("/notes") or "/").encode(), target
        assert served > 30


async def test_nothing_is_moved_where_the_app_has_another_path(gateway, raw_upstream):
    app = await raw_upstream(OK)
    route = {"name": "n", "prefix": "/notes", "access": "public"}
    for base, more in [
        ("/base", {}),
        ("", {"strip_prefix": "/notes"}),
        ("", {"add_prefix": "/base"}),
    ]:
        running = await gateway(app.url + base, routes=[{**route, **more}])
        to = "Destination: http://app.test/notes/b"
        assert (await running.ask(request("/notes/a", to, method="MOVE"))).status == 400
        assert app.heads == []
