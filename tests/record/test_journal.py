"""The journal: in order, found by its words, bounded, sealed, and never after the act only."""

from types import SimpleNamespace

import orjson
import pytest

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.record.journal import (
    COMMAND_LINE,
    KEPT_S,
    OWN,
    Actor,
    Journal,
    Target,
    audit_members,
)
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore

ANN, BOB = Actor("ann", "id-ann", ip="192.0.2.1"), Actor("Bob", "id-bob", "api_key", "key-7")


class RefusedError(GatewayError):
    reason = "last-way-in"
    status = 409


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


class FailingStore(MemoryStore):
    """Fails to write from the write with this number on."""

    fails_from = 0

    async def put(self, *args, **kwargs):
        self.fails_from -= 1
        if self.fails_from < 0:
            raise StoreUnavailableError("down")
        await super().put(*args, **kwargs)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return MemoryStore(clock)


@pytest.fixture
def journal(store, clock):
    return Journal(store, Sealer((b"j" * 32,)), clock)


def request():
    return SimpleNamespace(request_id="r-1", acts=())


async def do(journal, clock, actor, action, target=None):
    clock.now += 1
    async with journal.act(actor, action, target):
        pass


def told(page):
    return [(it.actor.user, it.action, it.outcome) for it in page.entries]


async def test_it_is_read_newest_first_page_by_page(journal, clock):
    for number in range(5):
        await do(journal, clock, ANN, f"act.{number}")

    first = await journal.page(limit=2)
    second = await journal.page(after=first.next, limit=2)
    third = await journal.page(after=second.next, limit=2)

    actions = [it.action for page in (first, second, third) for it in page.entries]
    assert actions == [f"act.{number}" for number in (4, 3, 2, 1, 0)]
    assert third.next is None


async def test_it_is_found_by_every_word_whoever_acted(journal, clock):
    key = Target("key-1", "ci", "ann", "id-ann")
    await do(journal, clock, ANN, "key.create", key)
    await do(journal, clock, BOB, "key.revoke", key)
    await do(journal, clock, COMMAND_LINE, "account.disable", Target("id-bob", user="bob"))

    for word in ("key-1", "ANN", " id-ann ", "ci"):
        assert told(await journal.page(word)) == [
            ("Bob", "key.revoke", "done"),
            ("ann", "key.create", "done"),
        ]
    for word in ("bob", "id-bob"):
        assert [it.action for it in (await journal.page(word)).entries] == [
            "account.disable",
            "key.revoke",
        ]
    assert [it.actor.proof for it in (await journal.page("key-7")).entries] == ["key-7"]
    assert told(await journal.page("command line")) == [("command line", "account.disable", "done")]
    assert (await journal.page("eve")).entries == ()


async def test_what_fails_is_told_with_its_reason(journal):
    with pytest.raises(RefusedError):
        async with journal.act(ANN, "account.unlink"):
            raise RefusedError("…")
    with pytest.raises(RuntimeError):
        async with journal.act(ANN, "account.merge"):
            raise RuntimeError

    entries = (await journal.page()).entries
    assert {(it.action, it.outcome, it.reason) for it in entries} == {
        ("account.unlink", "failed", "last-way-in"),
        # Nobody knows how far it came.
        ("account.merge", "begun", None),
    }


async def test_what_cannot_be_written_down_is_not_done(clock):
    store = FailingStore(clock)
    done = []
    with pytest.raises(StoreUnavailableError):
        async with Journal(store, Sealer((b"j" * 32,)), clock).act(ANN, "key.revoke"):
            done.append("revoked")

    assert done == []


async def test_who_began_is_kept_if_the_end_cannot_be_written(clock, caplog):
    store = FailingStore(clock)
    store.fails_from = 1
    journal = Journal(store, Sealer((b"j" * 32,)), clock)
    async with journal.act(ANN, "key.revoke"):
        pass

    assert told(await journal.page()) == [("ann", "key.revoke", "begun")]
    assert "the end of key.revoke is not kept" in caplog.text


async def test_what_is_made_is_named_once_it_has_an_id(journal):
    async with journal.act(ANN, "key.create", Target(name="ci")) as acting:
        acting.target = Target("key-9", "ci", "ann")

    assert [it.target.id for it in (await journal.page("key-9")).entries] == ["key-9"]


async def test_it_ends_after_90_days_and_is_bounded_apart_for_people_themselves(journal, clock):
    await do(journal, clock, BOB, "account.disable", Target("id-ann"))
    for number in range(6):
        await do(journal, clock, ANN, f"{OWN}key.create", Target(f"key-{number}"))

    assert await journal.prune("journal-own", most=2) == 4
    assert [it.action for it in (await journal.page()).entries] == [
        f"{OWN}key.create",
        f"{OWN}key.create",
        "account.disable",
    ]
    assert (await journal.page("key-0")).entries == ()
    clock.now += KEPT_S
    assert (await journal.page()).entries == ()


async def test_acts_that_fail_fill_no_store(journal, clock, monkeypatch):
    monkeypatch.setattr("gateway.record.journal.MOST_KEPT", 2)
    monkeypatch.setattr("gateway.record.journal._PRUNED_ONCE_IN", 1)
    for _ in range(5):
        clock.now += 1
        with pytest.raises(RefusedError):
            async with journal.act(ANN, f"{OWN}email.change"):
                raise RefusedError("no")

    assert len((await journal.page()).entries) == 2


async def test_the_store_does_not_show_who_did_what(journal, store, clock):
    await do(journal, clock, ANN, "key.revoke", Target("key-1", "my-key", "ann"))

    everything = repr(store._entries)
    assert "ann" not in everything
    assert "my-key" not in everything


async def test_the_audit_line_says_what_was_done(journal):
    asked = request()
    async with journal.act(ANN, "key.revoke", Target("key-1", 'a"\u2028<b>', "ann"), asked):
        pass
    members = orjson.loads("{" + audit_members(asked).removeprefix(",") + "}")

    assert members == {
        "action": "key.revoke",
        "outcome": "done",
        "target": {"id": "key-1", "name": 'a"\u2028<b>', "user": "ann"},
    }
    assert "\u2028" not in audit_members(asked)
    assert audit_members(request()) == ""


async def test_the_audit_line_takes_a_name_that_is_no_text(journal):
    asked = request()
    async with journal.act(ANN, "key.revoke", Target("key-1", "\ud800"), asked):
        pass

    assert "\\ud800" in audit_members(asked)
