import asyncio
import contextlib

import pytest

from gateway.errors import StoreUnavailableError
from gateway.sessions import upkeep
from gateway.sessions.session import Limits
from gateway.sessions.upkeep import ttl_s
from tests.patience import PATIENCE_S, until
from tests.sessions.test_manager import successor_of


@pytest.mark.parametrize(("idle_s", "touch"), [(8 * 3600, 60), (1200, 60), (1000, 50), (10, 0.5)])
def test_the_store_lags_behind_by_a_minute_or_a_twentieth(idle_s, touch):
    assert Limits(idle_s, 1e6).touch_s == touch


@pytest.mark.parametrize(
    ("created_at", "kept_s"),
    # 1000 s of idle time, twice the lag of 50 s, and the 60 s it may go unchecked.
    [(100_000, 1160), (90_000, 1160), (81_000, 1000), (80_000, 1), (70_000, 1)],
)
def test_a_record_is_kept_past_the_idle_but_not_the_absolute_limit(created_at, kept_s):
    assert ttl_s(Limits(1000, 20_000), created_at, 100_000) == kept_s


@pytest.mark.parametrize("odd", [False, True])
async def test_the_background_task_outlives_every_failure(
    manager, sign_in, clock, store, monkeypatch, caplog, odd
):
    monkeypatch.setattr("gateway.storage.upkeep.RETRY_S", 0)
    cookie, _ = await sign_in(manager)
    clock.now += 59
    manager.recall(cookie, clock.now)  # Due for a check,
    get = store.get

    async def fail(key):
        raise RuntimeError("not today")

    store.down = not odd
    store.get = fail if odd else get
    await until(lambda: "not today" in caplog.text or "told to fail" in caplog.text)
    store.down, store.get = False, get
    store.calls.clear()
    assert manager.recall(cookie, clock.now) is not None  # which failed and is due again.
    await until(lambda: "get" in store.calls)
    clock.now += 20
    assert manager.recall(cookie, clock.now) is not None
    await until(lambda: "compare_and_swap" in store.calls)


async def test_a_session_changed_elsewhere_without_a_word_is_read_again(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, session = await sign_in(manager)
    await other.load(cookie, clock.now)
    store.mute = True
    assert await manager.replace(cookie, session, successor_of(session)) is True
    clock.now += 30
    other.recall(cookie, clock.now)
    await other.upkeep()

    assert other.recall(cookie, clock.now) is None
    assert (await other.load(cookie, clock.now)).tokens.access_token == "at2"


async def test_what_is_watched_ends_when_nobody_uses_it(make_manager, sign_in, clock, store):
    limits = Limits(idle_s=100, absolute_s=1000)
    worker, other = await make_manager(limits=limits), await make_manager(limits=limits)
    cookie, session = await sign_in(worker)
    await other.load(cookie, clock.now)
    heard = []
    other.on_end(heard.append)
    other.watch(lambda: {session.session_id: 0.0})
    for _ in range(3):
        clock.now += 45
        assert await worker.load(cookie, clock.now) is not None
        await worker.upkeep()
        await other.upkeep()
    assert heard == []  # Another worker sees it used.
    clock.now += 99.9
    await other.upkeep()
    assert heard == []
    clock.now += 0.1
    await other.upkeep()
    assert heard == [session.session_id]


async def test_what_goes_through_a_tunnel_is_use_and_written_once_a_minute(
    make_manager, sign_in, clock, store
):
    limits = Limits(idle_s=3600, absolute_s=864000)
    worker, other = await make_manager(limits=limits), await make_manager(limits=limits)
    cookie, session = await sign_in(worker)
    heard, used_at = [], {}
    worker.on_end(heard.append)
    worker.watch(lambda: used_at)
    store.calls.clear()
    for _ in range(2 * 3600):
        clock.now += 1
        used_at[session.session_id] = clock.now
        await worker.upkeep()

    assert heard == []
    assert 118 <= store.calls.count("compare_and_swap") <= 121
    assert await other.load(cookie, clock.now) is not None
    assert worker.peek(cookie, clock.now) or await worker.look_up(cookie, clock.now)
    # Nothing more is sent.
    for elapsed_s, expected in [(3599, []), (1, [session.session_id])]:
        clock.now += elapsed_s
        await worker.upkeep()
        assert heard == expected
    assert await other.load(cookie, clock.now + 3600) is None


@pytest.mark.parametrize("idle_s", [2, 10, 60, 600])
async def test_a_tunnel_in_use_outlives_a_short_idle_time(
    make_manager, sign_in, clock, store, idle_s
):
    limits = Limits(idle_s=idle_s, absolute_s=864000)
    worker, other = await make_manager(limits=limits), await make_manager(limits=limits)
    cookie, session = await sign_in(worker)
    heard, used_at = [], {}
    worker.on_end(heard.append)
    worker.watch(lambda: used_at)
    for _ in range(100):
        clock.now += idle_s / 25
        used_at[session.session_id] = clock.now
        await worker.upkeep()
        assert await other.look_up(cookie, clock.now) is not None

    assert heard == []


async def test_a_use_that_cannot_be_written_closes_no_tunnel(
    manager, sign_in, clock, store, monkeypatch
):
    _, session = await sign_in(manager)
    closed, used_at = [], {}
    manager.on_end(closed.append)
    manager.watch(lambda: used_at)

    async def fail(*_, **__):
        raise StoreUnavailableError("full")

    monkeypatch.setattr(store, "compare_and_swap", fail)
    for _ in range(20):
        clock.now += 61
        used_at[session.session_id] = clock.now
        await manager.upkeep()

    assert closed == []


async def test_what_is_watched_ends_though_no_message_came(make_manager, sign_in, clock, store):
    worker, other = await make_manager(), await make_manager()
    cookie, session = await sign_in(worker)
    heard = []
    other.on_end(heard.append)
    other.watch(lambda: {session.session_id: 0.0})
    await other.upkeep()
    store.mute = True
    await worker.end(cookie)
    store.calls.clear()
    for _ in range(59):
        clock.now += 1
        await other.upkeep()
    assert store.calls == []
    clock.now += 1
    await other.upkeep()

    assert heard == [session.session_id]


async def test_without_the_store_what_is_watched_is_closed_after_the_time_of_grace(
    manager, sign_in, clock, store
):
    cookie, session = await sign_in(manager)
    closed = []
    manager.on_end(closed.append)
    manager.watch(lambda: {session.session_id: 0.0})
    await manager.upkeep()
    store.down = True
    store.lose_contact()
    for elapsed_s, expected in [(59.9, []), (0.1, [session.session_id])]:
        clock.now += elapsed_s
        with contextlib.suppress(StoreUnavailableError):
            await manager.upkeep()
        assert closed == expected
    store.down = False

    assert await manager.load(cookie, clock.now) == session  # It has not ended.


async def test_a_store_that_reads_and_does_not_write_closes_nothing(
    manager, sign_in, clock, store, monkeypatch
):
    cookie, session = await sign_in(manager)
    closed, tried = [], []
    manager.on_end(closed.append)
    manager.watch(lambda: {session.session_id: 0.0})

    async def fail(*_, **__):
        tried.append(clock.now)
        raise StoreUnavailableError("full")

    monkeypatch.setattr(store, "compare_and_swap", fail)
    for _ in range(20):
        clock.now += 61
        assert await manager.load(cookie, clock.now) is session
        with contextlib.suppress(StoreUnavailableError):
            await manager.upkeep()

    assert tried[-1] == clock.now
    assert closed == []


@pytest.mark.parametrize(("idle_s", "round_s"), [(8 * 3600, 30), (200, 10), (2, 0.5)])
def test_the_background_task_looks_more_often_where_limits_are_short(idle_s, round_s):
    assert upkeep.round_s(Limits(idle_s, 1e6)) == round_s


async def test_after_a_gap_in_the_news_every_session_is_looked_up_before_it_is_used(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookies = [(await sign_in(manager))[0] for _ in range(3)]
    for cookie in cookies:
        await other.load(cookie, clock.now)
    store.mute = True
    await manager.end(cookies[0])
    assert other.recall(cookies[0], clock.now) is not None  # Nothing was heard.

    store.lose_messages()

    assert [other.recall(cookie, clock.now) for cookie in cookies] == [None] * 3
    assert [other.peek(cookie, clock.now) for cookie in cookies] == [None] * 3
    assert await other.load(cookies[0], clock.now) is None
    for cookie in cookies[1:]:
        assert await other.load(cookie, clock.now) is not None
        assert other.recall(cookie, clock.now) is not None


async def test_after_a_gap_what_is_watched_is_looked_at_at_once(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, session = await sign_in(manager)
    heard = asyncio.Queue()
    other.on_end(heard.put_nowait)
    other.watch(lambda: {session.session_id: 0.0})
    await other.upkeep()
    store.mute = True
    await manager.end(cookie)

    store.lose_messages()

    async with asyncio.timeout(PATIENCE_S):
        assert await heard.get() == session.session_id


async def test_a_read_from_before_a_gap_does_not_count(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    store.mute = True
    get = store.get

    async def get_slowly(key):
        data = await get(key)
        if store.get is get_slowly:
            store.get = get
            await manager.end(cookie)
            store.lose_messages()
        return data

    store.get = get_slowly
    assert await other.load(cookie, clock.now) is None


async def test_after_a_gap_live_sessions_go_on_though_the_store_is_down_again(
    manager, sign_in, clock, store
):
    cookie, _ = await sign_in(manager)
    store.lose_messages()
    store.down = True

    assert await manager.load(cookie, clock.now) is not None
