"""Kill -9 in the middle of load: of a worker, of the store's server.

Some people use their sessions all the time, others sign in and out.  Whatever is killed: nobody is
taken for somebody else, nobody with a live session is told to sign in or loses the cookie, and
once everything is back, without a restart, what was acknowledged is so: sessions live that were
begun, and none that was ended.
"""

import asyncio
import os
import signal
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.e2e.people import Browser
from tests.e2e.raw import admin
from tests.e2e.test_workers import workers
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, until

BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)


async def app(connection):
    """Answers with the name it is told."""
    while head := await connection.read_head():
        user = head.partition(b"\r\nRemote-User: ")[2].partition(b"\r\n")[0]
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(user)
        await connection.send(answer + user)


class Visitor(Browser):
    """A browser that does not repeat a request by itself: a provider's code is good for one."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.session._retry_connection = False  # As aiohttp's own test client has it.


@dataclass
class Load:
    """What people do, and what came of it.

    Attributes:
        live: Who has which session, by its cookie, as far as was acknowledged.
        ended: The cookies of sessions whose end was acknowledged.
        wrong: Answers that nobody may ever get.
    """

    base_url: str
    http: aiohttp.ClientSession
    live: dict[str, str] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    people: asyncio.Future[list[None]] | None = None

    async def ask(self, cookie: str) -> tuple[int, str, list[str]]:
        """Status, body and the cookies set in the answer to a request with this session."""
        headers = {"Cookie": f"gatepost={cookie}"}
        async with self.http.get(f"{self.base_url}/page", headers=headers) as response:
            return response.status, await response.text(), response.headers.getall("Set-Cookie", [])

    async def use(self, cookie: str, user: str) -> None:
        """Use the session again and again."""
        while not self.stop.is_set():
            await self.use_once(cookie, user)

    async def use_once(self, cookie: str, user: str) -> None:
        try:
            status, body, cookies = await self.ask(cookie)
        except BROKEN:
            self.broken += 1
            await asyncio.sleep(0.01)
            return
        self.statuses[status] += 1
        if not ((status, body) == (200, user) or (status == 503 and not cookies)):
            self.wrong.append((user, status, body, cookies))

    async def come_and_go(self, user: str) -> None:
        """Sign in and, every other time, out again."""
        stays = False
        while not self.stop.is_set():
            async with Visitor(self.base_url) as browser:
                try:
                    status, text = await browser.sign_in(user)
                    if status not in (302, 303):
                        self.statuses[status] += 1
                        if status != 503:
                            self.wrong.append(("sign-in", user, status, text[:2000]))
                        await asyncio.sleep(0.05)
                        continue
                    cookie = browser.cookies()["gatepost"].value
                    self.live[cookie] = user
                    await self.use_once(cookie, user)
                    if not stays:
                        del self.live[cookie]  # In doubt, until it is acknowledged.
                        if await self.leave(browser):
                            self.ended.append(cookie)
                except BROKEN:
                    self.broken += 1
                    await asyncio.sleep(0.05)
                stays = not stays

    async def leave(self, browser: Browser) -> bool:
        url, about = f"{self.base_url}/_gatepost/logout", {"Sec-Fetch-Site": "same-origin"}
        async with browser.session.post(url, headers=about, allow_redirects=False) as response:
            if response.status not in (200, 303, 503):
                self.wrong.append(("sign-out", response.status, await response.text()))
            return response.status in (200, 303)

    async def is_well(self) -> bool:
        """Whether all sessions that live are served."""
        try:
            found = [(await self.ask(cookie))[:2] for cookie in self.live]
        except BROKEN:
            return False
        return found == [(200, user) for user in self.live.values()]

    async def ended_everywhere(self) -> bool:
        """Whether no session that ended is served."""
        asked = [cookie for cookie in self.ended[-20:] for _ in range(3)]
        return {(await self.ask(cookie))[0] for cookie in asked} == {401}


@pytest.fixture
def start(gateway_process, demo_provider, raw_upstream):
    async def begin(store, *, worker_count=1):
        upstream = await raw_upstream(app)
        address = f"127.0.0.1:{take_free_port()}"
        provider = demo_provider(
            {
                "client_id": "notes",
                "redirect_uris": [f"http://{address}/_gatepost/callback/oidc"],
            }
        )
        of_provider = {
            "issuer": provider.issuer,
            "client_id": "notes",
            "claims": {"user": "preferred_username"},
        }
        gateway = gateway_process(
            {
                "server": {"listen": address, "workers": worker_count, "drain_timeout": "1s"},
                "store": store,
                "upstreams": {"app": upstream.url},
                "providers": {"oidc": of_provider},
            }
        )

        async def is_ready():
            return (await admin(gateway, "/readyz")).status == 200

        await until(is_ready)
        return gateway, is_ready

    return begin


@asynccontextmanager
async def load_on(gateway):
    """People at a gateway, busy until the block ends."""
    connector = aiohttp.TCPConnector(force_close=True)  # Each request at any worker.
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=connector
    ) as http:
        load = Load(gateway.base_url, http)
        for user in ("alice", "bob", "carol"):
            async with Browser(gateway.base_url) as browser:
                assert (await browser.sign_in(user))[0] in (302, 303)
                load.live[browser.cookies()["gatepost"].value] = user
        calls = [load.use(cookie, user) for cookie, user in load.live.items()]
        calls += [load.come_and_go(user) for user in ("dan", "eve")]
        load.people = asyncio.gather(*calls)
        try:
            await until(lambda: _reached(load, 30))
            yield load
        finally:
            load.stop.set()
            await load.people


async def _reached(load: Load, served: int) -> bool:
    return load.statuses[200] >= served and len(load.ended) >= 1 and len(load.live) >= 4


async def judge(load: Load) -> None:
    """Stop it, and fail unless all is as was acknowledged, from now on."""
    load.stop.set()
    await load.people
    assert not load.wrong, load.wrong[:5]
    # A worker hears of a sign-out a moment after it is acknowledged, and which one answers is
    # chance: several good rounds in a row say that all have heard. Nothing may come back then.
    in_a_row = 0
    async with asyncio.timeout(PATIENCE_S):
        while in_a_row < 5:
            is_so = await load.is_well() and await load.ended_everywhere()
            in_a_row = in_a_row + 1 if is_so else 0
    for _ in range(3):
        assert await load.is_well()
        assert await load.ended_everywhere()


@pytest.mark.parametrize("name", ["redis", "postgresql"])
async def test_a_store_that_is_killed_loses_nothing_and_nobody(request, start, name):
    fixture = {"redis": "redis", "postgresql": "postgres"}[name]
    server = request.getfixturevalue(f"start_{fixture}_server")()
    gateway, is_ready = await start(server.url, worker_count=2)

    async with load_on(gateway) as load:
        for _ in range(2):
            server.kill()
            refused = load.statuses[503]

            async def someone_is_refused(refused=refused):
                return load.statuses[503] > refused

            await until(someone_is_refused)
            server.start()
            await until(is_ready)
            served, ended = load.statuses[200], len(load.ended)

            async def all_goes_on(served=served, ended=ended):
                return load.statuses[200] > served + 20 and len(load.ended) > ended

            await until(all_goes_on)
        await judge(load)
    assert gateway.process.poll() is None


@pytest.mark.parametrize("name", ["sqlite", "redis"])
async def test_a_worker_that_is_killed_loses_nothing_and_nobody(request, start, name):
    store = name
    if name == "redis":
        store = request.getfixturevalue("start_redis_server")().url
    gateway, is_ready = await start(store, worker_count=2)

    async with load_on(gateway) as load:
        for _ in range(2):
            os.kill(workers(gateway)[0], signal.SIGKILL)
            served, ended = load.statuses[200], len(load.ended)

            async def all_goes_on(served=served, ended=ended):
                return load.statuses[200] > served + 50 and len(load.ended) > ended

            await until(all_goes_on)
            await until(is_ready)
        await judge(load)
    assert set(load.statuses) == {200}


async def test_what_was_ended_while_a_worker_heard_nothing_is_over_there_too(
    start, start_redis_server, start_postgres_server
):
    for server in (start_redis_server(), start_postgres_server()):
        gateway, is_ready = await start(server.url, worker_count=2)
        async with load_on(gateway) as load:
            load.stop.set()
            await load.people
            cookie, _ = next(iter(load.live.items()))
            for _ in range(20):  # Both workers know it.
                assert (await load.ask(cookie))[0] == 200
            server.kill()
            server.start()
            await until(is_ready)
            url, about = f"{gateway.base_url}/_gatepost/logout", {"Sec-Fetch-Site": "same-origin"}
            headers = {**about, "Cookie": f"gatepost={cookie}"}
            # At once, so that a worker may not hear yet.
            async with load.http.post(url, headers=headers, allow_redirects=False) as response:
                assert response.status in (200, 303)

            async def is_over(cookie=cookie, load=load):
                return {(await load.ask(cookie))[0] for _ in range(10)} == {401}

            await until(is_over)
