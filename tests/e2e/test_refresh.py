"""Refreshing through real gateways at a real provider that rotates refresh tokens.

The provider ends the whole grant where an old refresh token comes back, so one call too many
would sign the user out: what succeeds here has asked once.
"""

import asyncio

import aiohttp
import pytest

from tests.e2e.signed_in import OK, ask, browser, sign_in, start_cluster
from tests.patience import PATIENCE_S, until


@pytest.fixture
def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    async def run(*, provider=None, **options):
        found = start_oidc_provider(**(provider or {}))
        upstream = await raw_upstream(OK)
        cluster = start_cluster(gateway_process, found, upstream.url, tmp_path, **options)
        return cluster, upstream

    return run


async def crowd(cluster, cookie, count):
    """Statuses of `count` requests at once, spread over the gateways."""
    headers = {"Host": cluster.origin.removeprefix("http://"), "Cookie": f"gatepost={cookie}"}
    urls = cluster.urls("/page")
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:

        async def one(url):
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                await response.read()
                return response.status

        return await asyncio.gather(*(one(next(urls)) for _ in range(count)))


def access_token(head):
    return head.partition(b"\r\nX-Token: ")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize(("store", "count"), [("sqlite", 2), ("memory", 1)])
async def test_a_crowd_over_one_expired_token_refreshes_once(start, store, count):
    slow = {"ttl": {"AccessToken": 2}, "delay": {"/token": 1000}}
    cluster, _ = await start(provider=slow, count=count, store=store)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
    await asyncio.sleep(2)  # The provider's clock decides when the token is over.

    statuses = await crowd(cluster, cookie, 100)

    assert statuses == [200] * 100
    assert cluster.granted() == 1
    assert cluster.metric("gatepost_session_refreshes_total") == 1
    assert cluster.metric('gatepost_session_refreshes_total{outcome="success"') == 1


async def test_ahead_of_its_end_no_request_waits_and_what_the_provider_says_counts(start):
    slow = {"ttl": {"AccessToken": 8}, "delay": {"/token": 2000}}
    cluster, upstream = await start(provider=slow, count=2)
    cluster.provider.set_claims("ben", groups=["old"])
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ben")
    cluster.provider.set_claims("ben", groups=["new"])

    def is_asked():
        # The other time was for the code.
        return cluster.provider.log_path.read_text().count("asked: /token") == 2

    answered_meanwhile = 0
    async with asyncio.timeout(PATIENCE_S):
        while cluster.metric("gatepost_session_refreshes_total") == 0:
            assert set(await crowd(cluster, cookie, 4)) == {200}
            answered_meanwhile += is_asked() and not cluster.granted()
            await asyncio.sleep(0.1)
    assert cluster.granted() == 1
    assert answered_meanwhile > 0

    async def every_gateway_knows():
        del upstream.heads[:]
        await crowd(cluster, cookie, 2)
        return all(b"\r\nRemote-Groups: new\r\n" in head for head in upstream.heads)

    await until(every_gateway_knows)


async def test_a_grant_that_is_over_ends_the_session_everywhere(start):
    # The refresh token is over before the access token is used again.
    cluster, _ = await start(provider={"ttl": {"AccessToken": 1, "RefreshToken": 1}}, count=2)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "cat")
    await asyncio.sleep(2)

    status, body = await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin)

    assert (status, b"session-expired" in body) == (401, True)
    other = cluster.gateways[1].base_url
    assert (await ask(cookie, "GET", f"{other}/page", cluster.origin))[0] == 401
    assert cluster.metric('gatepost_session_refreshes_total{outcome="refresh-refused"') == 1


async def test_a_provider_that_is_down_keeps_the_session_and_is_left_alone(start):
    cluster, _ = await start(provider={"ttl": {"AccessToken": 1}}, count=2)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "dan")
    cluster.provider.stop()
    await asyncio.sleep(1)

    assert await crowd(cluster, cookie, 50) == [200] * 50

    failures = cluster.metric('gatepost_session_refreshes_total{outcome="provider-unavailable"')
    assert 1 <= failures <= 2
    assert await crowd(cluster, cookie, 50) == [200] * 50
    assert cluster.metric("gatepost_session_refreshes_total") == failures


async def test_the_store_is_hardly_asked_in_steady_state(start):
    cluster, _ = await start()
    async with browser() as session:
        cookie = await sign_in(session, cluster, "eve")
    await crowd(cluster, cookie, 20)
    name = "gatepost_store_duration_seconds_count"
    cluster.metric(name)
    before = cluster.metric(name)

    for _ in range(20):
        assert set(await crowd(cluster, cookie, 100)) == {200}

    # One of them is the scrape's own, for the number of sessions.
    assert (cluster.metric(name) - before) / 2000 < 0.01
