"""Clients' sign-ins end with the browser's session, on whatever worker and whenever."""

import asyncio
import json
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.assembly.sign_outs import SignOuts
from gateway.authserver.client import Client
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.sign_ins import SignIn, SignIns
from gateway.model import Identity
from gateway.oidc.http import ProviderHttp
from gateway.sealing.sealer import Sealer
from gateway.sessions.all_sessions import token_store
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import Limits, ProviderTokens
from gateway.storage.memory import MemoryStore
from tests.e2e.relying_party import LogoutListener

ANN = Identity(user="ann", subject="1", issuer="https://id.test", credential="session")
HOUR_S = 3600.0
LIMITS = Limits(idle_s=HOUR_S, absolute_s=10 * HOUR_S)
# The store keeps a session a little longer than it may be used.
SLACK_S = 300.0
ISSUER = "https://notes.test/_gatepost"


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class Worker:
    """What one worker has."""

    def __init__(self, store, clock, listener):
        sealer = Sealer((b"0" * 32,))
        self.clock = clock
        self.browsers = SessionManager(store, sealer, LIMITS, clock=clock)
        self.tokens = SessionManager(token_store(store), sealer, LIMITS, clock=clock)
        self.sign_ins = SignIns(store, lambda: sealer, lambda: LIMITS.absolute_s)
        self.keys = IdTokenKeys(store, lambda: sealer, clock)
        self.http = ProviderHttp()
        self.sign_outs = SignOuts(
            self.sign_ins, self.keys, self.http, self.browsers, self.tokens, store, clock
        )
        self.sign_outs.clients = {
            "wiki": Client(
                "wiki", "Wiki", ("https://a.test/",), backchannel_logout_uri=listener.url
            )
        }

    async def start(self):
        await self.browsers.start()
        await self.tokens.start()
        self.sign_outs.start()

    async def close(self):
        await self.sign_outs.aclose()
        await self.tokens.aclose()
        await self.browsers.aclose()
        await self.http.aclose()

    async def browser(self):
        about = {"provider_sid": None, "ip": "127.0.0.1", "device": "x", "now": self.clock()}
        return await self.browsers.create(ANN, ProviderTokens(), **about)

    async def sign_in(self, session, **changes):
        """A sign-in of the session at a client, with tokens."""
        about = {"provider_sid": None, "ip": "127.0.0.1", "device": "x", "now": self.clock()}
        _, tokens = await self.tokens.create(ANN, ProviderTokens(), **about, client="wiki")
        sign_in = SignIn(
            sid=f"sid of {tokens.session_id[:8]}",
            client="wiki",
            issuer=ISSUER,
            subject="ann's",
            browser=session.session_id,
            browser_since=session.created_at,
            tokens=tokens.session_id,
            has_id_token=True,
            ends_tokens=True,
        )
        await self.sign_ins.add(replace(sign_in, **changes))
        return replace(sign_in, **changes)


@pytest.fixture
def listener():
    listener = LogoutListener()
    yield listener
    listener.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def workers(listener, clock):
    store = MemoryStore(clock)
    made = [Worker(store, clock, listener) for _ in range(3)]
    for worker in made:
        await worker.start()
    yield made
    for worker in made:
        await worker.close()


async def told(listener):
    return await asyncio.to_thread(listener.told)


async def settle(workers):
    """Let every worker do what it knows of."""
    for worker in workers:
        await worker.sign_outs.aclose()
        await worker.sign_outs.run_once()


async def test_of_many_workers_one_tells_the_client(workers, listener):
    cookie, session = await workers[0].browser()
    sign_in = await workers[1].sign_in(session)

    await workers[2].browsers.end(cookie)
    form = await told(listener)
    await settle(workers)

    keys = KeySet.import_key_set(json.loads(await workers[0].keys.document()))
    claims = jwt.decode(form["logout_token"], keys, algorithms=["ES256"]).claims
    assert (claims["sid"], claims["sub"], claims["iss"]) == (sign_in.sid, "ann's", ISSUER)
    assert listener.tokens.empty()
    assert not await workers[0].tokens.exists(sign_in.tokens)
    assert await workers[0].sign_ins.ending() == []


async def test_a_session_that_expires_is_noticed(workers, listener, clock):
    _, session = await workers[0].browser()
    sign_in = await workers[0].sign_in(session)
    clock.now += HOUR_S - 1
    await settle(workers)
    assert listener.tokens.empty()

    clock.now += SLACK_S
    await settle(workers)
    await told(listener)
    assert listener.tokens.empty()
    assert not await workers[0].tokens.exists(sign_in.tokens)


@pytest.mark.parametrize("signs_out", [True, False])
async def test_tokens_without_an_id_token_end_at_a_sign_out_only(workers, clock, signs_out):
    worker = workers[0]
    cookie, session = await worker.browser()
    clock.now += HOUR_S / 2
    sign_in = await worker.sign_in(session, has_id_token=False)
    if signs_out:
        await worker.browsers.end(cookie)
    else:
        clock.now += HOUR_S / 2 + SLACK_S
    await settle(workers)
    assert await worker.tokens.exists(sign_in.tokens) is not signs_out
    assert await worker.sign_ins.find(sign_in.sid) is None


async def test_a_worker_that_stops_halfway_leaves_the_rest_to_others(workers, listener, clock):
    _, session = await workers[0].browser()
    sign_in = await workers[0].sign_in(session)
    [entry] = await workers[0].sign_ins.of_browser(session.session_id)
    taken = await workers[0].sign_ins.take(entry, clock.now + 10, ends_tokens=True)
    assert taken is not None
    # A second worker that read the same record does not get it.
    assert await workers[1].sign_ins.take(entry, clock.now + 10, ends_tokens=True) is None

    await settle(workers)
    assert listener.tokens.empty()
    clock.now += 10
    await settle(workers)
    await told(listener)
    assert not await workers[0].tokens.exists(sign_in.tokens)


async def test_a_client_is_given_up_after_some_attempts(workers, listener, clock):
    listener.statuses[:] = [500] * 20
    cookie, session = await workers[0].browser()
    await workers[0].sign_in(session)
    await workers[0].browsers.end(cookie)
    attempts = 0
    for _ in range(20):
        await settle(workers)
        while not listener.tokens.empty():
            listener.tokens.get()
            attempts += 1
        clock.now += 700
    assert attempts == 5
    assert await workers[0].sign_ins.ending() == []


@pytest.mark.parametrize(("status", "attempts"), [(204, 1), (400, 1), (404, 1), (429, 2), (302, 2)])
async def test_which_answers_are_final(workers, listener, clock, status, attempts):
    listener.statuses[:] = [status]
    cookie, session = await workers[0].browser()
    await workers[0].sign_in(session)
    await workers[0].browsers.end(cookie)
    await settle(workers)
    clock.now += 20
    await settle(workers)
    assert listener.tokens.qsize() == attempts


async def test_the_sign_ins_of_a_removed_client_end_silently(workers, listener):
    cookie, session = await workers[0].browser()
    sign_in = await workers[0].sign_in(session, client="gone")
    await workers[0].browsers.end(cookie)
    await settle(workers)
    assert listener.tokens.empty()
    assert not await workers[0].tokens.exists(sign_in.tokens)
