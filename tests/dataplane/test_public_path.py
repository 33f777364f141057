"""A public URL with a path: all that is the gateway's is below it, and nothing else is served."""

import re

import pytest

from tests.dataplane.harness import HOST, request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BASE = "/notes"
URL = f"http://{HOST.decode()}{BASE}"
SIGNED_IN = [{"name": "all", "prefix": "/", "access": "signed_in"}]
PUBLIC = [{"name": "all", "prefix": "/", "access": "public"}]
NAVIGATION = "Accept: text/html"
OWN = "Sec-Fetch-Site: same-origin"
# One of the gateway's own paths that is not below the public URL.
ASTRAY = re.compile(rb"(?<!app\.test/notes)(?<![\"'=( ]/notes)/_gatepost")


def astray(answer):
    """Mentions of the gateway's own paths in an answer that do not lead below the public URL."""
    told = b"\n".join([*(b"%b: %b" % field for field in answer.fields), answer.body])
    return [told[max(0, it.start() - 40) : it.end() + 20] for it in ASTRAY.finditer(told)]


async def test_the_path_goes_on_as_sent(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, routes=PUBLIC)

    for target in ("/notes", "/notes/", "/notes/a?b"):
        assert (await running.ask(request(target))).status == 200
        assert app.heads[-1].startswith(f"GET {target} HTTP/1.1\r\nHost: app.test\r\n".encode())
        assert b"X-Forwarded-Host: app.test\r\n" in app.heads[-1]
        assert b"X-Forwarded-Prefix" not in app.heads[-1]


async def test_an_app_that_knows_no_path_gets_none(gateway, raw_upstream):
    app = await raw_upstream(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
    routes = [{**PUBLIC[0], "prefix": BASE, "strip_prefix": BASE}]
    running = await gateway(app.url, public_url=URL, routes=routes)

    got = await running.ask(request("/notes/a"))
    assert got.all(b"location") == [b"/notes/x"]
    assert app.heads[-1].startswith(b"GET /a HTTP/1.1\r\n")
    assert b"X-Forwarded-Prefix: /notes\r\n" in app.heads[-1]


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("/", 404, b"no-route"),
        ("/notesx", 404, b"no-route"),
        ("/Notes", 404, b"no-route"),
        ("/_gatepost/whoami", 404, b"no-route"),
        ("/other/_gatepost/whoami", 404, b"no-route"),
        ("/_gatepost/.well-known/jwks.json", 404, b"no-route"),
        ("/.well-known/oauth-protected-resource", 404, b"no-route"),
        ("/notes/../x", 400, b"ambiguous-path"),
        ("/x/../notes/a", 400, b"ambiguous-path"),
        ("/notes%2Fa", 400, b"ambiguous-path"),
        ("//notes/a", 400, b"ambiguous-path"),
        ("/notes;x/a", 400, b"ambiguous-path"),
        ("/notes/./_gatepost/whoami", 400, b"ambiguous-path"),
        ("/notes//_gatepost/whoami", 400, b"ambiguous-path"),
        ("/notes/_gatepost/nothing", 404, b"no-route"),
    ],
)
async def test_nothing_else_is_served(gateway, raw_upstream, target, status, reason):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, routes=PUBLIC)

    got = await running.ask(request(target, "Accept: application/json"))
    assert got.status == status
    assert reason in got.body
    assert app.heads == []
    assert astray(got) == []


async def test_who_must_sign_in_is_led_below_the_path_and_back(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, routes=SIGNED_IN)

    got = await running.ask(request("/notes/a?b", NAVIGATION))
    assert got.status == 302
    assert got.all(b"location") == [b"/notes/_gatepost/sign-in?return_to=/notes/a%3Fb"]

    got = await running.ask(request("/notes/a", "Accept: application/json"))
    assert got.status == 401
    assert b'"sign_in":"http://app.test/notes/_gatepost/sign-in"' in got.body
    assert b'sign_in="http://app.test/notes/_gatepost/sign-in"' in got.all(b"www-authenticate")[0]


EVERY = {
    "auth_mode": "hybrid",
    "api_keys": {},
    "smtp": {"url": "smtp://127.0.0.1:9", "from": "gatepost@example.com"},
    "tokens": {"clients": {"ios": {"provider": "idp", "redirect_uris": ["com.example:/x"]}}},
    "bearer": [{"issuer": "https://id.test", "audiences": [URL + "/api", "https://app.test"]}],
    "routes": SIGNED_IN,
}
PAGES = [
    *("account", "logout", "whoami", "sign-in", "signed-in", "setup", "reset?token=x", "nothing"),
    *("login/nobody", "callback/idp", "api/keys", "api/sessions", ".well-known/jwks.json"),
    *("backchannel-logout/idp", "frontchannel-logout/idp", "login/local?max_age=5"),
    *(".well-known/oauth-authorization-server", "sign-in?return_to=/notes/a", "keep-fragment.js"),
    *("forgot", "invitation?token=x", "email?token=x", "sign-in/code", "sign-in/passkey/options"),
    *("api/passkeys", "api/passkeys/options", "passkeys.js", "sign-in/passkey"),
]


@pytest.mark.parametrize("page", PAGES)
async def test_no_page_leads_to_a_path_of_ours_that_is_not_below(gateway, raw_upstream, page):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, **EVERY)
    cookie = (await running.sign_in()).strip()

    for fields in ((), (NAVIGATION,), (NAVIGATION, cookie), (cookie,), (cookie, OWN)):
        for method in ("GET", "POST"):
            asked = request(f"{BASE}/_gatepost/{page}", *fields, method=method)
            assert astray(await running.ask(asked)) == [], (page, method, fields)


async def test_cookies_are_for_the_path_alone(gateway, raw_upstream):
    app = await raw_upstream(OK)
    for url, name, more in [
        (URL, b"gatepost", b""),
        (URL.replace("http:", "https:"), b"__Secure-gatepost", b"; Secure"),
        ("http://app.test", b"gatepost", b""),
        ("https://app.test", b"__Host-gatepost", b"; Secure"),
    ]:
        base = url.partition("app.test")[2]
        running = await gateway(app.url, public_url=url, routes=SIGNED_IN)
        bad = b"Cookie: " + name + b"=" + b"A" * 64
        got = await running.ask(request(f"{base}/a", NAVIGATION, bad))
        (cleared,) = got.all(b"set-cookie")
        assert cleared.startswith(name + b"=; Path=" + (base.encode() or b"/") + b"; HttpOnly")
        assert cleared.endswith(more)


async def test_our_cookie_reaches_no_app_and_no_app_sets_it(gateway, raw_upstream):
    said = b"Set-Cookie: __Secure-gatepost=planted; Secure; Path=/notes\r\n"
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n\r\nok")
    url = URL.replace("http:", "https:")
    running = await gateway(app.url, public_url=url, routes=PUBLIC)

    own = "Cookie: a=1; __Secure-gatepost=x; __Secure-gatepost-jar=y; __Host-gatepost=z"
    got = await running.ask(request("/notes/a", own))
    assert got.all(b"set-cookie") == []
    assert b"Cookie: a=1\r\n" in app.heads[-1]


async def test_no_app_sets_the_cookie_of_a_gateway_below_another_path(gateway, raw_upstream):
    said = b"Set-Cookie: __Secure-gatepost=planted; Secure; HttpOnly; Path=/notes\r\n"
    app = await raw_upstream(b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n\r\nok")
    for cookies in ("isolate", "shared"):
        running = await gateway(
            app.url, {"cookies": cookies}, public_url="https://app.test", routes=PUBLIC
        )
        assert (await running.ask(request("/"))).all(b"set-cookie") == []


async def test_a_page_of_the_same_origin_may_post_and_of_another_not(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, routes=SIGNED_IN)
    cookie = (await running.sign_in()).strip()

    for origin, status in [("http://app.test", 200), ("http://evil.test", 403), (URL, 403)]:
        asked = request("/notes/a", cookie, f"Origin: {origin}", method="POST")
        assert (await running.ask(asked)).status == status
    for origin, status in [("http://evil.test", 403), (URL, 403), ("http://app.test", 200)]:
        asked = request("/notes/_gatepost/logout", cookie, f"Origin: {origin}", method="POST")
        assert (await running.ask(asked)).status == status


async def test_the_documents_of_standards_are_where_these_put_them(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, **EVERY)
    resource = "/.well-known/oauth-protected-resource"

    for path, told in [("/notes", "/notes"), ("/notes/api", "/notes/api"), ("/notes/", "/notes/")]:
        got = await running.ask(request(resource + path))
        assert got.status == 200
        assert f'"resource":"http://app.test{told}"'.encode() in got.body
    for path in ("", "/", "/api", "/notesx"):
        assert (await running.ask(request(resource + path))).status == 404

    for path in (
        "/.well-known/oauth-authorization-server/notes/_gatepost",
        "/notes/_gatepost/.well-known/oauth-authorization-server",
    ):
        got = await running.ask(request(path, "Accept: application/json"))
        assert got.status in (200, 503)  # The provider is not there to be asked.
    wrong = "/.well-known/oauth-authorization-server/_gatepost"
    assert (await running.ask(request(wrong))).status == 404

    got = await running.ask(request("/notes/api/x"))
    (found,) = re.findall(b'resource_metadata="([^"]*)"', b" ".join(got.all(b"www-authenticate")))
    assert found == f"http://app.test{resource}/notes/api".encode()
    got = await running.ask(request("/notes/x"))
    (found,) = re.findall(b'resource_metadata="([^"]*)"', b" ".join(got.all(b"www-authenticate")))
    assert found == f"http://app.test{resource}/notes".encode()


async def test_machines_reach_it_under_another_host_below_the_same_path(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, routes=PUBLIC)

    def inside(target):
        return request(target).replace(b"Host: app.test", b"Host: gatepost:8080")

    path = "/_gatepost/.well-known/jwks.json"
    assert (await running.ask(inside(BASE + path))).status == 200
    assert (await running.ask(inside(path))).status == 421
    assert (await running.ask(inside(f"{BASE}/_gatepost/whoami"))).status == 421
    assert (await running.ask(inside(f"{BASE}/a"))).status == 421


async def test_each_host_has_its_own_path(gateway, raw_upstream):
    app = await raw_upstream(OK)
    urls = [URL, "http://wiki.test", "http://files.test/a/b"]
    running = await gateway(app.url, public_url=urls, routes=PUBLIC)

    def at(host, target):
        return request(target).replace(b"app.test", host)

    for host, target, status in [
        (b"app.test", "/notes/_gatepost/whoami", 401),
        (b"app.test", "/_gatepost/whoami", 404),
        (b"wiki.test", "/_gatepost/whoami", 401),
        (b"wiki.test", "/notes/_gatepost/whoami", 200),  # The app's, as everything else there.
        (b"files.test", "/a/b/_gatepost/whoami", 401),
        (b"files.test", "/a", 404),
        (b"files.test", "/a/b", 200),
    ]:
        assert (await running.ask(at(host, target))).status == status, (host, target)


async def test_a_proxy_asks_below_the_path(gateway):
    running = await gateway(
        public_url=URL,
        routes=SIGNED_IN,
        forward_auth={"dialect": "traefik"},
        server={"trusted_proxies": ["127.0.0.1"]},
    )
    about = ["X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.test"]
    about += ["X-Forwarded-For: 192.0.2.7", NAVIGATION]

    def asking(path, uri):
        return request(path, *about, f"X-Forwarded-Uri: {uri}")

    got = await running.ask(asking("/notes/_gatepost/auth", "/notes/a"))
    assert got.status == 302
    where = b"http://app.test/notes/_gatepost/sign-in?return_to=/notes/a"
    assert got.all(b"location") == [where]
    assert (await running.ask(asking("/notes/_gatepost/auth", "/a"))).status == 404
    assert (await running.ask(asking("/_gatepost/auth", "/notes/a"))).status == 404


async def test_where_to_go_after_a_sign_in_is_a_page_of_ours_by_default(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, public_url=URL, **EVERY)

    for asked, home in [
        ("", b"/notes/"),
        ("?return_to=//evil.example/", b"/notes/"),
        ("?return_to=/notes/_gatepost/login/idp", b"/notes/"),
        ("?return_to=/notes/a", b"/notes/a"),
        ("?return_to=/elsewhere", b"/elsewhere"),
    ]:
        got = await running.ask(request(f"/notes/_gatepost/sign-in{asked}", NAVIGATION))
        assert got.status == 200
        assert b'name="return_to" value="' + home + b'"' in got.body, asked
