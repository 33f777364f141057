"""How the Redis store keeps an index in order, beside versions that do not."""

import asyncio

import pytest
import redis.asyncio

from gateway.storage import open_store
from gateway.storage import redis_scripts as scripts
from gateway.storage.redis_entry import pack_entry


@pytest.fixture
def location(locate):
    return locate("redis")


@pytest.fixture
async def raw(redis_server):
    """The server, without the store."""
    async with redis.asyncio.Redis(port=redis_server.port, protocol=2) as client:
        yield client


@pytest.fixture
def prefix(location):
    """What the names of the store begin with."""
    return "{" + location.partition("prefix=")[2] + "}:"


async def put_as_older_version(raw, prefix, key, index, now):
    """What the script of a version without pages does to the server."""
    late = await raw.zrangebyscore(f"{prefix}i:{index}", "-inf", now, 0, 8)
    if late:
        await raw.zrem(f"{prefix}i:{index}", *late)
    await raw.zadd(f"{prefix}i:{index}", {key: "inf"})
    packed = pack_entry(float("inf"), [index.encode()], b"v")
    await raw.set(f"{prefix}v:{key}", packed)


async def keys_on_page(store, index):
    return [key for key, _ in await store.page(index, limit=10_000)]


async def test_an_index_of_an_older_version_is_read_in_pages(store, raw, prefix, clock):
    keys = [f"{number:04}" for number in range(1203)]
    for key in keys:
        await put_as_older_version(raw, prefix, key, "i", clock.now)

    assert await keys_on_page(store, "i") == keys
    assert [key for key, _ in await store.find("i")] == keys
    assert await store.count("i") == 1203


async def test_what_an_older_version_writes_beside_this_one_is_on_the_next_page(
    store, raw, prefix, clock
):
    await store.put("b", b"v", ttl_s=None, indexes={"i"})
    assert await keys_on_page(store, "i") == ["b"]

    await put_as_older_version(raw, prefix, "a", "i", clock.now)
    await raw.delete(prefix + "v:b")
    await raw.zrem(prefix + "i:i", "b")
    await store.put("c", b"v", ttl_s=None, indexes={"i"})
    assert await keys_on_page(store, "i") == ["a", "c"]
    assert await store.count("i") == 2
    await put_as_older_version(raw, prefix, "d", "i", clock.now)
    await put_as_older_version(raw, prefix, "b", "i", clock.now)
    assert await keys_on_page(store, "i") == ["a", "b", "c", "d"]


async def test_an_order_that_was_left_half_made_is_made_again(store, raw, prefix, clock):
    keys = [f"{number:04}" for number in range(600)]
    for key in keys:
        await put_as_older_version(raw, prefix, key, "i", clock.now)
    # Half made, as by a process that ended: no call of the store's stops there.
    names = store._orders("i")
    mark = await store._run("page", scripts.MARK, names, [])
    assert await store._run("page", scripts.ORDER, names, [mark, 0, 10]) != b"0"
    assert 0 < await raw.zcard(prefix + "o:i") < 600

    assert await keys_on_page(store, "i") == keys


async def test_an_order_is_not_whole_if_an_older_version_wrote_while_it_was_made(
    store, raw, prefix, clock
):
    for number in range(600):
        await put_as_older_version(raw, prefix, f"{number:04}", "i", clock.now)
    # Half made, as by a process that ended: no call of the store's stops there.
    names = store._orders("i")
    mark = await store._run("page", scripts.MARK, names, [])
    cursor = await store._run("page", scripts.ORDER, names, [mark, 0, 10])
    await put_as_older_version(raw, prefix, "late", "i", clock.now)
    while cursor != b"0":
        cursor = await store._run("page", scripts.ORDER, names, [mark, cursor, 10])

    assert await store._run("page", scripts.LISTED, names, ["", 10, 0]) is None
    assert "late" in await keys_on_page(store, "i")
    assert await store._run("page", scripts.LISTED, names, ["", 1, 0]) == [b"0000"]


async def test_an_order_the_server_gave_up_is_made_again(store, raw, prefix):
    await store.put("a", b"v", ttl_s=None, indexes={"i"})
    assert await keys_on_page(store, "i") == ["a"]
    await raw.delete(prefix + "o:i")
    await store.put("b", b"v", ttl_s=None, indexes={"i"})

    assert await keys_on_page(store, "i") == ["a", "b"]


async def test_an_order_that_several_make_at_once_is_whole(
    store_pair, raw, prefix, clock, monkeypatch
):
    monkeypatch.setattr("gateway.storage.redis._FIND_BATCH", 20)
    keys = [f"{number:04}" for number in range(600)]
    for key in keys:
        await put_as_older_version(raw, prefix, key, "i", clock.now)
    reads = [keys_on_page(store, "i") for store in store_pair for _ in range(3)]

    async def write():
        for number in range(0, 600, 20):
            await store_pair[0].put(f"{number:04}", b"w", ttl_s=None, indexes={"i"})
            await put_as_older_version(raw, prefix, f"{number:04}+", "i", clock.now)

    *pages, _ = await asyncio.gather(*reads, write())

    stay = set(keys)
    assert [[key for key in page if key in stay] for page in pages] == [keys] * 6
    after = await keys_on_page(store_pair[1], "i")
    assert after == sorted([*keys, *(f"{number:04}+" for number in range(0, 600, 20))])


async def test_an_index_is_gone_through_for_its_first_page_only(
    start_redis_server, clock, tmp_path
):
    server = start_redis_server()
    store = open_store(server.url, tmp_path, clock)
    async with redis.asyncio.Redis(port=server.port, protocol=2) as raw:
        for key in "abc":
            await store.put(key, b"v", ttl_s=None, indexes={"i"})
        assert await keys_on_page(store, "i") == ["a", "b", "c"]
        await raw.config_resetstat()

        await store.put("d", b"v", ttl_s=None, indexes={"i"})
        await store.delete("a")
        await store.put("b", b"v", ttl_s=10, indexes={"i"})
        assert await keys_on_page(store, "i") == ["b", "c", "d"]

        assert "cmdstat_zscan" not in await raw.info("commandstats")
    await store.aclose()


async def test_a_list_that_grows_is_never_gone_through(start_redis_server, clock, tmp_path):
    server = start_redis_server()
    store = open_store(server.url, tmp_path, clock)
    async with redis.asyncio.Redis(port=server.port, protocol=2) as raw:
        keys = [f"{number:03}" for number in range(200)]
        for key in reversed(keys):
            await store.put(key, b"v", ttl_s=None, indexes={"i"})
        await store.delete("100")

        assert await keys_on_page(store, "i") == [key for key in keys if key != "100"]

        assert "cmdstat_zscan" not in await raw.info("commandstats")
        assert await store.count("i") == 199
        # A short list, and one of what ends, needs no second copy.
        await store.put("short", b"v", ttl_s=None, indexes={"j"})
        for number in range(100):
            await store.put(f"s{number}", b"v", ttl_s=50, indexes={"k"})
        assert await raw.keys("*o:*") == [b"{gatepost}:o:i"]
    await store.aclose()


async def test_an_order_that_a_write_began_is_not_whole_once_an_older_version_wrote(
    store, raw, prefix, clock
):
    for number in range(80):
        await store.put(f"{number:02}", b"v", ttl_s=None, indexes={"i"})
    await put_as_older_version(raw, prefix, "old", "i", clock.now)
    await store.put("new", b"v", ttl_s=None, indexes={"i"})

    assert (await keys_on_page(store, "i"))[-3:] == ["79", "new", "old"]


async def test_an_order_lives_as_long_as_its_index_and_goes_with_it(store, raw, prefix, clock):
    await store.put("a", b"v", ttl_s=50, indexes={"i"})
    assert await keys_on_page(store, "i") == ["a"]
    assert 50 <= await raw.ttl(prefix + "o:i") <= 350
    await store.put("b", b"v", ttl_s=100, indexes={"i"})
    assert 100 <= await raw.ttl(prefix + "o:i") <= 400
    await store.put("c", b"v", ttl_s=None, indexes={"i"})
    assert await raw.ttl(prefix + "o:i") == await raw.ttl(prefix + "i:i") == -1

    await store.put("a", b"v", ttl_s=50)
    assert await store.delete("b")
    assert await store.take("c") == b"v"
    assert await keys_on_page(store, "none") == []
    left = {name.decode() async for name in raw.scan_iter(f"{prefix}*")}
    assert left == {f"{prefix}v:a", f"{prefix}ends"}
