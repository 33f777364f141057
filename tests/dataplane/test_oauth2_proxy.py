"""The paths of oauth2-proxy on the wire: who may ask, what narrows, and where `rd` may lead."""

import pytest

from tests.dataplane.harness import request

HOST = "app.test"
ROUTES = [
    {"name": "open", "prefix": "/public", "access": "public"},
    {"name": "board", "prefix": "/board", "access": {"allow": [{"group": "board"}]}},
    {"name": "rest", "prefix": "/", "access": {"allow": [{"group": "staff"}]}},
]
REAL_IP = "X-Real-IP: 192.0.2.1"
NAVIGATION = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
TOLD = {
    b"x-auth-request-user": b"alice",
    b"x-auth-request-email": b"alice@example.com",
    b"x-auth-request-preferred-username": b"",
    b"x-auth-request-groups": b"staff,all",
}


@pytest.fixture
async def asked(gateway):
    """Start a gateway that answers for oauth2-proxy: ``await asked(dialect="traefik")``."""

    async def start(dialect="nginx", trusted=("127.0.0.1",), **changes):
        return await gateway(
            **{
                "server": {"trusted_proxies": list(trusted)},
                "forward_auth": {"dialect": dialect},
                "compatibility": "oauth2-proxy",
                "routes": ROUTES,
                **changes,
            }
        )

    return start


def at(host, target, *lines):
    """A request to another host."""
    return request(target, *lines).replace(b"Host: app.test", f"Host: {host}".encode())


async def line_of(running, user="alice", **changes):
    return (await running.sign_in(user, **changes)).decode().strip()


def about(target, *lines, host=HOST):
    """What Traefik asks."""
    told = [
        "X-Forwarded-Method: GET",
        "X-Forwarded-Proto: http",
        f"X-Forwarded-Host: {host}",
        f"X-Forwarded-Uri: {target}",
        "X-Forwarded-For: 192.0.2.1",
    ]
    return request("/oauth2/auth", *told, *lines)


async def test_who_is_signed_in_is_202_with_oauth2_proxys_fields_and_no_assertion(asked):
    running = await asked()
    answer = await running.ask(request("/oauth2/auth", REAL_IP, await line_of(running)))
    assert answer.status == 202
    assert {name: answer.all(name) for name in TOLD} == {k: [v] for k, v in TOLD.items()}
    assert not answer.all(b"gatepost-assertion")
    assert not answer.all(b"remote-user")


async def test_an_app_field_of_that_name_is_told_too(asked):
    headers = {"X-Auth-Request-Access-Token": "{access_token}", "X-Auth-Request-User": "{email}"}
    running = await asked(
        upstreams={"app": {"url": "http://127.0.0.1:9", "identity": {"headers": headers}}}
    )
    answer = await running.ask(request("/oauth2/auth", REAL_IP, await line_of(running)))
    assert answer.all(b"x-auth-request-user") == [b"alice@example.com"]
    assert answer.all(b"x-auth-request-access-token") == [b""]


@pytest.mark.parametrize("dialect", ["nginx", "traefik", "caddy"])
async def test_nobody_and_a_bad_cookie_are_401_for_navigations_too(asked, dialect):
    running = await asked(dialect)
    for lines in ((), NAVIGATION, ("Cookie: gatepost=made-up",), ("Authorization: Bearer x.y.z",)):
        data = (
            request("/oauth2/auth", REAL_IP, *lines)
            if dialect == "nginx"
            else about("/notes", *lines)
        )
        answer = await running.ask(data)
        assert answer.status == 401, lines
        assert answer.all(b"www-authenticate")


async def test_with_nginx_no_field_says_which_page_it_is_about(asked):
    running = await asked()
    outsider = await line_of(running, "eve", groups=("other",))
    forged = [
        ("X-Original-URL: http://app.test/public", "X-Original-Method: GET"),
        ("X-Forwarded-Uri: /public", "X-Forwarded-Method: GET"),
        ("X-Auth-Request-Redirect: /public",),
    ]
    for lines in ((), *forged):
        assert (await running.ask(request("/oauth2/auth", REAL_IP, *lines))).status == 401
        answer = await running.ask(request("/oauth2/auth", REAL_IP, outsider, *lines))
        assert answer.status == 403, lines


async def test_with_nginx_the_host_is_that_of_the_question_alone(asked):
    routes = [
        {"name": "admin", "host": "admin.test", "prefix": "/", "access": "denied"},
        {"name": "app", "prefix": "/", "access": "signed_in"},
    ]
    running = await asked(routes=routes)
    cookie = await line_of(running)
    assert (await running.ask(request("/oauth2/auth", REAL_IP, cookie))).status == 202
    for line in ("X-Forwarded-Host: app.test", "X-Original-URL: http://app.test/", "A: b"):
        data = at("admin.test", "/oauth2/auth", REAL_IP, cookie, line)
        assert (await running.ask(data)).status == 403, line
    data = at("evil.test", "/oauth2/auth", REAL_IP, cookie)
    assert (await running.ask(data)).status == 403


async def test_with_nginx_hosts_of_a_star_are_asked_about(asked):
    running = await asked(public_url="http://*.apps.test")
    cookie = await line_of(running)
    for host, status in [("a.apps.test", 202), ("b.a.apps.test", 403), ("apps.test", 403)]:
        data = at(host, "/oauth2/auth", REAL_IP, cookie)
        assert (await running.ask(data)).status == status, host


async def test_with_nginx_the_address_is_that_of_x_real_ip_alone(asked):
    routes = [{"name": "office", "prefix": "/", "access": {"allow": [{"ip": "192.0.2.0/24"}]}}]
    running = await asked(routes=routes)
    cookie = await line_of(running)
    for lines, status in (
        ((REAL_IP,), 202),
        ((REAL_IP, "X-Forwarded-For: 198.51.100.1"), 202),
        (("X-Real-IP: 198.51.100.1", "X-Forwarded-For: 192.0.2.1"), 403),
        (("X-Forwarded-For: 192.0.2.1",), 403),
        (("X-Real-IP: me",), 403),
        ((REAL_IP, REAL_IP), 403),
        ((), 403),
    ):
        answer = await running.ask(request("/oauth2/auth", cookie, *lines))
        assert answer.status == status, lines


@pytest.mark.parametrize("dialect", ["traefik", "caddy"])
async def test_a_proxy_that_names_the_page_gets_the_rules_of_that_page(asked, dialect):
    running = await asked(dialect)
    cookie = await line_of(running)
    for target, lines, status in (
        ("/public", (), 202),
        ("/notes", (cookie,), 202),
        ("/board", (cookie,), 403),
        ("/public/../board", (cookie,), 400),
        ("/oauth2/start", (cookie,), 404),
        ("/_gatepost/whoami", (cookie,), 404),
    ):
        assert (await running.ask(about(target, *lines))).status == status, target


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("allowed_groups=staff", 202),
        ("allowed_groups=board,staff", 202),
        ("allowed_groups=board&allowed_groups=staff", 202),
        ("allowed_groups=board", 403),
        ("allowed_groups=", 403),
        ("allowed_groups=,", 403),
        ("allowed_groups=STAFF", 403),
        ("allowed_emails=alice@example.com", 202),
        ("allowed_emails=ALICE@example.com", 202),
        ("allowed_emails=bob@example.com", 403),
        ("allowed_email_domains=example.com", 202),
        ("allowed_email_domains=example.org", 403),
        ("allowed_users=alice", 202),
        ("allowed_users=bob", 403),
        ("allowed_groups=staff&allowed_emails=bob@example.com", 403),
        ("allowed_groups=staff&allowed_emails=bob@example.com&require_all_matches=false", 202),
        ("allowed_groups=board&allowed_emails=bob@example.com&require_all_matches=false", 403),
        ("constraints_required=true", 403),
        ("constraints_required=true&allowed_groups=staff", 202),
        ("allowed_roles=admin", 400),
        ("allowed_group=staff", 400),
        ("Allowed_groups=staff", 400),
        ("allowed_email_domains=*", 400),
        ("allowed_email_domains=.example.com", 400),
        ("allowed_emails=everybody", 400),
        ("require_all_matches=maybe", 400),
        ("allowed_groups=%ff", 400),
        ("allowed_groups", 400),
        ("&".join(["allowed_groups=staff"] * 51), 400),
    ],
)
async def test_a_query_lets_fewer_in_and_never_more(asked, query, status):
    for dialect in ("nginx", "traefik"):
        running = await asked(dialect)
        cookie = await line_of(running)
        asked_about = request if dialect == "nginx" else None
        if asked_about is not None:
            data = request(f"/oauth2/auth?{query}", REAL_IP, cookie)
        else:
            data = about("/notes", cookie).replace(
                b"/oauth2/auth", f"/oauth2/auth?{query}".encode()
            )
        answer = await running.ask(data)
        # nginx knows no 400.
        expected = 403 if dialect == "nginx" and status == 400 else status
        assert answer.status == expected, (dialect, answer)
        outsider = await line_of(running, "eve", groups=("board",))
        answer = await running.ask(data.replace(cookie.encode(), outsider.encode()))
        assert answer.status in (400, 403)


async def test_what_demands_something_is_not_met_on_a_public_page(asked):
    running = await asked("traefik")
    data = about("/public").replace(b"/oauth2/auth", b"/oauth2/auth?allowed_groups=staff")
    assert (await running.ask(data)).status == 401


async def test_only_a_trusted_proxy_may_ask_and_only_by_get(asked):
    running = await asked(trusted=("192.0.2.9",))
    answer = await running.ask(request("/oauth2/auth", REAL_IP, await line_of(running)))
    assert answer.status == 403
    assert b"untrusted-proxy" in answer.body
    running = await asked("traefik")
    data = about("/public").replace(b"GET /oauth2", b"POST /oauth2")
    assert (await running.ask(data)).status == 405


async def test_without_the_setting_the_paths_are_the_apps(asked):
    running = await asked(compatibility=None, routes=[ROUTES[0] | {"prefix": "/oauth2"}])
    for path in ("auth", "start", "sign_in", "sign_out", "callback", "userinfo"):
        # The app is not there.
        assert (await running.ask(request(f"/oauth2/{path}", REAL_IP))).status == 502, path


async def test_what_is_not_known_below_the_prefix_never_reaches_an_app(asked):
    routes = [{"name": "all", "prefix": "/", "access": "public"}]
    running = await asked(routes=routes)
    for target in ("/oauth2/static/x.css", "/oauth2/", "/oauth2/auth/x", "/oauth2/%73tatic"):
        assert (await running.ask(request(target))).status == 404, target
    # Outside the prefix, the app answers, and is not there.
    assert (await running.ask(request("/ping"))).status == 502
    assert (await running.ask(request("/oauth2"))).status == 502


async def test_userinfo_says_who_is_signed_in(asked):
    running = await asked()
    answer = await running.ask(request("/oauth2/userinfo", await line_of(running)))
    assert answer.status == 200
    assert b'"email":"alice@example.com"' in answer.body
    assert b'"groups":["staff","all"]' in answer.body
    assert (await running.ask(request("/oauth2/userinfo"))).status == 401


async def test_a_script_is_not_redirected_to_the_sign_in(asked):
    running = await asked()
    answer = await running.ask(request("/oauth2/sign_in?rd=/notes", "Accept: application/json"))
    assert answer.status == 401


async def test_with_several_providers_the_sign_in_is_the_gateways_own(asked):
    one = {"issuer": "https://id.test", "client_id": "c", "client_secret": "s"}
    running = await asked(providers={"one": one, "two": {**one, "issuer": "https://two.test"}})
    for path in ("start", "sign_in"):
        answer = await running.ask(request(f"/oauth2/{path}?rd=/notes", *NAVIGATION))
        assert answer.status == 302
        assert answer.all(b"location") == [b"/_gatepost/sign-in?return_to=/notes"]
    assert (await running.ask(request("/oauth2/callback?code=a&state=b"))).status == 404


async def test_signing_out_is_asked_about_where_another_site_could_cause_it(asked):
    running = await asked()
    cookie = await line_of(running)
    for lines in ((), ("Sec-Fetch-Site: cross-site",), ("Sec-Fetch-Site: same-site",)):
        data = request("/oauth2/sign_out?rd=/bye", cookie, *NAVIGATION, *lines)
        answer = await running.ask(data)
        assert answer.status == 200
        assert b'action="/oauth2/sign_out?rd=/bye"' in answer.body
    data = request("/oauth2/sign_out", cookie, "Origin: http://evil.test", "Content-Length: 0")
    assert (await running.ask(data.replace(b"GET", b"POST", 1))).status == 403
    assert (await running.ask(request("/oauth2/auth", REAL_IP, cookie))).status == 202
    data = request("/oauth2/sign_out?rd=/bye", cookie, *NAVIGATION, "Sec-Fetch-Site: same-origin")
    answer = await running.ask(data)
    assert (answer.status, answer.all(b"location")) == (302, [b"/bye"])
    assert (await running.ask(request("/oauth2/auth", REAL_IP, cookie))).status == 401


async def test_rd_leads_nowhere_else(asked):
    running = await asked(
        public_url=["http://app.test", "http://a.example.com", "http://b.example.com"],
        routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
    )
    for rd, where in {
        "/notes?a=b": b"/notes?a=b",
        "http://app.test/notes": b"/notes",
        "http://APP.test:80/notes": b"/notes",
        "http://app.test": b"/",
        # Another host of this gateway, without a cookie in common.
        "http://a.example.com/x": b"/",
        "https://app.test/notes": b"/",
        "http://app.test:81/notes": b"/",
        "http://app.test@evil.test/": b"/",
        "http://app.test%2f@evil.test/": b"/",
        "http://evil.test/": b"/",
        "http://app.test.evil.test/": b"/",
        "//evil.test/": b"/",
        "/%5cevil.test": b"/%5cevil.test",
        "http:/evil.test": b"/",
        "http:evil.test": b"/",
        "javascript:alert(1)": b"/",
        "http://app.test//evil.test": b"/",
        "http://app.test/../x": b"/",
        "http://app.test/oauth2/sign_in": b"/",
        "/oauth2/start": b"/",
        "/%6fauth2/start": b"/",
        "http://app.test/oauth2%2fstart": b"/",
        "/_gatepost/sign-in": b"/",
        "/_gatepost/%73ign-in": b"/",
    }.items():
        query = "".join(f"%{byte:02x}" for byte in rd.encode())
        answer = await running.ask(request(f"/oauth2/return?rd={query}"))
        assert (answer.status, answer.all(b"location")) == (302, [where]), rd


async def test_rd_leads_to_hosts_that_share_the_cookie(asked):
    running = await asked(
        public_url=["http://auth.example.com", "http://app.example.com"],
        sessions={"cookie": {"domain": "example.com"}},
        routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
    )
    for rd, where in {
        "http://app.example.com/x?y=z": b"http://app.example.com/x?y=z",
        "http://other.example.com/x": b"/",
        "https://app.example.com/x": b"/",
        "http://app.example.com//evil.test": b"/",
        "http://app.example.com/oauth2/start": b"/",
    }.items():
        query = "".join(f"%{byte:02x}" for byte in rd.encode())
        data = at("auth.example.com", f"/oauth2/return?rd={query}")
        assert (await running.ask(data)).all(b"location") == [where], rd
