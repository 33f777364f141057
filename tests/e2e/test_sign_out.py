"""Signing out from every side, through two gateways on one store: within two seconds it holds.

Each way ends the session on both gateways, closes the tunnel it was opened with at the other
one, and revokes the refresh token at the provider.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.dataplane.harness import Client
from tests.e2e.signed_in import Cluster, ask, browser, sign_in, start_cluster
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_out_at_oidc_provider
from tests.patience import soon, until

ROOT = Path(__file__).parents[2]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
BACK_CHANNEL = {
    "backchannel_logout_uri": "ORIGIN/_gatepost/backchannel-logout/oidc",
    "backchannel_logout_session_required": True,
}


async def app(connection):
    """Answers requests; what asks for an upgrade is echoed until it ends."""
    while head := await connection.read_head():
        if b"\r\nupgrade:" not in head.lower():
            await connection.send(OK)
            continue
        await connection.send(SWITCHING)
        while piece := await connection.reader.read(100):
            await connection.send(piece)
            if piece == b"chatter":
                await chatter(connection)
        return


async def chatter(connection):
    """Go on sending until the gateway closes."""
    try:
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.1)
    except ConnectionError:
        pass


class Tunnel(Client):
    """A client whose upgraded connection says everything again."""

    async def is_open(self) -> bool:
        await self.send(b"ping")
        return await soon(self.reader.readexactly(4)) == b"ping"

    async def rest(self) -> bytes:
        try:
            return await super().rest()
        finally:
            self.close()


async def open_tunnel(cluster: Cluster, number: int, cookie: str) -> Tunnel:
    port = cluster.gateways[number].port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = cluster.origin.removeprefix("http://")
    lines = ["GET /socket HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: raw"]
    lines += [f"Origin: {cluster.origin}", f"Cookie: gatepost={cookie}", "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    tunnel = Tunnel(reader, writer)
    assert await tunnel.is_open()
    return tunnel


@pytest.fixture
def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    async def run(**options):
        upstream = await raw_upstream(app)
        provider = start_oidc_provider()
        options.setdefault("client", BACK_CHANNEL)
        options.setdefault("count", 2)
        return start_cluster(gateway_process, provider, upstream.url, tmp_path, **options)

    return run


async def by_the_form(session, cluster, cookie):
    headers = {"Sec-Fetch-Site": "same-origin"}
    url = f"{cluster.origin}/_gatepost/logout"
    async with session.post(url, headers=headers, allow_redirects=False) as response:
        assert response.status == 303


async def at_the_provider(session, cluster, cookie):
    """The provider's own sign-out, which tells the gateway by back-channel."""
    url = f"{cluster.provider.issuer}/session/end?client_id={cluster.client_id}"
    await sign_out_at_oidc_provider(session, url)


async def by_a_path_of_the_app(session, cluster, cookie):
    status, body = await ask(cookie, "GET", f"{cluster.origin}/logout", cluster.origin)
    assert (status, body) == (200, b"hi")


async def by_the_api(session, cluster, cookie):
    url = f"{cluster.origin}/_gatepost/api/sessions"
    _, body = await ask(cookie, "GET", url, cluster.origin)
    (own,) = json.loads(body)
    headers = {"Sec-Fetch-Site": "same-origin"}
    status, _ = await ask(cookie, "DELETE", f"{url}/{own['id']}", cluster.origin, headers=headers)
    assert status == 204


async def by_the_account_page(session, cluster, cookie):
    headers = {"Sec-Fetch-Site": "same-origin"}
    url = f"{cluster.origin}/_gatepost/account"
    status, _ = await ask(cookie, "POST", url, cluster.origin, headers=headers, data={"end": "all"})
    assert status == 303


async def by_the_command(session, cluster, cookie):
    config = str(cluster.gateways[0].config_path)
    command = [sys.executable, "-m", "gateway", "sessions"]

    def run(*arguments):
        return subprocess.run(
            [*command, *arguments, "-c", config, "--json"],
            cwd=ROOT,
            env=clean_environment({}),
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout

    (found,) = json.loads(await asyncio.to_thread(run, "list", "--user", "ann"))
    (ended,) = json.loads(await asyncio.to_thread(run, "revoke", found["id"][:16]))
    assert ended["id"] == found["id"]


WAYS = [
    by_the_form,
    at_the_provider,
    by_a_path_of_the_app,
    by_the_api,
    by_the_account_page,
    by_the_command,
]


async def test_it_holds_everywhere_at_once(start):
    cluster = await start()
    for number, way in enumerate(WAYS, 1):
        async with browser() as session:
            cookie = await sign_in(session, cluster, "ann")
            tunnels = [await open_tunnel(cluster, number, cookie) for number in (0, 1)]

            await way(session, cluster, cookie)

            assert all(await asyncio.gather(*(tunnel.is_closed() for tunnel in tunnels))), way
            for gateway in cluster.gateways:
                url = f"{gateway.base_url}/page"
                assert (await ask(cookie, "GET", url, cluster.origin))[0] == 401, way

        async def revoked(count=number):
            return cluster.provider.log_path.read_text().count("revoked: ") >= count

        await until(revoked)


async def test_other_sessions_go_on(start):
    cluster = await start()
    async with browser() as first, browser() as second:
        cookies = [await sign_in(session, cluster, "ann") for session in (first, second)]
        tunnel = await open_tunnel(cluster, 1, cookies[1])
        await by_the_api_one(cluster, *cookies)

        url = f"{cluster.gateways[1].base_url}/page"

        async def is_out():
            return (await ask(cookies[0], "GET", url, cluster.origin))[0] == 401

        await until(is_out)
        assert await tunnel.is_open()
        assert (await ask(cookies[1], "GET", url, cluster.origin))[0] == 200
        tunnel.writer.close()


async def by_the_api_one(cluster, ended, kept):
    url = f"{cluster.origin}/_gatepost/api/sessions"
    _, body = await ask(ended, "GET", url, cluster.origin)
    (own,) = [it for it in json.loads(body) if it["current"]]
    assert len(json.loads(body)) == 2
    headers = {"Sec-Fetch-Site": "same-origin"}
    status, _ = await ask(kept, "DELETE", f"{url}/{own['id']}", cluster.origin, headers=headers)
    assert status == 204


async def test_the_development_provider_signs_out_by_back_channel(
    gateway_process, demo_provider, raw_upstream
):
    upstream = await raw_upstream(app)
    origin = f"http://127.0.0.1:{take_free_port()}"
    provider = demo_provider(
        {
            "client_id": "notes",
            "redirect_uris": [f"{origin}/_gatepost/callback/oidc"],
            "backchannel_logout_uri": f"{origin}/_gatepost/backchannel-logout/oidc",
        }
    )
    gateway_process(
        {
            "public_url": origin,
            "server": {"listen": origin.removeprefix("http://")},
            "upstreams": {"app": upstream.url},
            "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
        }
    )
    async with browser() as session:
        begin = f"{origin}/_gatepost/sign-in?return_to=/page"
        async with session.get(begin, allow_redirects=False) as response:
            there = response.headers["Location"]
        back = await sign_in_at_demo_provider(session, there, "alice")
        async with session.get(back) as response:
            assert (response.status, str(response.url)) == (200, f"{origin}/page")

        async with session.get(f"{provider.issuer}/end-session?answer=yes") as response:
            assert response.status == 200
        async with session.get(f"{origin}/page", allow_redirects=False) as response:
            assert response.status == 401


async def test_a_tunnel_ends_when_its_sessions_idle_time_is_over(start):
    cluster = await start(sessions={"idle_timeout": "2s", "absolute_timeout": "1h"})
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
        tunnel = await open_tunnel(cluster, 1, cookie)

        assert await tunnel.is_closed()
        assert (await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin))[0] == 401


async def test_what_a_client_sends_through_a_tunnel_is_use_of_its_session(start):
    cluster = await start(sessions={"idle_timeout": "3s", "absolute_timeout": "1h"})
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
        tunnel = await open_tunnel(cluster, 1, cookie)

        # Somebody types, for twice as long.
        for _ in range(24):
            await asyncio.sleep(0.25)
            assert await tunnel.is_open()
        assert (await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin))[0] == 200
        assert await tunnel.is_closed()
        assert (await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin))[0] == 401


async def test_what_an_app_sends_through_a_tunnel_is_no_use(start):
    cluster = await start(sessions={"idle_timeout": "2s", "absolute_timeout": "1h"})
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
        tunnel = await open_tunnel(cluster, 1, cookie)
        tunnel.writer.write(b"chatter")

        assert set(await tunnel.rest()) == {*b"chatter"} | {*b"x"}


async def test_a_tunnel_ends_with_the_absolute_limit(start):
    cluster = await start(sessions={"idle_timeout": "5s", "absolute_timeout": "5s"})
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
        tunnel = await open_tunnel(cluster, 1, cookie)

        assert await tunnel.is_closed()


async def test_the_oldest_session_ends_where_there_may_be_two(start):
    cluster = await start(sessions={"max_per_user": 2})
    cookies = []
    for _ in range(3):
        async with browser() as session:
            cookies.append(await sign_in(session, cluster, "ann"))

    async def statuses():
        url = f"{cluster.gateways[1].base_url}/page"
        return [(await ask(cookie, "GET", url, cluster.origin))[0] for cookie in cookies]

    assert await statuses() == [401, 200, 200]


async def test_a_sign_out_path_of_the_app_counts_on_a_public_route_too(start):
    public = {"name": "out", "path": "/logout", "access": "public"}
    rest = {"name": "rest", "prefix": "/", "access": "signed_in"}
    cluster = await start(count=1, routes=[public, rest])
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
    out, page = f"{cluster.origin}/logout", f"{cluster.origin}/page"

    for method, fields, status in [
        ("OPTIONS", {}, 200),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("GET", {}, 401),
    ]:
        assert (await ask(cookie, method, out, cluster.origin, headers=fields))[0] == 200
        assert (await ask(cookie, "GET", page, cluster.origin))[0] == status
    assert (await ask(None, "GET", out, cluster.origin))[0] == 200


async def test_a_provider_whose_logout_tokens_are_not_taken(start):
    cluster = await start(count=1, backchannel=False)
    url = f"{cluster.origin}/_gatepost/backchannel-logout/oidc"
    status, body = await ask(None, "POST", url, cluster.origin, data={"logout_token": "x"})

    assert (status, json.loads(body)["reason"]) == (404, "unknown-provider")


# What is sent, with the good cookie and one that is nobody's, and the status.
COOKIES = [
    ("gatepost={good}", 200),
    ('gatepost="{good}"', 200),
    ("gatepost={cut}", 401),
    ("gatepost=", 401),
    ("gatepost={good}A", 401),
    ("gatepost={cut}é", 401),
    ("gatepost={half}" + "A" * 32, 401),
    ("gatepost={unknown}", 401),
    ("gatepost=" + "A" * 20_000, 401),
    ("gatepost=" + "A" * 40_000, 431),
    ("gatepost=eyJhbGciOiJub25lIn0.e30.", 401),
    ("__Host-gatepost={good}; gatepost2={good}", 401),
    ("gatepost={good}; gatepost={good}", 200),
    ("gatepost={unknown}; gatepost={good}", 200),
    ("gatepost={good}; gatepost={unknown}", 200),
    ("gatepost=1; gatepost=2; gatepost=3; gatepost=4; gatepost={good}", 400),
]


async def test_a_cookie_that_is_not_what_was_given_is_nobody_and_hurts_nobody(cluster_of_one):
    cluster, good = cluster_of_one
    parts = {"good": good, "cut": good[:-1], "half": good[:32], "unknown": "A" * 64}
    for cookie, status in COOKIES:
        answer = await raw_get(cluster, cookie.format(**parts))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (cookie[:200], answer)
        assert (await raw_get(cluster, f"gatepost={good}")).startswith(b"HTTP/1.1 200 ")


async def test_a_cookie_used_after_the_sign_out_is_nobody(cluster_of_one):
    cluster, good = cluster_of_one
    headers = {"Sec-Fetch-Site": "same-origin"}
    url = f"{cluster.origin}/_gatepost/logout"
    assert (await ask(good, "POST", url, cluster.origin, headers=headers))[0] == 303

    answer = await raw_get(cluster, f"gatepost={good}")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"session-expired" in answer
    assert b"Max-Age=0" in answer


@pytest.fixture
async def cluster_of_one(start):
    cluster = await start(count=1)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
    return cluster, cookie


async def raw_get(cluster: Cluster, cookie: str) -> bytes:
    """The whole answer to a request with exactly this Cookie value."""
    parts = urlsplit(cluster.origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"GET /page HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer
