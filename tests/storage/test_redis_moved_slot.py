"""A Redis Cluster that moves the slot with all names of the store to another node."""

import asyncio
from contextlib import suppress
from itertools import combinations

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from tests.patience import until
from tests.storage.in_cluster import PREFIX, Load, Move, check_indexes, entries, hears, succeeds


@pytest.fixture
def store(cluster_store):
    return cluster_store


async def test_nothing_is_lost_while_the_slot_moves_to_another_node(
    cluster, store, tmp_path, clock
):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    held = await store.lock("held", ttl_s=1000)
    first, second = cluster.nodes[:2]
    steps = []
    move = Move(cluster, first, second)
    async with Load(store) as load:
        await until(lambda: len(load.acknowledged) > 100)
        move.begin()
        while names := move.some():
            move.take(*names)
            steps.append(await locks_again(store))
        move.end()
        await succeeds(store.ping)
        await until(lambda: not load.unsure)

    assert len(steps) > 10
    assert not any(steps)
    await load.check()
    await check_indexes(second)
    assert await store.unlock(held)
    await hears(store, heard)
    assert await entries(first) == {}
    # A gateway that starts later finds the same.
    later = open_store(cluster.url, tmp_path, clock)
    load.store = later
    await load.check()
    await later.aclose()


async def locks_again(store) -> bool:
    """Whether a lock that is held can be taken; an outage counts as not."""
    with suppress(StoreUnavailableError):
        return await store.lock("held", ttl_s=1000) is not None
    return False


NAMES = ("v:k", "ends", "i:old", "o:old", "i:new")
CHANGES = {
    "put": lambda store: store.put("k", b"w", ttl_s=1000, indexes={"new"}),
    "delete": lambda store: store.delete("k"),
    "add": lambda store: store.put("added", b"w", ttl_s=1000, indexes={"old", "new"}),
    "sweep": lambda store: store.sweep(store._clock() + 5000),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_while_some_names_have_moved_is_whole_or_not_made(
    cluster, store, change, monkeypatch
):
    # The driver asks again so often, with pauses.
    monkeypatch.setattr(type(store._client.commands), "RedisClusterRequestTTL", 4)
    source, target = cluster.nodes[:2]
    done = []
    for count in range(len(NAMES) + 1):
        for moved in combinations(NAMES, count):
            await store.put("k", b"v", ttl_s=1000, indexes={"old"})
            await store.put("other", b"v", ttl_s=None, indexes={"old", "new"})
            # So that both indexes have an order.
            assert len(await store.page("old", limit=9)) == 2
            assert len(await store.page("new", limit=9)) == 1
            move = Move(cluster, source, target)
            move.begin()
            move.take(*(PREFIX + name for name in moved))
            try:
                await CHANGES[change](store)
            except StoreUnavailableError:
                done.append(False)
            else:
                done.append(True)
            while names := move.some():
                move.take(*names)
            move.end()
            source, target = target, source

            await check_indexes(source)
            value = await succeeds(lambda: store.get("k"))
            old, new = dict(await store.find("old")), dict(await store.find("new"))
            assert (old.get("k"), new.get("k")) in {
                b"v": [(b"v", None)],
                b"w": [(None, b"w")],
                None: [(None, None)],
            }[value]
            assert dict(await store.page("old", limit=9)) == old
            if change == "sweep":
                # What it does not reach is removed by the server.
                assert value in (None, b"v")
            else:
                after = {"put": b"w", "delete": None, "add": b"v"}[change]
                assert value == (after if done[-1] else b"v")
            await store.delete("k")
            await store.delete("added")

    # What is not there yet may be where the names go to.
    assert any(done) is (change != "add")
    assert not all(done)
