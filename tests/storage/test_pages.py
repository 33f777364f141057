"""What every store promises of an index that is read in pages."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.conftest import open_at

# In the byte order of UTF-8; UTF-16 would have the last two the other way round.
KEYS = [
    "\0",
    "\0\0",
    " ",
    "A",
    "a",
    "a\0",
    "a\0b",
    "aa",
    "z",
    "\x7f",
    "é",
    "ﬀ",
    "\uffff",
    "\U0001f600",
]


async def read_pages(store, index, limit):
    """Every page, until one is short."""
    pages = [await store.page(index, limit=limit)]
    while len(pages[-1]) == limit:
        pages.append(await store.page(index, after=pages[-1][-1][0], limit=limit))
    return pages


def keys_of(pages):
    return [key for page in pages for key, _ in page]


async def put_many(store, keys, index, ttl_s=None):
    for at in range(0, len(keys), 20):
        some = keys[at : at + 20]
        await asyncio.gather(
            *(store.put(k, k.encode(), ttl_s=ttl_s, indexes={index}) for k in some)
        )


@pytest.mark.parametrize("limit", [1, 2, 5, len(KEYS) - 1, len(KEYS), len(KEYS) + 1, 1000])
async def test_pages_have_each_key_once_in_byte_order(store, limit):
    await put_many(store, KEYS[::-1], "i")

    pages = await read_pages(store, "i", limit)

    assert pages == [
        [(key, key.encode()) for key in KEYS[at : at + limit]]
        for at in range(0, len(KEYS) + (len(KEYS) % limit == 0), limit)
    ]
    assert sorted(KEYS, key=str.encode) == KEYS


async def test_a_page_begins_after_any_key_whether_it_is_there(store):
    await put_many(store, KEYS, "i")

    for at, key in enumerate(KEYS):
        assert keys_of([await store.page("i", after=key, limit=2)]) == KEYS[at + 1 : at + 3]
    assert keys_of([await store.page("i", after="b", limit=1)]) == ["z"]
    assert keys_of([await store.page("i", after="\U0010ffff", limit=1)]) == []


async def test_a_page_is_of_one_index_and_has_no_empty_key(store):
    await store.put("", b"v", ttl_s=None, indexes={"i"})
    await put_many(store, ["b", "d"], "i")
    await put_many(store, ["a"], "h")
    await put_many(store, ["c"], "i2")
    await put_many(store, ["e"], "")

    assert keys_of([await store.page("i", limit=10)]) == ["b", "d"]
    assert keys_of([await store.page("", limit=10)]) == ["e"]
    assert await store.page("none", limit=10) == []
    assert await store.page("i", limit=0) == []


async def test_a_page_is_full_however_much_has_ended(store, clock):
    ended = [f"a{number:04}" for number in range(1203)]
    await put_many(store, ["a", *(f"b{number}" for number in range(5))], "i")
    await put_many(store, ended, "i", ttl_s=10)
    await store.put("a0600x", b"v", ttl_s=11, indexes={"i"})
    assert keys_of([await store.page("i", limit=3)]) == ["a", "a0000", "a0001"]

    clock.now += 10
    assert keys_of([await store.page("i", limit=4)]) == ["a", "a0600x", "b0", "b1"]
    await store.sweep(clock.now)
    assert keys_of([await store.page("i", limit=4)]) == ["a", "a0600x", "b0", "b1"]
    clock.now += 1
    assert keys_of(await read_pages(store, "i", 2)) == ["a", "b0", "b1", "b2", "b3", "b4"]


async def test_a_page_may_be_longer_than_a_step(store):
    keys = [f"{number:04}" for number in range(1203)]
    await put_many(store, keys, "i")

    assert keys_of([await store.page("i", limit=1100)]) == keys[:1100]
    assert keys_of([await store.page("i", limit=5000)]) == keys
    assert keys_of(await read_pages(store, "i", 100)) == keys


async def test_what_changes_while_paging_moves_nothing_else(store_pair):
    store, other = store_pair
    await put_many(store, list("bdfhjl"), "i")

    first = await store.page("i", limit=2)
    await other.delete("b")
    await other.delete("f")
    await other.put("h", b"moved", ttl_s=None, indexes={"j"})
    await other.put("j", b"anew", ttl_s=10, indexes={"i", "j"})
    await put_many(other, ["a", "e", "k"], "i")
    rest = await store.page("i", after=first[-1][0], limit=10)

    assert keys_of([first]) == ["b", "d"]
    assert rest == [("e", b"e"), ("j", b"anew"), ("k", b"k"), ("l", b"l")]
    assert await store.page("j", limit=9) == [("h", b"moved"), ("j", b"anew")]
    assert keys_of([await other.page("i", limit=9)]) == ["a", "d", "e", "j", "k", "l"]


async def test_each_way_to_write_is_seen_on_the_next_page(store):
    assert await store.page("i", limit=9) == []
    await store.compare_and_swap("a", None, b"1", ttl_s=None, indexes={"i"})
    assert await store.page("i", limit=9) == [("a", b"1")]
    await store.compare_and_swap("a", b"1", b"2", ttl_s=None, indexes={"i", "j"})
    await store.compare_and_swap("a", b"1", b"3", ttl_s=None, indexes={"k"})
    assert await store.page("i", limit=9) == [("a", b"2")]
    assert await store.take("a") == b"2"
    assert await store.page("i", limit=9) == await store.page("j", limit=9) == []
    await store.put("a", b"4", ttl_s=None, indexes={"i"})
    assert await store.page("i", limit=9) == [("a", b"4")]


async def test_those_who_read_and_write_at_once_miss_nothing_that_stays(store_pair):
    stay = [f"{number:03}" for number in range(300)]
    await put_many(store_pair[0], stay, "i")

    async def come_and_go(store, name):
        for number in range(0, 300, 10):
            await store.put(f"{number:03}{name}", b"v", ttl_s=None, indexes={"i"})
            await store.put(f"{number:03}", b"again", ttl_s=None, indexes={"i"})
            await store.delete(f"{number:03}{name}")

    read = [read_pages(store, "i", 7) for store in store_pair for _ in range(2)]
    *walks, _, _ = await asyncio.gather(
        *read, *(come_and_go(store, name) for store, name in zip(store_pair, "xy", strict=True))
    )

    for pages in walks:
        keys = keys_of(pages)
        assert [key for key in keys if key in set(stay)] == stay
        assert keys == sorted(set(keys))


@dataclass(frozen=True)
class Put:
    key: str
    ttl_s: int | None
    indexes: frozenset[str]


@dataclass(frozen=True)
class Wait:
    elapsed_s: int
    is_swept: bool


@dataclass(frozen=True)
class Page:
    index: str
    after: str
    limit: int


_keys, _indexes = st.sampled_from(KEYS[:8]), st.sampled_from("ij")
STEPS = st.one_of(
    st.builds(Put, _keys, st.sampled_from([None, 1, 2, 5]), st.frozensets(_indexes)),
    st.builds(Page, _indexes, st.sampled_from(["", *KEYS[:8]]), st.integers(1, 4)),
    st.builds(Wait, st.integers(1, 3), st.booleans()),
    _keys,
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_pages_are_those_of_a_simple_model(steps, locate, location, tmp_path, clock):
    asyncio.run(compare_with_model(steps, location, tmp_path / "model", clock))


async def compare_with_model(steps, location, data_dir, clock):
    store = open_at(location, data_dir, clock)
    model = {}
    for step in steps:
        match step:
            case Put(key, ttl_s, indexes):
                await store.put(key, key.encode(), ttl_s=ttl_s, indexes=indexes)
                model[key] = (indexes, None if ttl_s is None else clock.now + ttl_s)
            case Wait(elapsed_s, is_swept):
                clock.now += elapsed_s
                model = {k: (i, end) for k, (i, end) in model.items() if not end or end > clock.now}
                if is_swept:
                    await store.sweep(clock.now)
            case Page(index, after, limit):
                expected = sorted(k for k, (names, _) in model.items() if index in names)
                expected = [key for key in expected if key > after][:limit]
                assert keys_of([await store.page(index, after=after, limit=limit)]) == expected
            case key:
                assert await store.delete(key) is (model.pop(key, None) is not None)
    for key in KEYS[:8]:
        await store.delete(key)
    await store.aclose()
