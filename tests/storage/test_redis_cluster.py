"""What the Redis store promises in a Cluster: failover, missing nodes, rights."""

import asyncio
import re
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from tests.fixtures.certificates import Authority
from tests.fixtures.network import take_free_port
from tests.patience import until
from tests.storage.in_cluster import Load, hears, raw, succeeds


@pytest.fixture
def store(cluster_store):
    return cluster_store


async def unavailable(call):
    with pytest.raises(StoreUnavailableError) as caught:
        await call
    return str(caught.value)


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


async def is_replicated(cluster):
    """Wait until the replica has all that was written so far."""
    async with raw(cluster.nodes[0]) as client:
        # WAIT is about what its own connection wrote, and what came before.
        await client.set("{gatepost}marker", "1")
        assert await client.wait(1, 60_000) == 1


async def test_a_replica_takes_over_with_all_that_it_has(cluster, store):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    lost: asyncio.Queue[str] = asyncio.Queue()
    await store.subscribe(
        "c", heard.put_nowait, lambda: lost.put_nowait("gap"), lambda: lost.put_nowait("loss")
    )
    await store.put("k", b"v", ttl_s=1000, indexes={"i"})
    before = await store.lock("a", ttl_s=1000)
    await is_replicated(cluster)

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
    await is_replicated(cluster)

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


async def test_over_tls_each_node_must_show_a_certificate_that_is_trusted(
    start_redis_cluster, tmp_path, clock
):
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("node", "127.0.0.1")
    cluster = start_redis_cluster(
        *("--tls-cert-file", str(pair.cert), "--tls-key-file", str(pair.key)),
        *("--tls-ca-cert-file", str(authority.cert), "--tls-auth-clients", "no"),
        has_tls=True,
    )
    stranger = open_store(cluster.tls_url, tmp_path, clock)
    assert "certificate verify failed" in await unavailable(stranger.get("k"))
    await stranger.aclose()

    store = open_store(f"{cluster.tls_url}&ca_file={authority.cert}", tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    await store.put("k", b"v", ttl_s=10)
    await store.publish("c", b"m")
    assert await store.get("k") == b"v"
    assert await heard.get() == b"m"
    await store.aclose()
