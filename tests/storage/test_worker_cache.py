from dataclasses import dataclass

from gateway.storage.worker_cache import WorkerCache


@dataclass(eq=False)
class Entry:
    name: str
    trusted_from: float = 1.0
    sure_until: float = 1.0


def make_cache():
    return WorkerCache(2, remember_ended_s=10, name_of=lambda entry: entry.name)


def test_the_one_unused_for_longest_goes_first():
    cache = make_cache()
    entries = [Entry(str(n)) for n in range(3)]
    cache.add(b"0", entries[0])
    cache.add(b"1", entries[1])
    cache.get(b"0")
    cache.add(b"2", entries[2])

    assert [cache.get(key) for key in (b"0", b"1", b"2")] == [entries[0], None, entries[2]]
    assert [cache.holds(entry) for entry in entries] == [True, False, True]
    assert len(cache) == 2


def test_a_value_is_there_once():
    cache = make_cache()
    old, new = Entry("1"), Entry("1")
    cache.add(b"a", old)
    cache.add(b"b", new)

    assert cache.get(b"a") is None
    assert (cache.holds(old), cache.holds(new)) == (False, True)
    cache.drop(new.name)
    cache.drop(new.name)
    assert len(cache) == 0


def test_an_end_is_remembered_for_a_while():
    cache = make_cache()
    entry = Entry("1")
    cache.add(b"a", entry)
    cache.end(entry.name, now=100.0)

    assert cache.get(b"a") is None
    for now, remembered in [(109.9, True), (110, False)]:
        cache.forget_ended(now)
        assert cache.has_ended(entry.name) is remembered
