from gateway.sessions.cache import CachedSession, SessionCache
from gateway.sessions.ticket import new_ticket
from tests.sessions.test_record import make_session


def make_entry(number):
    ticket = new_ticket(lambda n: bytes([number]) * n)
    return CachedSession(make_session(ticket), ticket, 1.0, 1.0, 1.0, 1.0, b"")


def test_the_one_unused_for_longest_goes_first():
    cache = SessionCache(2, remember_ended_s=10)
    entries = [make_entry(n) for n in range(3)]
    cache.add(b"0", entries[0])
    cache.add(b"1", entries[1])
    cache.get(b"0")
    cache.add(b"2", entries[2])

    assert [cache.get(key) for key in (b"0", b"1", b"2")] == [entries[0], None, entries[2]]
    assert [cache.holds(entry) for entry in entries] == [True, False, True]
    assert len(cache) == 2


def test_a_session_is_there_once():
    cache = SessionCache(2, remember_ended_s=10)
    old, new = make_entry(1), make_entry(1)
    cache.add(b"a", old)
    cache.add(b"b", new)

    assert cache.get(b"a") is None
    assert (cache.holds(old), cache.holds(new)) == (False, True)
    cache.drop(new.session.session_id)
    cache.drop(new.session.session_id)
    assert len(cache) == 0


def test_an_end_is_remembered_for_a_while():
    cache = SessionCache(2, remember_ended_s=10)
    entry = make_entry(1)
    cache.add(b"a", entry)
    cache.end(entry.session.session_id, now=100.0)

    assert cache.get(b"a") is None
    for now, remembered in [(109.9, True), (110, False)]:
        cache.forget_ended(now)
        assert cache.has_ended(entry.session.session_id) is remembered
