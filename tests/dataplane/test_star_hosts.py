"""Hosts with a star, in `public_url` and in routes: each label is a host of its own."""

import re

import pytest

from tests.dataplane.harness import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STAR = "https://*.apps.test"
PUBLIC = [{"name": "all", "prefix": "/", "access": "public"}]
SIGNED_IN = [{"name": "all", "prefix": "/", "access": "signed_in"}]
NAVIGATION = "Accept: text/html"


def at(host, target="/", *lines, method="GET"):
    """A request for `host`, written as it is."""
    head = request(target, *lines, method=method)
    return head.replace(b"Host: app.test", b"Host: " + host.encode("latin-1"), 1)


COVERED = [
    ("a.apps.test", "a.apps.test"),
    ("A.Apps.TEST", "a.apps.test"),
    ("a.apps.test.", "a.apps.test"),
    ("a.apps.test:443", "a.apps.test"),
    ("a-b.apps.test", "a-b.apps.test"),
    ("7.apps.test", "7.apps.test"),
    ("xn--caf-dma.apps.test", "xn--caf-dma.apps.test"),
    ("a" * 63 + ".apps.test", "a" * 63 + ".apps.test"),
]
NOT_COVERED = [
    *("apps.test", ".apps.test", "a.b.apps.test", "a..apps.test", "a.apps.test.."),
    *("-a.apps.test", "a-.apps.test", "a_b.apps.test", "_.apps.test", "a~.apps.test"),
    *(
        "a.apps.test:8443",
        "a.apps.test.evil.test",
        "a.xapps.test",
        "a.apps",
        "a",
        "[::1]",
        "1.2.3.4",
    ),
    "a" * 64 + ".apps.test",
]
# What is no host at all is refused before.
NO_HOST = [
    "*.apps.test",
    "caf\xe9.apps.test",
    "a%2eb.apps.test",
    "a/b.apps.test",
    "a@b.apps.test",
    "a b.apps.test",
]


@pytest.mark.parametrize(("host", "named"), COVERED)
async def test_one_label_takes_the_place_of_the_star(gateway, raw_upstream, host, named):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=STAR, routes=PUBLIC)

    for _ in range(2):
        assert (await running.ask(at(host))).status == 200
        head = app.heads[-1]
        assert f"Host: {named}\r\n".encode() in head
        assert f"X-Forwarded-Host: {named}\r\n".encode() in head
        assert b"X-Forwarded-Proto: https\r\nX-Forwarded-Host" in head
        assert b"X-Forwarded-Port: 443\r\n" in head


@pytest.mark.parametrize("host", NOT_COVERED)
async def test_no_other_host_is_served(gateway, raw_upstream, host):
    app = await raw_upstream(OK)
    named = {**PUBLIC[0], "host": "*.apps.test"}
    for settings in (
        {"public_url": STAR},
        {"routes": [named]},
        {"public_url": STAR, "routes": [named]},
    ):
        running = await gateway(app.url, **{"routes": PUBLIC, **settings})

        assert (await running.ask(at(host))).status == 421
        assert (await running.ask(at(host, "/_gatepost/whoami"))).status == 421
    assert app.heads == []


@pytest.mark.parametrize("host", NO_HOST)
async def test_what_is_no_host_is_refused(gateway, raw_upstream, host):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=STAR, routes=PUBLIC)

    assert (await running.ask(at(host))).status == 400
    assert app.heads == []


async def test_a_route_is_for_the_hosts_that_its_star_covers(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(
        app.url,
        public_url=["http://app.test", "https://a.apps.test:8443", "http://*.apps.test:9000"],
        routes=[
            {"name": "one", "prefix": "/", "host": "one.apps.test", "access": "denied"},
            {"name": "star", "prefix": "/", "host": "*.apps.test", "access": "public"},
            {"name": "rest", "prefix": "/", "access": "gone"},
        ],
    )

    for host, status in [
        ("app.test", 410),
        ("one.apps.test", 403),
        ("two.apps.test", 200),
        # Without a port, a route's host is for every port that is served.
        ("a.apps.test:8443", 200),
        ("two.apps.test:9000", 200),
        ("one.apps.test:9000", 403),
        ("two.apps.test:8443", 421),
        ("*.apps.test", 400),
    ]:
        assert (await running.ask(at(host))).status == status, host


async def test_a_host_of_its_own_comes_before_the_star(gateway, raw_upstream):
    app = await raw_upstream(OK)
    urls = [STAR, "http://one.apps.test/notes"]
    running = await gateway(app.url, public_url=urls, routes=PUBLIC)

    assert (await running.ask(at("one.apps.test"))).status == 404
    assert (await running.ask(at("one.apps.test", "/notes"))).status == 200
    assert b"X-Forwarded-Proto: http\r\n" in app.heads[-1]
    assert (await running.ask(at("two.apps.test"))).status == 200


async def test_what_is_said_of_a_host_is_said_of_the_one_asked(gateway, raw_upstream):
    app = await raw_upstream(
        b"HTTP/1.1 302 X\r\nLocation: http://app/x\r\nContent-Length: 0\r\n\r\n"
    )
    bearer = [{"issuer": "https://id.test", "audiences": ["x"]}]
    routes = [{**PUBLIC[0], "name": "p", "prefix": "/p"}, *SIGNED_IN]
    running = await gateway(app.url, {"host": "app"}, public_url=STAR, routes=routes, bearer=bearer)

    for label in ("a", "b", "a"):
        url = f"https://{label}.apps.test"
        got = await running.ask(at(f"{label}.apps.test", "/x"))
        told = b" ".join(got.all(b"www-authenticate"))
        assert f"{url}/_gatepost/sign-in".encode() in told
        assert f"{url}/.well-known/oauth-protected-resource".encode() in told
        got = await running.ask(at(f"{label}.apps.test", "/.well-known/oauth-protected-resource"))
        assert f'"resource":"{url}"'.encode() in got.body
        got = await running.ask(at(f"{label}.apps.test", "/p"))
        assert got.all(b"location") == [url.encode() + b"/x"]
        bad = "Cookie: __Host-gatepost=" + "A" * 64
        got = await running.ask(at(f"{label}.apps.test", "/x", NAVIGATION, bad))
        (cookie,) = got.all(b"set-cookie")
        assert re.fullmatch(rb"__Host-gatepost=; Path=/; .*Secure", cookie)
        assert b"Domain" not in cookie


async def test_hosts_of_a_star_do_not_trust_each_other(gateway, raw_upstream):
    app = await raw_upstream(OK)
    urls = ["https://id.test", "https://*.apps.test"]
    running = await gateway(app.url, public_url=urls, routes=SIGNED_IN)
    cookie = (await running.sign_in()).strip().replace(b"gatepost=", b"__Host-gatepost=")

    for origin, site, status in [
        ("https://a.apps.test", "same-origin", 200),
        ("https://a.apps.test", "", 200),
        ("https://b.apps.test", "same-site", 403),
        ("https://b.apps.test", "", 403),
        ("https://*.apps.test", "", 403),
        ("http://a.apps.test", "", 403),
        ("https://a.apps.test:8443", "", 403),
        ("https://x.a.apps.test", "same-site", 403),
        # One that stands in the list of public URLs is trusted, as ever.
        ("https://id.test", "", 200),
    ]:
        more = [f"Sec-Fetch-Site: {site}"] if site else []
        asked = at("a.apps.test", "/", cookie, f"Origin: {origin}", *more, method="POST")
        assert (await running.ask(asked)).status == status, (origin, site)


async def test_a_cookie_that_a_sibling_plants_is_not_ours(gateway, raw_upstream):
    planted = b"Set-Cookie: __Host-gatepost=x; Secure; Path=/\r\n"
    planted += b"Set-Cookie: gatepost=x; Domain=apps.test\r\n"
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\n" + planted + b"Content-Length: 2\r\n\r\nok")
    routes = [{**PUBLIC[0], "name": "p", "prefix": "/p"}, *SIGNED_IN]
    running = await gateway(app.url, public_url=STAR, routes=routes)
    value = (await running.sign_in()).strip().partition(b"gatepost=")[2]

    # What browsers let a sibling set has no prefix, and is neither read nor passed on.
    tossed = b"Cookie: gatepost=" + value
    assert (await running.ask(at("a.apps.test", "/", tossed))).status == 401
    got = await running.ask(at("a.apps.test", "/p", tossed))
    assert got.all(b"set-cookie") == []
    assert b"Cookie:" not in app.heads[-1]


async def test_a_star_may_have_a_path(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=STAR + "/notes", routes=SIGNED_IN)

    got = await running.ask(at("a.apps.test", "/notes/x", NAVIGATION))
    assert got.all(b"location") == [b"/notes/_gatepost/sign-in?return_to=/notes/x"]
    assert (await running.ask(at("a.apps.test", "/x"))).status == 404


async def test_a_trusted_proxy_may_name_a_host_of_a_star(gateway, raw_upstream):
    app = await raw_upstream(OK)
    trusting = {"trusted_proxies": ["127.0.0.1"]}
    running = await gateway(
        app.url, public_url="https://*.apps.test:8443", routes=PUBLIC, server=trusting
    )

    for lines, status in [
        (["X-Forwarded-Host: a.apps.test:8443"], 200),
        (["X-Forwarded-Host: a.apps.test", "X-Forwarded-Port: 8443"], 200),
        (["X-Forwarded-Host: a.b.apps.test", "X-Forwarded-Port: 8443"], 421),
        (["X-Forwarded-Host: a.apps.test"], 421),
    ]:
        assert (await running.ask(request("/", *lines))).status == status
    assert b'host="a.apps.test:8443";proto=https' in app.heads[-1]
