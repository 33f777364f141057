"""The gateway's own tokens over a store: given, known again, renewed, over."""

import asyncio

import pytest

from gateway.credentials.token_format import parse_token
from gateway.credentials.tokens import Refused, TokenFamilies
from gateway.errors import StoreUnavailableError
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.sessions.all_sessions import token_store
from tests.credentials.conftest import ALICE, SECRET


@pytest.fixture
async def make_tokens(store, clock):
    """One worker's tokens: ``tokens = await make_tokens()``."""
    made = []

    async def make(idle_s=3600.0, absolute_s=86400.0):
        part = token_store(store)
        limits = Limits(idle_s=idle_s, absolute_s=absolute_s)
        sessions = SessionManager(part, Sealer((SECRET,)), limits, clock=clock)
        await sessions.start()
        made.append(sessions)
        return TokenFamilies(part, sessions, 900.0, clock=clock)

    yield make
    store.down = False
    for sessions in made:
        await sessions.aclose()


@pytest.fixture
async def tokens(make_tokens):
    return await make_tokens()


async def issue(tokens, **changes):
    wanted = {"client": "ios", "device": "Phone", "ip": "192.0.2.1", "provider_sid": None}
    return await tokens.issue(ALICE, ProviderTokens("provider-at"), **{**wanted, **changes})


async def use(tokens, text, clock):
    token = parse_token(text)
    return tokens.recall(token, clock()) or await tokens.load(token, clock())


async def renew(tokens, text, clock, client="ios"):
    return await tokens.refresh(parse_token(text), client, clock())


async def test_a_token_speaks_for_whoever_signed_in(tokens, clock):
    given = await issue(tokens)

    who = (await use(tokens, given.access_token, clock)).identity

    assert (who.user, who.email, who.groups) == ("alice", "alice@example.com", ("staff",))
    assert (who.credential, who.account_id, who.authenticated_at) == ("token", "a1", 5)
    assert who.expires_at == int(clock()) + 900
    assert who.session_id == given.session.session_id


async def test_a_known_token_asks_nobody_and_is_the_same_each_time(tokens, clock, store):
    given = await issue(tokens)
    first = await use(tokens, given.access_token, clock)
    reads = store.calls.count("get")

    for _ in range(100):
        assert (await use(tokens, given.access_token, clock)).identity is first.identity
    assert store.calls.count("get") == reads


@pytest.mark.parametrize(("elapsed_s", "good"), [(899.9, True), (900, False), (900.1, False)])
async def test_it_runs_out_at_its_time(tokens, make_tokens, clock, elapsed_s, good):
    given = await issue(tokens)
    clock.now += elapsed_s

    for worker in (tokens, await make_tokens()):
        known = await use(worker, given.access_token, clock)
        assert (clock() < known.expires_at) is good


async def test_no_token_outlives_its_session(make_tokens, clock):
    tokens = await make_tokens(idle_s=1000.0, absolute_s=1000.0)
    given = await issue(tokens)
    clock.now += 600

    renewed = await renew(tokens, given.refresh_token, clock)

    assert renewed.expires_in_s == 400
    clock.now += 400
    assert await renew(tokens, renewed.refresh_token, clock) == Refused("unknown-token")


async def test_a_session_nobody_uses_ends_at_the_end_of_its_refresh_token(tokens, clock):
    given = await issue(tokens)
    clock.now += 3599
    renewed = await renew(tokens, given.refresh_token, clock)
    clock.now += 3600

    assert await renew(tokens, renewed.refresh_token, clock) == Refused("unknown-token")


async def test_another_worker_knows_what_one_gave(tokens, make_tokens, clock):
    other = await make_tokens()
    given = await issue(tokens)

    assert (await use(other, given.access_token, clock)).identity.user == "alice"
    renewed = await renew(other, given.refresh_token, clock)
    assert (await use(tokens, renewed.access_token, clock)).identity.user == "alice"


async def test_whoever_comes_with_an_old_one_ends_the_session_everywhere(
    tokens, make_tokens, clock
):
    other = await make_tokens()
    given = await issue(tokens)
    renewed = await renew(tokens, given.refresh_token, clock)
    assert await use(other, renewed.access_token, clock) is not None
    clock.now += 30

    assert await renew(tokens, given.refresh_token, clock) == Refused("refresh-token-reused")

    for worker in (tokens, other):
        assert await use(worker, renewed.access_token, clock) is None
        assert await renew(worker, renewed.refresh_token, clock) == Refused("unknown-token")


async def test_two_workers_at_once_lose_no_token(tokens, make_tokens, clock):
    other = await make_tokens()
    given = await issue(tokens)

    found = await asyncio.gather(
        *(renew(worker, given.refresh_token, clock) for worker in (tokens, other) * 3)
    )

    for renewed in found:
        assert (await use(tokens, renewed.access_token, clock)).identity.user == "alice"
        assert not isinstance(renewed, Refused)
    clock.now += 1000
    assert not isinstance(await renew(other, found[-1].refresh_token, clock), Refused)


async def test_a_token_is_of_its_app(tokens, clock):
    given = await issue(tokens)

    refused = await renew(tokens, given.refresh_token, clock, client="android")

    assert refused == Refused("token-of-another-client")
    assert not isinstance(await renew(tokens, given.refresh_token, clock), Refused)


async def test_an_access_token_renews_nothing_and_ends_nothing(tokens, clock):
    given = await issue(tokens)

    assert await renew(tokens, given.access_token, clock) == Refused("unknown-token")
    assert (await use(tokens, given.access_token, clock)).identity.user == "alice"


async def test_a_made_up_token_of_a_session_gives_no_access(tokens, clock):
    """Whoever has one token of a session could write another; its digest is not there."""
    given = await issue(tokens)
    from gateway.credentials.token_format import new_token

    made_up = new_token("access", given.ticket, lambda size: b"\0" * size)

    assert await use(tokens, made_up, clock) is None


async def test_the_store_holds_no_token_and_no_name(tokens, store):
    given = await issue(tokens)
    held = repr(store.held).encode()

    for secret in (given.access_token, given.refresh_token, given.ticket, "provider-at", "alice"):
        assert secret.encode() not in held
    assert all(key.startswith(("token:",)) for key in store.held)


async def test_a_ticket_is_no_browsers_cookie(tokens, store, clock):
    given = await issue(tokens)
    browsers = SessionManager(store, Sealer((SECRET,)), Limits(3600, 86400), clock=clock)

    assert await browsers.load(given.ticket, clock()) is None


async def test_without_the_store_known_tokens_go_on_for_the_time_of_grace_only(
    tokens, make_tokens, clock, store
):
    given = await issue(tokens)
    await use(tokens, given.access_token, clock)
    other = await make_tokens()
    store.down = True
    store.lose_contact()

    clock.now += 59.9
    assert (await use(tokens, given.access_token, clock)).identity.user == "alice"
    with pytest.raises(StoreUnavailableError):
        await use(other, given.access_token, clock)
    with pytest.raises(StoreUnavailableError):
        await renew(tokens, given.refresh_token, clock)
    clock.now += 0.1
    with pytest.raises(StoreUnavailableError):
        await use(tokens, given.access_token, clock)
    store.down = False
    assert not isinstance(await renew(tokens, given.refresh_token, clock), Refused)
