"""The app's own sign-out, and where a browser goes after it."""

import asyncio

import pytest

from tests.dataplane.harness import Client
from tests.e2e.signed_in import ask, browser, sign_in, start_cluster
from tests.fixtures.network import take_free_port

LEFT = (
    b"HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: sid=; Max-Age=0\r\n"
    b"Set-Cookie: gatepost=planted\r\nset-cookie: note=bye; Path=/\r\nContent-Length: 4\r\n\r\ngone"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin")


async def app(connection):
    """Signs out on `/logout`, whichever method, and answers everything else."""
    while head := await connection.read_head():
        if b"\r\ncontent-length: 5\r\n" in head.lower():
            assert await connection.read(5) == b"sid=1"
        await connection.send(LEFT if b" /logout " in head.partition(b"\r\n")[0] else OK)


@pytest.fixture
def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    async def run(upstream_url=None, **upstream):
        there = await raw_upstream(app)
        url = upstream_url or there.url
        settings = {"app": {"url": url, "logout_paths": ["/logout"], **upstream}}
        provider = start_oidc_provider()
        return start_cluster(gateway_process, provider, url, tmp_path, upstreams=settings), there

    return run


async def signed_in(cluster):
    async with browser() as session:
        return await sign_in(session, cluster, "ann")


async def leave(cluster, cookie, *lines, method="GET", body=b""):
    """The answers to a request for `/logout`, and to one that is sent right behind it."""
    client = Client(*await asyncio.open_connection("127.0.0.1", cluster.gateways[0].port))
    host = f"Host: {cluster.origin.removeprefix('http://')}"
    head = [f"{method} /logout HTTP/1.1", host, f"Cookie: gatepost={cookie}", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    behind = f"GET /_gatepost/whoami HTTP/1.1\r\n{host}\r\n\r\n"
    try:
        await client.send("\r\n".join([*head, "", ""]).encode() + body + behind.encode())
        return await client.response(method), await client.response()
    finally:
        client.abort()


async def is_over(cluster, cookie):
    return (await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin))[0] == 401


def cookies(answer):
    return [value.partition(b";")[0] for value in answer.all(b"set-cookie")]


@pytest.mark.parametrize(("method", "body", "status"), [("GET", b"", 302), ("POST", b"sid=1", 303)])
async def test_a_browser_goes_on_to_the_provider_with_the_apps_cookies(start, method, body, status):
    cluster, there = await start()
    cookie = await signed_in(cluster)

    answer, behind = await leave(cluster, cookie, *NAVIGATION, method=method, body=body)

    (location,) = answer.all(b"location")
    assert answer.status == status
    assert location.startswith(f"{cluster.provider.issuer}/session/end?".encode())
    assert b"id_token_hint=" in location
    assert (answer.body, answer.all(b"cache-control")) == (b"", [b"no-store"])
    # The app's pass on, less one of the gateway's name; the gateway's own are cleared.
    assert {b"sid=", b"note=bye", b"gatepost="} <= set(cookies(answer))
    assert b"gatepost=planted" not in cookies(answer)
    assert there.connections == 1
    assert behind.status == 401
    assert await is_over(cluster, cookie)


@pytest.mark.parametrize(
    ("then", "lines", "status", "location", "page"),
    [
        ("page", NAVIGATION, 200, [], b"You are signed out"),
        ("app", NAVIGATION, 302, [b"/"], b"gone"),
        # A script of the app's gets what the app says.
        ("provider", ["Sec-Fetch-Mode: cors"], 302, [b"/"], b"gone"),
        ("provider", ["Accept: */*"], 302, [b"/"], b"gone"),
        ("page", ["Accept: */*"], 302, [b"/"], b"gone"),
    ],
)
async def test_or_where_the_operator_and_the_app_say(start, then, lines, status, location, page):
    cluster, _ = await start(logout_then=then)
    cookie = await signed_in(cluster)

    answer, _ = await leave(cluster, cookie, *lines)

    assert (answer.status, answer.all(b"location")) == (status, location)
    assert page in answer.body
    assert b"note=bye" in cookies(answer)
    assert await is_over(cluster, cookie)


async def test_an_app_that_is_down_keeps_nobody_signed_in(start):
    cluster, _ = await start(f"http://127.0.0.1:{take_free_port()}")
    cookie = await signed_in(cluster)

    answer, _ = await leave(cluster, cookie, *NAVIGATION)

    assert answer.status == 302
    assert answer.all(b"location")[0].startswith(f"{cluster.provider.issuer}/session/end?".encode())
    assert b"gatepost=" in cookies(answer)
    assert await is_over(cluster, cookie)
    cluster.gateways[0].wait_for_audit(reason="upstream-refused")
