"""A user name belongs to the first account that comes with it."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from gateway.accounts.errors import UserTakenError
from gateway.accounts.manager import Accounts, load_accounts
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage import open_store
from tests.fixtures.memory import CountedStore

ALICE = Identity("alice", "s1", "https://id.example.com", "session")
OTHER = Identity("alice", "s1", "https://other.example.com", "session")
OLD, NEW = b"0" * 32, b"1" * 32
NOW = 1_800_000_000.0


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    store = open_store(request.param, tmp_path, lambda: NOW)
    yield store
    await store.aclose()


@pytest.fixture
def accounts(store):
    numbers = itertools.count(1)
    return Accounts(store, b"k" * 32, lambda: f"account-{next(numbers)}")


async def test_an_account_is_the_same_at_every_sign_in(accounts):
    first = await accounts.claim(ALICE)
    again = await accounts.claim(replace(ALICE, name="Alice", email="alice@example.com"))

    assert first == replace(ALICE, account_id="account-1")
    assert again.account_id == "account-1"


@pytest.mark.parametrize(
    "identity",
    [
        OTHER,
        replace(ALICE, subject="s2"),
        replace(OTHER, user="ALICE"),
        replace(OTHER, user="\uff21lice"),
    ],
)
async def test_the_name_of_another_account_is_refused_and_nothing_is_stored(store, identity):
    accounts = Accounts(store, b"k" * 32)
    await accounts.claim(ALICE)
    made = []
    put, swap = store.put, store.compare_and_swap

    async def seen_put(*args, **how):
        made.append(args)
        return await put(*args, **how)

    async def seen_swap(*args, **how):
        made.append(args)
        return await swap(*args, **how)

    store.put, store.compare_and_swap = seen_put, seen_swap

    with pytest.raises(UserTakenError, match="user"):
        await accounts.claim(identity)
    assert made == []


async def test_other_names_are_other_accounts(accounts):
    alice = await accounts.claim(ALICE)
    bob = await accounts.claim(replace(OTHER, user="bob"))

    assert alice.account_id != bob.account_id


async def test_a_new_name_is_claimed_and_the_old_one_kept(accounts):
    before = await accounts.claim(ALICE)
    after = await accounts.claim(replace(ALICE, user="alice.new"))
    back = await accounts.claim(ALICE)

    assert before.account_id == after.account_id == back.account_id
    for user in ("alice", "alice.new"):
        with pytest.raises(UserTakenError):
            await accounts.claim(replace(OTHER, user=user))


async def test_nobody_is_renamed_to_a_name_that_is_taken(accounts):
    await accounts.claim(ALICE)
    bob = await accounts.claim(replace(OTHER, user="bob"))

    with pytest.raises(UserTakenError):
        await accounts.claim(OTHER)
    assert (await accounts.claim(replace(OTHER, user="bob"))).account_id == bob.account_id


async def test_of_many_who_come_at_once_one_gets_the_name(accounts):
    comers = [replace(ALICE, subject=f"s{number % 5}") for number in range(20)]

    outcomes = await asyncio.gather(*map(accounts.claim, comers), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, Identity)]

    assert len({(identity.subject, identity.account_id) for identity in won}) == 1
    assert all(isinstance(o, Identity | UserTakenError) for o in outcomes)


async def test_two_sign_ins_of_one_person_at_once_are_one_account(accounts):
    outcomes = await asyncio.gather(*(accounts.claim(ALICE) for _ in range(10)))

    assert len({identity.account_id for identity in outcomes}) == 1


async def test_a_copy_of_the_store_tells_no_name(tmp_path):
    store = open_store("sqlite", tmp_path, lambda: NOW)
    accounts = await load_accounts(store, Sealer((OLD,)))
    await accounts.claim(replace(ALICE, user="unmistakable", subject="subject-of-hers"))
    await store.aclose()

    dump = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert b"account-user:" in dump
    for told in (b"unmistakable", b"subject-of-hers", b"id.example.com"):
        assert told not in dump


async def test_accounts_outlive_the_secret(store):
    first = await (await load_accounts(store, Sealer((OLD,)))).claim(ALICE)
    overlap = await (await load_accounts(store, Sealer((NEW, OLD)))).claim(ALICE)
    later = await load_accounts(store, Sealer((NEW,)))

    assert (await later.claim(ALICE)).account_id == first.account_id == overlap.account_id
    with pytest.raises(UserTakenError):
        await later.claim(OTHER)


async def test_under_another_secret_nothing_starts(store):
    await load_accounts(store, Sealer((OLD,)))

    with pytest.raises(StoreUnavailableError, match="another secret"):
        await load_accounts(store, Sealer((NEW,)))


async def test_workers_that_start_at_once_use_one_key(store):
    found = await asyncio.gather(*(load_accounts(store, Sealer((OLD,))) for _ in range(5)))
    claimed = await asyncio.gather(*(accounts.claim(ALICE) for accounts in found))

    assert len({identity.account_id for identity in claimed}) == 1


async def test_a_record_that_cannot_be_read_is_nobodys_to_take(clock):
    store = CountedStore(clock)
    await Accounts(store, b"k" * 32).claim(ALICE)
    for key in [key for key in store.held if key.startswith("account-user:")]:
        await store.put(key, b"garbage", ttl_s=None)

    with pytest.raises(StoreUnavailableError):
        await Accounts(store, b"k" * 32).claim(OTHER)
