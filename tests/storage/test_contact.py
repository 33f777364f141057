"""How long what is remembered may be used without the store."""

from dataclasses import dataclass

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage.contact import CHECK_S, MAX_UNCHECKED_S, RETRY_S, Contact
from gateway.storage.watch import Watch
from tests.fixtures.clock import NOW
from tests.fixtures.memory import CountedStore


@dataclass
class Entry:
    trusted_from: float = NOW
    sure_until: float = NOW

    def is_usable(self, now: float) -> bool:
        """Whether it is used at `now` without a look-up."""
        return abs(now - self.trusted_from) < MAX_UNCHECKED_S


@pytest.fixture
def store(clock):
    return CountedStore(clock)


@pytest.fixture
async def contact(clock, store):
    woken = []
    made = Contact(clock, lambda: woken.append(clock.now))
    made.woken = woken
    await made.listen(store, "c", print)
    return made


@pytest.fixture
def entry(contact):
    made = Entry()
    contact.rule_on(lambda: [made])
    contact.answered(made, NOW)
    return made


async def test_with_messages_it_is_good_until_it_is_to_be_checked(entry):
    assert CHECK_S < MAX_UNCHECKED_S
    assert entry.is_usable(NOW + MAX_UNCHECKED_S - 0.1)
    assert not entry.is_usable(NOW + MAX_UNCHECKED_S)


@pytest.mark.parametrize(("grace_s", "usable_s"), [(0, 0), (7, 7), (60, 60), (600, 60)])
async def test_without_messages_it_is_used_unasked_for_the_time_of_grace_at_most(
    contact, entry, store, clock, grace_s, usable_s
):
    contact.set_grace(grace_s)
    store.lose_contact()

    assert not contact.hears
    assert contact.woken == [NOW]
    assert not entry.is_usable(NOW + usable_s)
    assert usable_s == 0 or entry.is_usable(NOW + usable_s - 0.1)
    contact.answered(entry, NOW + 100)
    assert not entry.is_usable(NOW + 100 + usable_s)


@pytest.mark.parametrize("grace_s", [7, 60, 600])
async def test_the_time_of_grace_counts_from_the_loss(contact, entry, store, clock, grace_s):
    contact.set_grace(grace_s)
    clock.now += 1000  # Nobody asked for it meanwhile.
    store.lose_contact()

    assert contact.grant_grace(entry, clock.now + grace_s - 0.1)
    assert not contact.grant_grace(entry, clock.now + grace_s)


async def test_the_store_is_tried_again_after_some_seconds(contact, entry, store):
    contact.set_grace(600)
    store.lose_contact()
    assert contact.grant_grace(entry, NOW + 100)

    assert entry.is_usable(NOW + 100 + RETRY_S - 0.1)
    assert not entry.is_usable(NOW + 100 + RETRY_S)


async def test_a_time_of_grace_that_is_cut_short_counts_at_once(contact, entry, store):
    contact.set_grace(600)
    store.lose_contact()
    assert contact.grant_grace(entry, NOW + 30)
    contact.set_grace(10)

    assert not entry.is_usable(NOW + 31)
    assert not contact.grant_grace(entry, NOW + 31)


async def test_after_a_gap_it_is_looked_up_and_was_sure_when_it_was_checked(contact, entry, store):
    store.lose_messages()

    assert contact.doubts == 1
    assert not entry.is_usable(NOW)
    assert contact.grant_grace(entry, NOW + 59.9)
    assert not contact.grant_grace(entry, NOW + 60)


async def test_a_clock_set_back_gives_no_endless_time(contact, entry, store):
    store.lose_contact()

    assert contact.grant_grace(entry, NOW - 3600)
    assert not contact.grant_grace(entry, NOW - 3600 + 60)


@pytest.fixture
def watch(contact, clock):
    async def look(name):
        if made.down:
            raise StoreUnavailableError("down")
        made.looked.append(name)
        return NOW + 20 if name == "short" else float("inf")

    stopped = []
    made = Watch(contact, clock, look, stopped.append)
    made.looked, made.stopped, made.down = [], stopped, False
    return made


async def test_what_is_watched_is_looked_at_once_a_minute_or_when_it_is_due(watch, clock):
    watch.names = lambda: ["long", "short"]
    await watch.run_once()
    assert sorted(watch.looked) == ["long", "short"]
    for elapsed_s, expected in [(19.9, []), (0.1, ["short"]), (40, ["long", "short"])]:
        watch.looked.clear()
        clock.now += elapsed_s
        await watch.run_once()
        assert sorted(watch.looked) == expected


async def test_without_the_store_what_is_watched_is_stopped_after_the_time_of_grace(
    watch, clock, store
):
    watch.names = lambda: ["one"]
    await watch.run_once()
    store.lose_contact()
    watch.down = True
    for elapsed_s, expected in [(59.9, []), (0.1, ["one"])]:
        clock.now += elapsed_s
        try:
            await watch.run_once()
        except StoreUnavailableError:
            assert elapsed_s == 0.1
        assert watch.stopped == expected


async def test_what_is_opened_while_the_store_is_down_has_no_more_time(watch, clock, store):
    store.lose_contact()
    watch.down = True
    clock.now += 30
    watch.names = lambda: ["one"]
    for elapsed_s, expected in [(0, []), (29.9, []), (0.1, ["one"])]:
        clock.now += elapsed_s
        with pytest.raises(StoreUnavailableError):
            await watch.run_once()
        assert watch.stopped == expected
