"""What every store promises; new ones are picked up from the table."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import StoreUnavailableError
from gateway.storage import Lock
from tests.patience import PATIENCE_S
from tests.storage.conftest import every_call, open_at

EDGES = [(9.9, True), (10, False), (10.1, False)]


async def test_a_value_comes_back_as_it_went_in(store):
    await store.put("k", b"\x00\xff", ttl_s=10)

    assert await store.get("k") == b"\x00\xff"
    assert await store.get("K") is None


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.binary(max_size=2000), key=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_bytes_are_kept_under_any_key(value, key, location, tmp_path):
    async def go():
        store = open_at(location, tmp_path / "any", lambda: 1.0)
        await store.put(key, value, ttl_s=None, indexes={key})
        assert await store.get(key) == value
        assert (key, value) in await store.find(key)
        assert await store.take(key) == value
        assert await store.find(key) == []
        await store.aclose()

    asyncio.run(go())


@pytest.mark.parametrize("size", [0, 1, 4096, 1_000_003])
async def test_a_value_may_be_empty_or_big(store, size):
    value = os.urandom(size)
    await store.put("k", value, ttl_s=10, indexes={"i"})

    assert await store.get("k") == value
    assert await store.find("i") == [("k", value)]


@pytest.mark.parametrize(("elapsed_s", "alive"), EDGES)
async def test_a_value_is_gone_at_the_end_of_its_lifetime(store, clock, elapsed_s, alive):
    await store.put("k", b"v", ttl_s=10, indexes={"i"})
    clock.now += elapsed_s

    assert (await store.get("k") is not None) is alive
    assert (await store.find("i") != []) is alive
    assert (await store.page("i", limit=1) != []) is alive
    assert (await store.count("i") == 1) is alive
    assert await store.compare_and_swap("k", None, b"w", ttl_s=10) is not alive


@pytest.mark.parametrize(("elapsed_s", "alive"), EDGES)
async def test_what_is_past_its_lifetime_is_not_there_to_delete(store, clock, elapsed_s, alive):
    await store.put("a", b"v", ttl_s=10)
    await store.put("b", b"v", ttl_s=10)
    clock.now += elapsed_s

    assert await store.delete("a") is alive
    assert (await store.take("b") == b"v") is alive


async def test_a_value_without_an_end_stays(store, clock):
    await store.put("k", b"v", ttl_s=None)
    clock.now += 1e9
    await store.sweep(clock.now)

    assert await store.get("k") == b"v"


async def test_a_replaced_value_has_the_new_lifetime_and_indexes(store, clock):
    await store.put("k", b"v", ttl_s=10, indexes={"old", "both"})
    clock.now += 5
    await store.put("k", b"w", ttl_s=10, indexes={"new", "both"})
    clock.now += 9

    assert await store.get("k") == b"w"
    assert await store.find("old") == []
    assert await store.find("new") == [("k", b"w")]
    assert await store.find("both") == [("k", b"w")]


async def test_an_index_finds_many_sorted_by_key(store):
    for number in [3, 1, 2]:
        await store.put(f"k{number}", str(number).encode(), ttl_s=10, indexes=["i", f"i{number}"])

    assert await store.find("i") == [("k1", b"1"), ("k2", b"2"), ("k3", b"3")]
    assert await store.find("i2") == [("k2", b"2")]
    assert await store.find("nothing") == []
    assert [await store.count(name) for name in ("i", "i1", "nothing")] == [3, 1, 0]


@pytest.fixture(autouse=True)
def slow_machines_are_no_outage(monkeypatch):
    for limit in (
        "redis._DEADLINE_S",
        "redis_client.CONNECT_S",
        "redis_client.ANSWER_S",
        "redis_cluster.CONNECT_S",
        "redis_cluster._ANSWER_S",
        "postgres_pool.DEADLINE_S",
        "postgres_pool._CONNECT_S",
    ):
        monkeypatch.setattr(f"gateway.storage.{limit}", PATIENCE_S)


async def test_a_crowd_is_answered(store):
    await asyncio.gather(*(store.put(f"k{n}", b"v", ttl_s=60) for n in range(300)))

    assert await asyncio.gather(*(store.get(f"k{n}") for n in range(300))) == [b"v"] * 300


async def test_an_index_finds_more_than_a_page(store):
    keys = [f"{number:04}" for number in range(1203)]
    for at in range(0, len(keys), 100):
        some = keys[at : at + 100]
        await asyncio.gather(*(store.put(key, b"v", ttl_s=60, indexes={"i"}) for key in some))

    assert [key for key, _ in await store.find("i")] == keys


async def test_a_count_is_of_what_lives_under_one_index(store, clock):
    for number in range(20):
        await store.put(f"old{number}", b"v", ttl_s=10, indexes={"i", "other"})
        await store.put(f"new{number}", b"v", ttl_s=20, indexes={"i"})
    await store.put("never", b"v", ttl_s=None, indexes={"i"})
    await store.put("bare", b"v", ttl_s=10)

    assert [await store.count(index) for index in ("i", "other", "none")] == [41, 20, 0]
    clock.now += 10
    assert [await store.count(index) for index in ("i", "other", "none")] == [21, 0, 0]
    await store.sweep(clock.now)
    assert [await store.count(index) for index in ("i", "other", "none")] == [21, 0, 0]


async def test_what_is_deleted_is_in_no_index(store):
    await store.put("k", b"v", ttl_s=10, indexes={"i"})

    assert await store.delete("k") is True
    assert await store.delete("k") is False
    assert await store.get("k") is None
    assert await store.find("i") == []


async def test_one_of_many_takes_a_value(store):
    await store.put("k", b"v", ttl_s=10)

    taken = await asyncio.gather(*(store.take("k") for _ in range(20)))

    assert sorted(taken, key=bool) == [None] * 19 + [b"v"]


@pytest.mark.parametrize(("elapsed_s", "remembered"), EDGES)
async def test_a_replay_is_noticed_until_it_may_be_forgotten(store, clock, elapsed_s, remembered):
    assert await store.add_once("jti", ttl_s=10) is True
    assert await store.add_once("jti", ttl_s=10) is False
    clock.now += elapsed_s

    assert await store.add_once("jti", ttl_s=10) is not remembered


async def test_one_of_many_adds_a_key(store_pair):
    one, other = store_pair

    added = await asyncio.gather(
        *(s.add_once("jti", ttl_s=10) for _ in range(20) for s in (one, other))
    )

    assert sum(added) == 1


@pytest.mark.parametrize(
    ("there", "expected", "swapped"),
    [
        (None, None, True),
        (None, b"", False),
        (None, b"v", False),
        (b"v", None, False),
        (b"v", b"v", True),
        (b"v", b"w", False),
        (b"", None, False),
        (b"", b"", True),
    ],
)
async def test_a_swap_needs_the_expected_value(store, there, expected, swapped):
    if there is not None:
        await store.put("k", there, ttl_s=10, indexes={"old"})

    assert await store.compare_and_swap("k", expected, b"n", ttl_s=10, indexes={"new"}) is swapped
    assert await store.get("k") == (b"n" if swapped else there)
    assert (await store.find("new") == [("k", b"n")]) is swapped
    assert (await store.find("old") != []) is (there is not None and not swapped)


async def test_concurrent_swaps_lose_no_update(store_pair):
    async def increment(store):
        while True:
            before = await store.get("n")
            after = str(int(before or b"0") + 1).encode()
            if await store.compare_and_swap("n", before, after, ttl_s=10):
                return

    await asyncio.gather(*(increment(s) for _ in range(10) for s in store_pair))

    assert await store_pair[0].get("n") == b"20"


async def test_a_lock_has_one_holder_and_growing_tokens(store_pair):
    one, other = store_pair

    first = await one.lock("a", ttl_s=10)
    assert await other.lock("a", ttl_s=10) is None
    elsewhere = await other.lock("b", ttl_s=10)
    assert await one.unlock(first) is True
    assert await one.unlock(first) is False
    second = await other.lock("a", ttl_s=10)

    assert first.token < elsewhere.token < second.token


@pytest.mark.parametrize(("elapsed_s", "held"), EDGES)
async def test_a_lock_falls_free_and_its_late_holder_cannot_release_it(
    store, clock, elapsed_s, held
):
    late = await store.lock("a", ttl_s=10)
    clock.now += elapsed_s
    successor = await store.lock("a", ttl_s=10)

    assert (successor is None) is held
    assert await store.unlock(late) is held
    if successor is not None:
        assert await store.lock("a", ttl_s=10) is None
        assert await store.unlock(successor) is True


async def test_a_lock_that_fell_free_is_not_given_back(store, clock):
    lock = await store.lock("a", ttl_s=10)
    clock.now += 10

    assert await store.unlock(lock) is False


async def test_tokens_grow_after_a_sweep(store, clock):
    first = await store.lock("a", ttl_s=10)
    clock.now += 1000
    await store.sweep(clock.now)
    second = await store.lock("a", ttl_s=10)

    assert second.token > first.token


async def test_a_lock_is_released_only_by_its_own_token(store):
    lock = await store.lock("a", ttl_s=10)

    assert await store.unlock(Lock("a", lock.token + 1)) is False
    assert await store.unlock(Lock("b", lock.token)) is False
    assert await store.lock("a", ttl_s=10) is None


async def test_a_message_reaches_every_subscriber_of_its_channel(store_pair):
    here, there = store_pair
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    for name, listener in (("one", here), ("two", here), ("three", there)):
        await listener.subscribe("c", lambda m, name=name: heard.put_nowait((name, m)))
    await there.subscribe("another", lambda m: heard.put_nowait(("wrong", m)))

    await here.publish("c", b"\x00m")

    async with asyncio.timeout(PATIENCE_S):
        got = [await heard.get() for _ in range(3)]
    assert sorted(got) == [("one", b"\x00m"), ("three", b"\x00m"), ("two", b"\x00m")]


async def test_messages_come_in_order_and_none_from_before(store_pair):
    here, there = store_pair
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await here.publish("c", b"before")
    await there.subscribe("c", heard.put_nowait)

    for number in range(20):
        await here.publish("c", str(number).encode())

    async with asyncio.timeout(PATIENCE_S):
        assert [await heard.get() for _ in range(20)] == [str(n).encode() for n in range(20)]
    assert heard.empty()


async def test_whoever_unsubscribed_hears_nothing_more(store):
    heard = []
    unsubscribe = await store.subscribe("c", heard.append)
    stay: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", stay.put_nowait)
    unsubscribe()
    unsubscribe()

    await store.publish("c", b"m")

    assert await stay.get() == b"m"
    assert heard == []


async def test_a_subscriber_that_fails_stops_no_other(store, caplog):
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def fail(message):
        raise RuntimeError("not today")

    await store.subscribe("c", fail)
    await store.subscribe("c", heard.put_nowait)
    await store.publish("c", b"1")
    await store.publish("c", b"2")

    assert [await heard.get(), await heard.get()] == [b"1", b"2"]
    assert "not today" in caplog.text


async def test_a_sweep_frees_only_what_is_past_its_lifetime(store, clock):
    for number in range(1203):
        await store.put(f"old{number}", b"v", ttl_s=10, indexes={"i"})
    await store.put("edge", b"v", ttl_s=20)
    await store.put("new", b"v", ttl_s=30, indexes={"i"})
    clock.now += 20

    assert await store.sweep(clock.now) == 1204
    assert await store.sweep(clock.now) == 0
    assert await store.find("i") == [("new", b"v")]


async def test_it_answers_a_ping(store):
    await store.ping()


async def test_after_closing_twice_nothing_is_answered(store):
    await store.put("k", b"v", ttl_s=10)
    await store.aclose()
    await store.aclose()

    for call in (*every_call(store), lambda: store.subscribe("c", print)):
        with pytest.raises(StoreUnavailableError):
            await call()


async def test_a_caller_that_goes_away_breaks_nothing(store):
    task = asyncio.get_running_loop().create_task(store.put("k", b"v", ttl_s=10))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await store.put("l", b"v", ttl_s=10)
    assert await store.get("l") == b"v"
