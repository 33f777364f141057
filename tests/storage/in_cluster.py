"""A store in a Redis Cluster: what writes to it, and what is then in the nodes."""

import asyncio
from contextlib import suppress

import redis
import redis.asyncio

from gateway.errors import StoreUnavailableError
from gateway.storage.redis_entry import unpack_entry
from tests.patience import PATIENCE_S, until

PREFIX = "{gatepost}:"


def raw(node) -> redis.asyncio.Redis:
    """A node, without the store."""
    return redis.asyncio.Redis(port=node.port, protocol=2)


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
