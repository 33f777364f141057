"""What the Redis store promises in a Cluster: failover, moved slots, missing nodes."""

import asyncio
import re
from contextlib import suppress
from functools import partial
from itertools import combinations
from pathlib import Path

import pytest
import redis
import redis.asyncio

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from gateway.storage.redis_entry import unpack_entry
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, until

PREFIX = "{gatepost}:"


@pytest.fixture
def cluster(start_redis_cluster):
    return start_redis_cluster()


@pytest.fixture
async def store(cluster, tmp_path, clock):
    opened = open_store(cluster.url, tmp_path, clock)
    yield opened
    await opened.aclose()


def raw(node) -> redis.asyncio.Redis:
    """A node, without the store."""
    return redis.asyncio.Redis(port=node.port, protocol=2)


async def unavailable(call):
    with pytest.raises(StoreUnavailableError) as caught:
        await call
    return str(caught.value)


async def succeeds(call):
    """What `call` returns once it does not fail."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await call()
            except StoreUnavailableError:
                await asyncio.sleep(0.02)


async def hears(store, heard):
    async def is_heard():
        with suppress(StoreUnavailableError):
            await store.publish("c", b"m")
        return not heard.empty()

    await until(is_heard)


class Load:
    """Writes without a pause, and knows what each acknowledged write left."""

    def __init__(self, store):
        self.store = store
        self.acknowledged = {}
        self.unsure = set()
        self.failures = 0
        self.stop = asyncio.Event()

    async def __aenter__(self):
        self.tasks = [asyncio.ensure_future(self._write(n)) for n in range(8)]  # noqa: TID251
        return self

    async def __aexit__(self, *exc):
        self.stop.set()
        await asyncio.gather(*self.tasks)

    async def _write(self, number):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            key, value = f"{number}-{turn % 40}", b"%d" % turn
            try:
                if turn % 7 == 0:
                    await self.store.delete(key)
                    value = None
                else:
                    indexes = {"all", f"of-{turn % 3}"}
                    await self.store.put(key, value, ttl_s=1000, indexes=indexes)
            except StoreUnavailableError:
                self.failures += 1
                # It may have been done before the answer was lost.
                self.unsure.add(key)
                await asyncio.sleep(0.01)
            else:
                self.acknowledged[key] = value
                self.unsure.discard(key)

    async def check(self):
        """Nothing that was acknowledged is lost, and each index has what belongs to it."""
        values = dict(await self.store.find("all"))
        for key, value in self.acknowledged.items():
            if key not in self.unsure:
                assert await self.store.get(key) == value
                assert values.get(key) == value
        by_part = {}
        for part in range(3):
            by_part |= await self.store.find(f"of-{part}")
        assert by_part == values
        assert dict(await self.store.page("all", limit=10_000)) == values


async def entries(node):
    """The live entries of a node by key, with the indexes that each is to be in."""
    async with raw(node) as client:
        names = [name async for name in client.scan_iter(f"{PREFIX}v:*")]
        return {
            name.decode().partition("v:")[2]: unpack_entry(await client.get(name)) for name in names
        }


async def check_indexes(node):
    """Every entry is in each of its indexes, and these have no other keys."""
    async with raw(node) as client:
        listed = {}
        for name in [name async for name in client.scan_iter(f"{PREFIX}i:*")]:
            index = name.partition(b"i:")[2]
            keys = await client.zrange(name, 0, -1)
            listed |= {(index, key.decode()): True for key in keys if key[0] != 255}
    found = await entries(node)
    wanted = {(index, key) for key, entry in found.items() for index in entry.indexes}
    assert wanted <= listed.keys()


async def test_all_names_are_on_one_node(cluster, store):
    await store.put("{k}", b"v", ttl_s=10, indexes={"{i}", "j"})
    await store.lock("a", ttl_s=10)
    await store.page("j", limit=1)

    sizes = []
    for node in cluster.nodes[:3]:
        async with raw(node) as client:
            sizes.append(await client.dbsize())
    assert sizes[0] >= 6
    assert sizes[1:] == [0, 0]


async def test_a_replica_takes_over_with_all_that_it_has(cluster, store):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    lost: asyncio.Queue[str] = asyncio.Queue()
    await store.subscribe(
        "c", heard.put_nowait, lambda: lost.put_nowait("gap"), lambda: lost.put_nowait("loss")
    )
    await store.put("k", b"v", ttl_s=1000, indexes={"i"})
    before = await store.lock("a", ttl_s=1000)
    async with raw(cluster.nodes[0]) as client:
        assert await client.wait(1, 5000) == 1

    cluster.nodes[0].kill()
    await unavailable(store.put("k", b"w", ttl_s=1000))

    await succeeds(store.ping)
    assert await store.get("k") == b"v"
    assert await store.find("i") == [("k", b"v")]
    assert await store.lock("a", ttl_s=10) is None
    assert (await store.lock("b", ttl_s=10)).token > before.token
    await hears(store, heard)
    assert [await lost.get(), await lost.get()] == ["loss", "gap"]


async def test_a_master_that_hangs_is_replaced(cluster, store):
    await store.put("k", b"v", ttl_s=1000)
    async with raw(cluster.nodes[0]) as client:
        assert await client.wait(1, 5000) == 1

    cluster.nodes[0].pause()
    await unavailable(store.get("k"))

    assert await succeeds(lambda: store.get("k")) == b"v"
    cluster.nodes[0].resume()


async def test_no_acknowledged_write_is_lost_when_a_replica_is_promoted_by_hand(cluster, store):
    async with Load(store) as load:
        await until(lambda: len(load.acknowledged) > 100)
        for replica, master in (cluster.nodes[3::-3], cluster.nodes[::3]):
            await until(partial(follows, replica, master))
            replica.ask("CLUSTER", "FAILOVER")
            await until(partial(is_master, replica))
        await succeeds(store.ping)

    await load.check()


def is_master(node) -> bool:
    return "'master'" in node.ask("ROLE")


def follows(replica, master) -> bool:
    """Whether both know that the one replicates the other; before, no failover begins."""
    known = f" slave {master.node_id()} " in master.ask("CLUSTER", "NODES")
    return known and "'connected'" in replica.ask("ROLE")


class Move:
    """Moves the slot from one master to another, as `redis-cli --cluster reshard` does."""

    def __init__(self, cluster, source, target):
        self.cluster, self.source, self.target = cluster, source, target
        self.slot = str(cluster.slot)

    def begin(self):
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.node_id())
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.node_id())

    def take(self, *names):
        """Move these names; one that is at the target already, too, is an error."""
        if names:
            where = ("127.0.0.1", str(self.target.port), "", "0", "5000")
            self.source.ask("MIGRATE", *where, "KEYS", *names)

    def some(self):
        """A few of the names that have not moved."""
        with redis.Redis(port=self.source.port, protocol=2, decode_responses=True) as client:
            return client.execute_command("CLUSTER GETKEYSINSLOT", self.slot, 3)

    def end(self):
        for node in (self.target, self.source, *self.cluster.nodes[:3]):
            node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.node_id())


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


async def test_nobody_gets_the_answer_to_a_question_that_was_given_up(store):
    for number in range(50):
        await store.put(f"k{number}", b"%d" % number, ttl_s=1000)

    for round_ in range(20):
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(store.get(f"k{number}")) for number in range(50)]
            for number in range(0, 50, 3):
                asking[number].cancel()
                if number % 2 == round_ % 2:
                    await asyncio.sleep(0)
        for number, task in enumerate(asking):
            assert task.cancelled() or task.result() == b"%d" % number


async def test_nodes_that_have_other_slots_may_be_missing(start_redis_cluster, tmp_path, clock):
    cluster = start_redis_cluster("--cluster-require-full-coverage", "no")
    store = open_store(cluster.url, tmp_path, clock)
    await store.put("k", b"v", ttl_s=1000)
    cluster.nodes[1].kill()

    assert await store.get("k") == b"v"
    later = open_store(cluster.url, tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await later.subscribe("c", heard.put_nowait)
    assert await succeeds(lambda: later.get("k")) == b"v"
    await later.put("l", b"v", ttl_s=1000)
    async with raw(cluster.nodes[0]) as client:
        await client.script_flush()
    await later.put("l", b"w", ttl_s=1000)
    await hears(store, heard)
    await later.aclose()
    await store.aclose()


async def test_a_slot_that_no_node_has_is_unavailable(start_redis_cluster, tmp_path, clock):
    cluster = start_redis_cluster("--cluster-require-full-coverage", "no")
    # Of the replica too, which would remind the others.
    cluster.nodes[3].kill()
    for node in cluster.nodes[:3]:
        node.ask("CLUSTER", "DELSLOTS", str(cluster.slot))
    store = open_store(cluster.url, tmp_path, clock)

    for call in (lambda: store.get("k"), lambda: store.put("k", b"v", ttl_s=1), store.ping):
        await unavailable(call())
    await unavailable(store.publish("c", b"m"))
    await unavailable(store.subscribe("c", print))
    await store.aclose()


async def test_some_of_the_hosts_are_enough(cluster, tmp_path, clock):
    nobody = take_free_port()
    port = cluster.nodes[2].port
    store = open_store(f"redis://127.0.0.1:{nobody},127.0.0.1:{port}?cluster=1", tmp_path, clock)

    await store.put("k", b"v", ttl_s=10)
    assert await store.get("k") == b"v"
    await store.aclose()


async def test_a_url_that_does_not_fit_the_server_says_so(
    cluster, start_redis_server, tmp_path, clock
):
    server = start_redis_server()
    store = open_store(f"{server.url}?cluster=1", tmp_path, clock)
    assert "Cluster mode is not enabled" in await unavailable(store.get("k"))
    await store.aclose()

    # Not the node that has the slot.
    store = open_store(cluster.nodes[1].url, tmp_path, clock)
    assert "add cluster=1 to the URL" in await unavailable(store.get("k"))
    await store.aclose()


async def test_the_rights_the_documentation_asks_for_are_enough(
    start_redis_cluster, tmp_path, clock
):
    text = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    (rights,) = re.findall(r"`(~\{gatepost\}[^`]*)`", text)
    (more,) = re.findall(r"In a Cluster, an ACL also needs `([^`]*)`", text)
    cluster = start_redis_cluster(
        "--user", "gate", "on", ">hunter2", *rights.split(), *more.split()
    )
    url = cluster.url.replace("redis://", "redis://gate:hunter2@")
    store = open_store(url, tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    await store.ping()
    await store.subscribe("c", heard.put_nowait)
    await store.publish("c", b"m")
    await store.put("k", b"v", ttl_s=10, indexes={"i"})
    assert await store.page("i", limit=1) == [("k", b"v")]
    assert await store.unlock(await store.lock("a", ttl_s=10))
    assert await heard.get() == b"m"
    await store.aclose()

    store = open_store(url.replace("hunter2", "hunter3"), tmp_path, clock)
    assert "hunter" not in await unavailable(store.get("k"))
    await store.aclose()
