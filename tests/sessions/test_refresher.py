"""Workers that share a store refresh one session, with a provider the test answers for."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import StoreUnavailableError
from gateway.sessions import Limits, ProviderTokens, refresher
from gateway.sessions.refresh import Later, Over, Refreshed
from tests.patience import until
from tests.sessions.conftest import make_identity

# Short enough that no worker looks a session up for any other reason.
LIFETIME_S = 50


class Asked:
    """Answers for the provider; `words` are given in turn, the last one again and again."""

    def __init__(self, clock, *words):
        self.clock = clock
        self.words = list(words)
        self.tokens = []
        self.answer_now = asyncio.Event()
        self.answer_now.set()
        self.heard = []

    async def __call__(self, session):
        self.tokens.append(session.tokens.refresh_token)
        await self.answer_now.wait()
        if not self.words:
            return self.refreshed(len(self.tokens) + 1)
        word = self.words[0]
        if len(self.words) > 1:
            del self.words[0]
        if isinstance(word, Exception):
            raise word
        return word

    def refreshed(self, number, **facts):
        tokens = ProviderTokens(f"at{number}", f"rt{number}", None, self.clock.now + LIFETIME_S)
        return Refreshed(make_identity(**({"groups": ("new",)} | facts)), tokens)

    def note(self, provider, outcome):
        self.heard.append((provider, outcome))


@pytest.fixture
def provider(clock):
    return Asked(clock)


@pytest.fixture
def sign_in(clock, sign_in):
    async def run(manager, user="alice"):
        tokens = ProviderTokens("at", f"rt-{user}", "idt", clock.now + LIFETIME_S)
        return await sign_in(manager, user, tokens=tokens)

    return run


@pytest.fixture
def make_worker(make_manager, provider):
    async def make(**options):
        manager = await make_manager(**options)
        manager.refresh_with(provider, provider.note)
        return manager

    return make


async def ask(manager, cookie, clock):
    return manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)


async def settle(manager):
    """Wait for the refreshes a worker has under way."""
    await asyncio.gather(*manager.refresher.under_way)


async def test_before_it_is_due_nobody_is_asked(make_worker, sign_in, clock, provider):
    worker = await make_worker()
    cookie, session = await sign_in(worker)
    clock.now += 39.9

    assert worker.recall(cookie, clock.now) is session
    await settle(worker)
    assert provider.tokens == []


async def test_when_it_is_due_requests_go_on_with_what_still_holds(
    make_worker, sign_in, clock, provider
):
    worker = await make_worker()
    cookie, session = await sign_in(worker)
    provider.answer_now.clear()
    clock.now += 40

    for _ in range(10):
        assert worker.recall(cookie, clock.now) is session
        await asyncio.sleep(0)
    provider.answer_now.set()
    await settle(worker)

    found = worker.recall(cookie, clock.now)
    assert (found.tokens.access_token, found.identity.groups) == ("at2", ("new",))
    assert found.identity.expires_at == session.identity.expires_at
    assert provider.tokens == ["rt-alice"]
    assert provider.heard == [("zitadel", "success")]


async def test_a_hundred_requests_on_three_workers_ask_once(
    make_worker, sign_in, clock, provider, monkeypatch
):
    monkeypatch.setattr(refresher, "_POLL_S", 0.01)
    workers = [await make_worker() for _ in range(3)]
    cookie, _ = await sign_in(workers[0])
    clock.now += LIFETIME_S
    provider.answer_now.clear()
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(workers[n % 3].load(cookie, clock.now)) for n in range(100)]
    await until(lambda: provider.tokens)
    assert all(worker.recall(cookie, clock.now) is None for worker in workers)
    provider.answer_now.set()

    found = await asyncio.gather(*waiting)

    assert {session.tokens.access_token for session in found} == {"at2"}
    assert provider.tokens == ["rt-alice"]


async def test_a_refresh_begun_ahead_is_waited_for_once_the_token_is_over(
    make_worker, sign_in, clock, provider
):
    worker = await make_worker()
    cookie, session = await sign_in(worker)
    provider.answer_now.clear()
    clock.now += 40
    assert worker.recall(cookie, clock.now) is session
    clock.now += 10
    assert worker.recall(cookie, clock.now) is None
    waiting = asyncio.get_running_loop().create_task(worker.load(cookie, clock.now))
    await asyncio.sleep(0)
    provider.answer_now.set()

    assert (await waiting).tokens.access_token == "at2"
    assert len(provider.tokens) == 1


async def test_another_worker_does_not_wait_while_the_old_token_holds(
    make_worker, sign_in, clock, provider
):
    one, other = await make_worker(), await make_worker()
    cookie, _ = await sign_in(one)
    await other.load(cookie, clock.now)
    provider.answer_now.clear()
    clock.now += 40
    one.recall(cookie, clock.now)
    await until(lambda: provider.tokens)

    assert other.recall(cookie, clock.now) is not None
    await settle(other)
    assert other.recall(cookie, clock.now).tokens.access_token == "at"
    provider.answer_now.set()
    await settle(one)
    assert (await ask(other, cookie, clock)).tokens.access_token == "at2"
    assert len(provider.tokens) == 1


@pytest.mark.parametrize(
    ("reason", "revoked"), [("refresh-refused", "refused"), ("subject-mismatch", "ended")]
)
async def test_a_provider_that_vouches_no_more_ends_the_session_everywhere(
    make_worker, sign_in, clock, provider, reason, revoked
):
    one, other = await make_worker(), await make_worker()
    cookie, session = await sign_in(one)
    await other.load(cookie, clock.now)
    ended, tunnels = [], []
    one.on_revoke(ended.append)
    other.on_end(tunnels.append)
    provider.words = [Over(reason)]
    clock.now += LIFETIME_S

    assert await ask(one, cookie, clock) is None
    assert await ask(other, cookie, clock) is None
    assert tunnels == [session.session_id]
    assert [(e.session_id, e.cause) for e in ended] == [(session.session_id, revoked)]
    assert await one.count() == 0
    assert provider.heard == [("zitadel", reason)]


@pytest.mark.parametrize(
    "word",
    [
        Later("provider-unavailable"),
        Later("invalid-id-token", provider_fails=False),
        RuntimeError("a defect"),
    ],
)
async def test_anything_else_keeps_the_session_and_backs_off(
    make_worker, sign_in, clock, provider, word
):
    one, other = await make_worker(), await make_worker()
    cookie, session = await sign_in(one)
    await other.load(cookie, clock.now)
    provider.words = [word]
    clock.now += LIFETIME_S

    assert (await ask(one, cookie, clock)).session_id == session.session_id
    asked = len(provider.tokens)
    for _ in range(40):
        clock.now += 0.1
        assert await ask(one, cookie, clock) is not None
    assert len(provider.tokens) == asked
    if not isinstance(word, Exception):
        assert await ask(other, cookie, clock) is not None
        assert len(provider.tokens) == asked
    clock.now += 2
    provider.words = []
    assert (await ask(one, cookie, clock)).identity.groups == ("new",)


async def test_pauses_grow_and_the_limits_still_hold(make_worker, sign_in, clock, provider):
    worker = await make_worker(limits=Limits(idle_s=8 * 3600, absolute_s=86400))
    cookie, _ = await sign_in(worker)
    provider.words = [Later("provider-unavailable")]
    clock.now += LIFETIME_S
    for _ in range(3600):
        clock.now += 1
        assert await ask(worker, cookie, clock) is not None

    assert len(provider.tokens) < 20
    clock.now += 86400
    assert await ask(worker, cookie, clock) is None


async def test_while_a_provider_fails_only_one_session_tries(make_worker, sign_in, clock, provider):
    worker = await make_worker()
    cookies = [(await sign_in(worker, user))[0] for user in ("ann", "ben", "cat")]
    provider.words = [Later("provider-unavailable")]
    clock.now += LIFETIME_S
    for cookie in cookies:
        assert await ask(worker, cookie, clock) is not None
    assert len(provider.tokens) == 1
    clock.now += 6
    provider.answer_now.clear()
    loop = asyncio.get_running_loop()
    first = loop.create_task(ask(worker, cookies[1], clock))
    await until(lambda: len(provider.tokens) == 2)
    # The others do not wait for the one that tries.
    assert await ask(worker, cookies[2], clock) is not None
    provider.words = []
    provider.answer_now.set()
    await first
    clock.now += 6
    assert (await ask(worker, cookies[2], clock)).identity.groups == ("new",)


async def test_a_sign_out_during_the_refresh_holds_and_the_new_token_is_revoked(
    make_worker, sign_in, clock, provider
):
    worker = await make_worker()
    cookie, _ = await sign_in(worker)
    revoked = []
    worker.on_revoke(lambda ended: revoked.append((ended.refresh_token, ended.cause)))
    clock.now += LIFETIME_S
    provider.answer_now.clear()
    waiting = asyncio.get_running_loop().create_task(worker.load(cookie, clock.now))
    await until(lambda: provider.tokens)
    await worker.end(cookie)
    provider.answer_now.set()

    assert await waiting is None
    assert await ask(worker, cookie, clock) is None
    assert revoked == [("rt-alice", "ended"), ("rt2", "ended")]


async def test_a_holder_who_is_late_overwrites_nothing(make_worker, sign_in, clock, provider):
    late, other = await make_worker(), await make_worker()
    cookie, _ = await sign_in(late)
    clock.now += LIFETIME_S
    provider.answer_now.clear()
    waiting = asyncio.get_running_loop().create_task(late.load(cookie, clock.now))
    await until(lambda: provider.tokens)
    clock.now += refresher.LOCK_S  # The lock falls free.
    free, provider.answer_now = provider.answer_now, asyncio.Event()
    provider.answer_now.set()
    provider.words = [provider.refreshed(7), Over("refresh-refused")]
    assert (await other.load(cookie, clock.now)).tokens.access_token == "at7"
    free.set()

    # Its token was used up by then, so the provider refused it: the successor stands.
    assert (await waiting).tokens.access_token == "at7"
    assert (await ask(late, cookie, clock)).tokens.refresh_token == "rt7"
    assert await other.count() == 1


async def test_a_store_that_fails_after_the_provider_has_answered_loses_nothing(
    make_worker, sign_in, clock, store, provider, monkeypatch
):
    monkeypatch.setattr(refresher, "_WRITE_RETRY_S", 0)
    one, other = await make_worker(), await make_worker()
    cookie, _ = await sign_in(one)
    clock.now += LIFETIME_S
    swap, failing = store.compare_and_swap, True

    async def flaky(*args, **kwargs):
        if failing:
            raise StoreUnavailableError("told to fail")
        return await swap(*args, **kwargs)

    store.compare_and_swap = flaky
    assert (await one.load(cookie, clock.now)).tokens.refresh_token == "rt2"
    assert one.recall(cookie, clock.now).tokens.refresh_token == "rt2"
    failing = False
    await settle(one)

    assert (await other.load(cookie, clock.now)).tokens.refresh_token == "rt2"
    assert provider.tokens == ["rt-alice"]


async def test_a_store_that_is_down_does_not_end_what_is_known(
    make_worker, sign_in, clock, store, provider
):
    worker = await make_worker()
    cookie, session = await sign_in(worker)
    clock.now += 45
    store.down = True

    assert worker.recall(cookie, clock.now) is session
    await settle(worker)
    clock.now += 5
    assert (await ask(worker, cookie, clock)).session_id == session.session_id
    store.down = False
    clock.now += 6
    assert (await ask(worker, cookie, clock)).tokens.access_token == "at2"
    assert len(provider.tokens) == 1


async def test_closing_waits_for_what_is_under_way(make_worker, sign_in, clock, provider):
    worker, other = await make_worker(), await make_worker()
    cookie, session = await sign_in(worker)
    provider.answer_now.clear()
    clock.now += 45
    assert worker.recall(cookie, clock.now) is session
    await until(lambda: provider.tokens)
    asyncio.get_running_loop().call_later(0.01, provider.answer_now.set)
    await worker.aclose()

    assert (await other.load(cookie, clock.now)).tokens.refresh_token == "rt2"


@pytest.mark.parametrize("jump_s", [-86400, -3600, 3600])
async def test_a_clock_that_jumps_asks_once_and_ends_nothing(
    make_worker, sign_in, clock, provider, jump_s
):
    worker = await make_worker(limits=Limits(idle_s=10 * 86400, absolute_s=20 * 86400))
    cookie, _ = await sign_in(worker)
    clock.now += jump_s
    for _ in range(20):
        assert await ask(worker, cookie, clock) is not None
    await settle(worker)

    assert len(provider.tokens) == (1 if jump_s > 0 else 0)


async def test_uses_during_a_refresh_are_not_forgotten(make_worker, sign_in, clock, provider):
    limits = Limits(idle_s=600, absolute_s=86400)
    worker = await make_worker(limits=limits)
    cookie, _ = await sign_in(worker)
    for _ in range(36):
        clock.now += 49
        assert await ask(worker, cookie, clock) is not None
        await settle(worker)

    assert len(provider.tokens) == 36
    assert (await worker.list_for("alice"))[0].last_seen_at > clock.now - 120


async def test_a_record_of_an_older_version_is_refreshed(make_worker, sign_in, clock, provider):
    worker = await make_worker()
    cookie, session = await sign_in(worker)
    older = replace(session, tokens=replace(session.tokens, access_issued_at=None))
    assert await worker.replace(cookie, session, older) is True
    clock.now += 40

    assert await ask(worker, cookie, clock) is not None
    await settle(worker)
    assert (await ask(worker, cookie, clock)).tokens.access_token == "at2"
