"""The gateway's own access tokens: which are good, and what the wrong ones cost others."""

import time

import pytest

from gateway.authn.authenticator import Authenticated
from gateway.authn.combine import settle
from gateway.authn.token import TokenAuthenticator
from gateway.credentials.token_format import GatewayToken
from gateway.credentials.tokens import TokenFamilies
from gateway.sessions import Sealer
from gateway.sessions.all_sessions import token_store
from tests.builders import make_request, make_sessions
from tests.fixtures.clock import NOW, Clock


@pytest.fixture
async def make_worker(store, clock):
    """Another worker over the same store, which knows nobody yet."""
    made = []

    async def make(timer=time.monotonic):
        sessions = make_sessions(token_store(store), clock)
        await sessions.start()
        made.append(sessions)
        return TokenFamilies(store, sessions, 900.0, clock=clock, timer=timer)

    yield make
    for sessions in made:
        await sessions.aclose()


def bearing(token, at=NOW):
    return make_request(fields=[(b"Authorization", b"Bearer " + token.encode())], at=at)


async def test_an_app_that_goes_on_with_a_dead_token_holds_nobody_back(tokens, issue, make_worker):
    dead, good = await issue("alice"), await issue("bob")
    await tokens.end(dead.session)
    authenticator = TokenAuthenticator(await make_worker(), {"ios"}.__contains__)

    # Behind the network of an office or a carrier, all have one address.
    for _ in range(100):
        outcome = await settle(authenticator.judge(bearing(dead.access_token)))
        assert outcome.reason == "unknown-token"

    found = await settle(authenticator.judge(bearing(good.access_token)))
    assert isinstance(found, Authenticated)
    assert found.identity.user == "bob"


async def test_a_token_is_asked_about_again_after_a_while(tokens, issue, make_worker):
    given = await issue("alice")
    timer = Clock(7.0)
    worker = await make_worker(timer)
    authenticator = TokenAuthenticator(worker, {"ios"}.__contains__)
    # As it would seem while the gateway is served with another secret.
    worker.sessions.sealer = Sealer((b"x" * 40,))
    outcome = await settle(authenticator.judge(bearing(given.access_token)))
    assert outcome.reason == "unknown-token"
    worker.sessions.sealer = tokens.sessions.sealer

    timer.now += 29.5
    outcome = await settle(authenticator.judge(bearing(given.access_token)))
    assert outcome.reason == "unknown-token"
    timer.now += 0.5
    outcome = await settle(authenticator.judge(bearing(given.access_token)))
    assert isinstance(outcome, Authenticated)


def test_the_dead_do_not_fill_the_memory(tokens):
    for number in range(10_001):
        tokens.remember_bad(GatewayToken("access", "ticket", b"%d" % number))

    assert not tokens.is_dead(GatewayToken("access", "ticket", b"0"))
    assert tokens.is_dead(GatewayToken("access", "ticket", b"1"))
