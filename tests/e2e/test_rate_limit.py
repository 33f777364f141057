"""Rate limits and deprecated routes, through a whole gateway."""

import itertools

import pytest

from tests.dataplane.harness import request
from tests.dataplane.harness import start_gateway as start_in_loop
from tests.e2e.raw import OK, connect
from tests.patience import until

LIMIT = {"requests": 2, "per": "1m"}
DENY_BOB = {"deny": [{"user": "bob"}]}


@pytest.fixture
async def running(raw_upstream, tmp_path):
    """A gateway in this event loop: ``await running({route}, …)``."""
    started = []

    async def start(*routes, answer=OK, **settings):
        app = await raw_upstream(answer)
        changes = {"upstreams": {"app": {"url": app.url}}, "routes": list(routes), **settings}
        started.append(await start_in_loop(tmp_path, changes))
        return started[-1], app

    yield start

    for gateway in started:
        for client in gateway.clients:
            client.writer.close()
        await gateway.gateway.stop()


def route(name, **settings):
    return {"name": name, "path": f"/{name}", "access": "public", **settings}


async def statuses(gateway, times, *args):
    return [(await gateway.ask(request(*args))).status for _ in range(times)]


async def test_over_the_rate_is_429_with_the_time_to_wait(running):
    gateway, app = await running(route("limited", rate_limit=LIMIT), route("free"))

    assert await statuses(gateway, 2, "/limited") == [200, 200]
    over = await gateway.ask(request("/limited"))

    assert over.status == 429
    assert b'"reason":"rate-limited"' in over.body
    (wait,) = over.all(b"retry-after")
    # A token comes every thirty seconds, and some of them have passed.
    assert 0 < int(wait) <= 30
    assert len(app.heads) == 2
    assert await statuses(gateway, 5, "/free") == [200] * 5


async def test_a_client_is_told_how_many_requests_are_left(running):
    limit = {"requests": 3, "per": "3h", "by": "ip"}
    gateway, _ = await running(route("limited", rate_limit=limit), route("free"))

    answers = [await gateway.ask(request("/limited")) for _ in range(4)]

    found = [it.all(b"ratelimit")[0].decode().split(";") for it in answers]
    assert [(name, left) for name, left, _ in found] == [
        ('"ip"', "r=2"),
        ('"ip"', "r=1"),
        ('"ip"', "r=0"),
        ('"ip"', "r=0"),
    ]
    # Until all are back: an hour for each; and for the last, until one is.  Some time has passed.
    resets = [int(reset.removeprefix("t=")) for *_, reset in found]
    hours = [1, 2, 3, 1]
    assert all(
        it * 3600 - 300 < reset <= it * 3600 for it, reset in zip(hours, resets, strict=True)
    )
    assert {it.all(b"ratelimit-policy")[0] for it in answers} == {b'"ip";q=3;w=10800'}
    assert [it.status for it in answers] == [200, 200, 200, 429]
    assert not (await gateway.ask(request("/free"))).all(b"ratelimit")


@pytest.mark.parametrize(
    ("cache", "is_told"),
    [
        (b"Cache-Control: public, max-age=60\r\n", False),
        (b"cache-control: max-age=1, S-MaxAge = 60\r\n", False),
        (b"Cache-Control: max-age=60\r\nCache-Control: PUBLIC\r\n", False),
        (b"Cache-Control: max-age=60, private\r\n", True),
        (b"Cache-Control: no-store\r\n", True),
        (b"X-Cache-Control: public\r\n", True),
        (b"", True),
    ],
)
async def test_what_shared_caches_may_keep_tells_nobody_of_one_clients_rate(
    running, cache, is_told
):
    kept = OK.replace(b"\r\n", b"\r\n" + cache, 1)
    gateway, _ = await running(route("limited", rate_limit=LIMIT), answer=kept)

    answer = await gateway.ask(request("/limited"))

    assert answer.status == 200
    assert bool(answer.all(b"ratelimit")) is is_told
    assert bool(answer.all(b"ratelimit-policy")) is is_told
    # The refusal is the gateway's own, and no cache keeps it.
    await gateway.ask(request("/limited"))
    over = await gateway.ask(request("/limited"))
    assert (over.status, len(over.all(b"ratelimit"))) == (429, 1)


async def test_routes_are_counted_apart(running):
    gateway, _ = await running(route("a", rate_limit=LIMIT), route("b", rate_limit=LIMIT))

    assert await statuses(gateway, 3, "/a") == [200, 200, 429]
    assert await statuses(gateway, 3, "/b") == [200, 200, 429]


async def test_each_user_has_a_rate_wherever_they_come_from(running):
    limit = {**LIMIT, "by": "user"}
    gateway, _ = await running(route("limited", access="signed_in", rate_limit=limit))
    alice, also_alice, bob = [await gateway.sign_in(it) for it in ("alice", "alice", "bob")]

    assert await statuses(gateway, 1, "/limited", alice.strip()) == [200]
    assert await statuses(gateway, 2, "/limited", also_alice.strip()) == [200, 429]
    assert await statuses(gateway, 1, "/limited", bob.strip()) == [200]


async def test_by_address_users_share_it_and_proxies_are_seen_through(running):
    limited = route("limited", access="optional", rate_limit={**LIMIT, "by": "ip"})
    gateway, _ = await running(limited, server={"trusted_proxies": ["127.0.0.0/8"]})
    alice, bob = [(await gateway.sign_in(it)).strip() for it in ("alice", "bob")]
    here, there = "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"

    assert await statuses(gateway, 1, "/limited", alice, here) == [200]
    assert await statuses(gateway, 2, "/limited", bob, here) == [200, 429]
    assert await statuses(gateway, 1, "/limited", bob, there) == [200]


async def test_a_request_that_would_not_pass_anyway_is_not_counted(running):
    gateway, _ = await running(route("limited", access=DENY_BOB, rate_limit={**LIMIT, "by": "ip"}))
    alice, bob = [(await gateway.sign_in(it)).strip() for it in ("alice", "bob")]

    assert await statuses(gateway, 3, "/limited", bob) == [403] * 3
    assert await statuses(gateway, 3, "/limited") == [401] * 3
    assert await statuses(gateway, 3, "/limited", alice) == [200, 200, 429]


DEPRECATED = {"since": "2026-01-01", "sunset": "2999-03-01", "link": "https://example.com/m"}


async def test_a_deprecated_route_says_so_on_every_answer(running):
    gateway, _ = await running(
        route("old", deprecated=DEPRECATED),
        route("mine", access="signed_in", deprecated=DEPRECATED),
        route("new"),
    )

    for target, status in (("/old", 200), ("/mine", 401)):
        answer = await gateway.ask(request(target, "User-Agent: curl/8"))
        assert answer.status == status
        assert answer.all(b"deprecation") == [b"@1767225600"]
        assert answer.all(b"sunset") == [b"Fri, 01 Mar 2999 00:00:00 GMT"]
        assert answer.all(b"link") == [
            b'<https://example.com/m>; rel="deprecation"; type="text/html"'
        ]
    assert (await gateway.ask(request("/new"))).all(b"deprecation") == []
    counted = (await gateway.gateway.numbers()).counters["deprecated_requests"]
    assert counted == {("old", "curl"): 1, ("mine", "curl"): 1}


async def test_from_the_sunset_on_a_route_is_gone(running):
    over = {"since": "2020-01-01", "sunset": "2021-01-01"}
    gateway, app = await running(route("old", deprecated=over))

    answer = await gateway.ask(request("/old"))

    assert answer.status == 410
    assert b'"reason":"gone"' in answer.body
    assert answer.all(b"sunset") == [b"Fri, 01 Jan 2021 00:00:00 GMT"]
    assert not app.heads


@pytest.mark.parametrize("fixture", ["start_redis_server", "start_postgres_server"])
async def test_machines_of_one_store_count_together(
    request, fixture, gateway_process, raw_upstream
):
    limit = {"requests": 2000, "per": "7d", "by": "ip"}
    settings = {
        "public_url": "http://notes.test",
        "store": request.getfixturevalue(fixture)().url,
        "upstreams": {"app": {"url": (await raw_upstream(OK)).url}},
        "routes": [route("limited", rate_limit=limit)],
    }
    one, other = gateway_process(settings), gateway_process(settings)

    async def left(gateway):
        client = await connect(gateway)
        head = b"GET /limited HTTP/1.1\r\nHost: notes.test\r\n\r\n"
        answer = await client.ask(head)
        client.writer.transport.abort()
        return int(answer.all(b"ratelimit")[0].split(b";")[1].removeprefix(b"r="))

    for _ in range(300):
        await left(one)
    asked = itertools.count(1)

    async def is_told():
        return await left(other) + next(asked) <= 1700

    await until(is_told)
