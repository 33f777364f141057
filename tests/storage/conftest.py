"""A clock that tests drive, and every store that is listed."""

import os
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from gateway.storage import STORES, Store, open_store
from gateway.storage.namespaced import NamespacedStore
from gateway.storage.store import Lock
from tests.fixtures.clock import Clock
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.redis import RedisCluster, RedisServer

# How a cluster moves slots and loses nodes takes minutes; what it stores is tested in every run.
_SLOW = ["test_redis_cluster.py", "test_redis_moved_slot.py"]
collect_ignore = [] if "TEST_MORE" in os.environ else _SLOW
# The same store as redis://, but for TLS: see test_redis.py.
CLUSTER = "redis cluster"
NAMES = [*sorted(STORES.keys() - {"rediss"}), CLUSTER, "valkey"]
# And a part of one, which is to do the same.
PART = "part of "


def open_at(location: str, data_dir: Path, clock: Clock) -> Store:
    opened = open_store(location.removeprefix(PART), data_dir, clock)
    return NamespacedStore(opened, "part:") if location.startswith(PART) else opened


_prefixes = count(1)


@pytest.fixture
def locate(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """A new, empty store's location, by the name of its kind."""

    def location(name: str) -> str:
        if name in ("redis", "valkey"):
            server: RedisServer = request.getfixturevalue(f"{name}_server")
            return f"{server.url}?prefix=test-{next(_prefixes)}"
        if name == CLUSTER:
            cluster: RedisCluster = request.getfixturevalue("redis_cluster")
            return f"{cluster.url}&prefix=test-{next(_prefixes)}"
        if name == "postgresql":
            database: PostgresServer = request.getfixturevalue("postgres_server")
            return database.schema_url()
        return name

    return location


@pytest.fixture(params=[*NAMES, f"{PART}memory"])
def location(request: pytest.FixtureRequest, locate: Callable[[str], str]) -> str:
    """One store after another."""
    return locate(request.param)


@pytest.fixture
async def store(location: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = open_at(location, tmp_path / "data", clock)
    yield opened
    await opened.aclose()


@pytest.fixture
async def store_pair(
    store: Store, location: str, tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[Store, Store]]:
    """Two of them over the same values, where the kind of store can be shared at all."""
    if location.removeprefix(PART) == "memory":
        yield store, store
        return
    other = open_at(location, tmp_path / "data", clock)
    yield store, other
    await other.aclose()


def every_call(store) -> list[Callable]:
    """All that asks the server; whether it can be heard is another connection's affair."""
    return [
        lambda: store.get("k"),
        lambda: store.put("k", b"v", ttl_s=10),
        lambda: store.delete("k"),
        lambda: store.take("k"),
        lambda: store.find("i"),
        lambda: store.page("i", limit=1),
        lambda: store.count("i"),
        lambda: store.add_once("k", ttl_s=10),
        lambda: store.compare_and_swap("k", None, b"v", ttl_s=10),
        lambda: store.lock("a", ttl_s=10),
        lambda: store.unlock(Lock("a", 1)),
        lambda: store.publish("c", b"m"),
        lambda: store.sweep(0.0),
        store.ping,
    ]


@pytest.fixture(params=["redis-server", "valkey-server"])
def cluster(request, start_redis_cluster):
    return start_redis_cluster(program=request.param)


@pytest.fixture
async def cluster_store(cluster, tmp_path, clock):
    opened = open_store(cluster.url, tmp_path, clock)
    yield opened
    await opened.aclose()
