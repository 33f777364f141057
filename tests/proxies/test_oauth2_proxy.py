"""nginx as it is configured for oauth2-proxy, in front of an app, asking the gateway."""

from contextlib import contextmanager
from urllib.parse import urljoin

import aiohttp
import pytest

from tests.e2e.people import HTML, Browser
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.network import take_free_port
from tests.fixtures.real_clock import real_clock
from tests.proxies.conftest import Fronted, app, listens, running

__all__ = ["real_clock"]

NAVIGATION = {**HTML, "Sec-Fetch-Mode": "navigate"}
# As oauth2-proxy's users have it: nothing of Gatepost is in it but the address.
CONFIGURATION = """
server {
    listen 127.0.0.1:%(port)d;
    location /oauth2/ {
        proxy_pass http://%(gateway)s;
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Auth-Request-Redirect $request_uri;
    }
    location = /oauth2/auth {
        proxy_pass http://%(gateway)s;
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
    }
    location /board/ {
        auth_request /oauth2/auth_board;
        proxy_pass http://%(app)s;
    }
    location = /oauth2/auth_board {
        internal;
        proxy_pass http://%(gateway)s/oauth2/auth?allowed_groups=board;
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
    }
    location / {
        auth_request /oauth2/auth;
        error_page 401 = /oauth2/sign_in;
        auth_request_set $user $upstream_http_x_auth_request_user;
        auth_request_set $email $upstream_http_x_auth_request_email;
        auth_request_set $groups $upstream_http_x_auth_request_groups;
        auth_request_set $auth_cookie $upstream_http_set_cookie;
        proxy_set_header X-User $user;
        proxy_set_header X-Email $email;
        proxy_set_header X-Groups $groups;
        add_header Set-Cookie $auth_cookie;
        proxy_pass http://%(app)s;
    }
}
"""


@contextmanager
def _nginx(directory, port, gateway, upstream):
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {directory}/{name};" for name in kinds)
    inside = CONFIGURATION % {"port": port, "gateway": gateway, "app": upstream}
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid;\n"
        f"events {{ }}\nhttp {{ access_log off; {paths}\n{inside}\n}}\n"
    )
    command = ["nginx", "-c", str(config), "-p", str(directory)]
    with running(command, directory, port, lambda it: listens(it, "/oauth2/userinfo")):
        yield


@pytest.fixture
async def moved(tmp_path, gateway_process, demo_provider, raw_upstream):
    """An app behind nginx that asks at oauth2-proxy's paths."""
    upstream = await raw_upstream(lambda connection: app(upstream, connection))
    port, listen = take_free_port(), take_free_port()
    public = f"http://127.0.0.1:{port}"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [f"{public}/oauth2/callback"]})
    gateway = gateway_process(
        {
            "public_url": public,
            "server": {"listen": f"127.0.0.1:{listen}", "trusted_proxies": ["127.0.0.1"]},
            "forward_auth": {"dialect": "nginx"},
            "compatibility": "oauth2-proxy",
            "upstreams": {"app": upstream.url},
            "providers": {
                "oidc": {
                    "issuer": provider.issuer,
                    "client_id": "notes",
                    "claims": {"user": "preferred_username"},
                }
            },
            "routes": [
                {"name": "open", "prefix": "/public", "access": "public"},
                {"name": "app", "prefix": "/", "access": "signed_in"},
            ],
        }
    )
    with _nginx(tmp_path, port, f"127.0.0.1:{listen}", f"127.0.0.1:{upstream.port}"):
        fronted = Fronted("nginx", port, gateway, upstream.heads, "")
        yield fronted
        for client in fronted.clients:
            client.abort()


async def _sign_in(moved, browser, page, user="alice"):
    """Visit `page`, sign in at the provider, and come back; the status and the last URL."""
    async with browser.session.get(page, headers=NAVIGATION, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        at_provider = urljoin(page, response.headers["Location"])
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        callback = await sign_in_at_demo_provider(session, at_provider, user)
    assert callback.startswith(f"{moved.url}/oauth2/callback?")
    async with browser.session.get(callback, headers=NAVIGATION) as response:
        return response.status, str(response.url)


async def test_a_sign_in_returns_to_the_page_with_the_redirect_uri_of_before(moved):
    page = f"{moved.url}/notes/a?b=c&d=e"
    async with Browser(moved.url) as browser:
        assert await _sign_in(moved, browser, page) == (200, page)
    got = moved.got()
    assert got["x-user"] == ["alice"]
    assert got["x-email"] == ["alice@example.com"]
    assert moved.heads[-1].startswith(b"GET /notes/a?b=c&d=e ")


async def test_nobody_gets_to_the_app_without_a_sign_in(moved):
    forged = [
        (),
        (f"X-Original-URL: {moved.url}/public", "X-Original-Method: GET"),
        ("X-Forwarded-Uri: /public", "X-Forwarded-Host: evil.test"),
        ("X-Auth-Request-User: alice", "X-User: alice"),
        ("Cookie: _oauth2_proxy=abc; gatepost=abc",),
    ]
    for lines in forged:
        for target in ("/notes", "/public", "/board/x"):
            answer = await moved.ask(target, *lines)
            assert answer.status in (401, 403, 421), (target, lines)
    assert moved.heads == []


async def test_a_group_in_the_query_keeps_others_out(moved):
    async with Browser(moved.url) as browser:
        assert (await _sign_in(moved, browser, f"{moved.url}/notes"))[0] == 200
        async with browser.session.get(f"{moved.url}/board/x", headers=NAVIGATION) as response:
            assert response.status == 403
    assert not any(b"/board" in head for head in moved.heads)


async def test_after_a_sign_out_nobody_is_signed_in(moved):
    async with Browser(moved.url) as browser:
        assert (await _sign_in(moved, browser, f"{moved.url}/notes"))[0] == 200
        about = {**NAVIGATION, "Sec-Fetch-Site": "same-origin"}
        url = f"{moved.url}/oauth2/sign_out?rd=/oauth2/userinfo"
        async with browser.session.get(url, headers=about, allow_redirects=False) as response:
            assert response.status in (200, 302)
        async with browser.session.get(f"{moved.url}/oauth2/userinfo") as response:
            assert response.status == 401
        async with browser.session.get(f"{moved.url}/notes") as response:
            assert response.status == 401
