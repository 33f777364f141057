"""An API key speaks for its owner as last seen, on every worker, and for nobody who is gone."""

import asyncio
from dataclasses import replace

import pytest

from gateway.accounts.account import Account
from gateway.accounts.desk import AccountDesk
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.manager import Accounts
from gateway.credentials import keys as module
from gateway.credentials.key_format import parse_key
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import Identity
from tests.credentials.conftest import ALICE, SECRET, recalled
from tests.patience import PATIENCE_S, until

NEWER = replace(ALICE, groups=("contractors",), email=None, claims={"team": "red"})
BOB = Identity("bob", "s-bob", "https://id.test", "session")


async def who(keys, text, clock):
    """Who asks with a key, as a request finds out; None for nobody."""
    key = parse_key(text)
    entry = recalled(keys, key, clock()) or await keys.load(key, clock())
    return None if entry is None else entry.identity


@pytest.fixture
async def workers(make_worker):
    return [await make_worker() for _ in range(2)]


@pytest.mark.parametrize("how", ["sign_in", "refreshed"])
async def test_a_key_says_what_was_said_of_its_owner_last(workers, create, clock, how):
    (accounts, here), (_, there) = workers
    text, _ = await create(here)
    for keys in (here, there):
        assert (await who(keys, text, clock)).groups == ("staff",)

    await getattr(accounts, how)(replace(NEWER, session_id="another", acr="low"))
    await until(lambda: recalled(there, parse_key(text), clock()) is None)

    for keys in (here, there):
        said = await who(keys, text, clock)
        assert (said.user, said.groups, said.email) == ("alice", ("contractors",), None)
        assert said.claims == {"team": "red"}
        assert (said.credential, said.scopes, said.session_id) == ("api_key", {"a"}, None)


async def test_what_is_no_news_is_not_written_and_nothing_is_asked_again(
    workers, create, clock, store
):
    (accounts, here), (_, there) = workers
    text, _ = await create(here)
    before = [await who(keys, text, clock) for keys in (here, there)]
    for keys in (here, there):
        await keys.upkeep()
    writes = store.calls.count("compare_and_swap")

    again = replace(ALICE, claims={**ALICE.claims, "iat": 5, "nonce": "n"}, authenticated_at=9)
    await accounts.sign_in(again)
    await accounts.refreshed(again)
    reads = store.calls.count("get")

    assert [await who(keys, text, clock) for keys in (here, there)] == before
    assert (store.calls.count("compare_and_swap"), store.calls.count("get")) == (writes, reads)


async def test_news_of_one_owner_has_no_key_of_another_looked_up(workers, create, clock, store):
    (accounts, keys), _ = workers
    text, _ = await create(keys)
    bobs, _ = await create(keys, BOB)
    for each in (text, bobs):
        await who(keys, each, clock)

    await accounts.sign_in(NEWER)

    assert recalled(keys, parse_key(bobs), clock()) is not None
    assert recalled(keys, parse_key(text), clock()) is None


async def disable(accounts, store):
    await AccountDesk(accounts).set_disabled("a1", True)


async def unlink(accounts, store):
    # By another process, whose message is lost.
    sealed, _ = await accounts.records.get("a1")
    assert await accounts.records.swap("a1", sealed, Account())


async def remove(accounts, store):
    await store.delete("account:a1")


async def spoil(accounts, store):
    await store.put("account:a1", b"garbage", ttl_s=None)


@pytest.mark.parametrize("end", [disable, unlink, remove, spoil])
async def test_the_keys_of_an_owner_who_is_gone_are_dead(workers, create, clock, store, end):
    (accounts, here), (_, there) = workers
    text, record = await create(here)
    told = []
    for keys in (here, there):
        await who(keys, text, clock)
        keys.on_revoke(told.append)
        keys.watch(lambda: [record.key_id])
        await keys.upkeep()
    assert told == []

    await end(accounts, store)
    # Whoever changes an account tells of it; here that may have got lost, too.
    if end is disable:
        await until(lambda: len(told) == 2)
    else:
        clock.now += module.CHECK_S
        for keys in (here, there):
            await who(keys, text, clock)
            await keys.upkeep()

    assert set(told) == {record.key_id}
    for keys in (here, there):
        assert recalled(keys, parse_key(text), clock()) is None
        assert await who(keys, text, clock) is None


async def test_an_owner_who_is_enabled_again_has_the_same_keys(workers, create, clock):
    (accounts, here), (_, there) = workers
    text, _ = await create(here)
    await AccountDesk(accounts).set_disabled("a1", True)
    for keys in (here, there):
        assert await who(keys, text, clock) is None

    # A sign-in alone enables nobody.
    with pytest.raises(AccountDisabledError):
        await accounts.sign_in(NEWER)
    for keys in (here, there):
        assert await who(keys, text, clock) is None

    await AccountDesk(accounts).set_disabled("a1", False)
    await accounts.sign_in(NEWER)
    for keys in (here, there):
        assert (await who(keys, text, clock)).groups == ("contractors",)


async def test_an_account_that_is_gone_does_not_come_back_by_a_refresh(
    workers, create, clock, store
):
    (accounts, keys), _ = workers
    text, _ = await create(keys)
    await store.delete("account:a1")

    await accounts.refreshed(ALICE)
    with pytest.raises(NoSuchAccountError):
        await AccountDesk(accounts).set_disabled("a1", False)

    assert await who(keys, text, clock) is None
    assert await accounts.find("a1") is None


async def test_a_change_nobody_told_of_is_found_out_in_the_background(
    workers, create, clock, store
):
    (_, keys), _ = workers
    text, _ = await create(keys)
    before = await who(keys, text, clock)
    clock.now += module.CHECK_S
    assert await who(keys, text, clock) is before
    await keys.upkeep()
    assert await who(keys, text, clock) is before

    await Accounts(store, SECRET).sign_in(NEWER)
    clock.now += module.CHECK_S
    assert await who(keys, text, clock) is before
    await keys.upkeep()
    assert (await who(keys, text, clock)).groups == ("contractors",)


async def test_a_change_while_a_key_is_looked_up_is_not_missed(workers, create, clock, store):
    (accounts, keys), _ = workers
    text, _ = await create(keys)
    read, go_on = asyncio.Event(), asyncio.Event()
    get = store.get

    async def slow(key):
        found = await get(key)
        if key == "account:a1" and not read.is_set():
            read.set()
            await go_on.wait()
        return found

    store.get = slow
    looking = asyncio.get_running_loop().create_task(who(keys, text, clock))
    async with asyncio.timeout(PATIENCE_S):
        await read.wait()
    await accounts.sign_in(NEWER)
    go_on.set()

    assert (await looking).groups == ("contractors",)
    assert (await who(keys, text, clock)).groups == ("contractors",)


async def test_what_could_not_be_told_is_told_later(workers, create, clock, store):
    (accounts, here), (_, there) = workers
    text, _ = await create(here)
    for keys in (here, there):
        await who(keys, text, clock)
    publish = store.publish

    async def fail(channel, message):
        raise StoreUnavailableError("told to fail")

    store.publish = fail
    await accounts.sign_in(NEWER)
    assert (await who(here, text, clock)).groups == ("contractors",)
    assert (await who(there, text, clock)).groups == ("staff",)

    store.publish = publish
    await here.upkeep()
    await until(lambda: recalled(there, parse_key(text), clock()) is None)
    assert (await who(there, text, clock)).groups == ("contractors",)


async def test_an_owner_who_is_but_a_name_stays_one(workers, create, clock, store):
    (_, keys), _ = workers
    assert await keys.owner("carol") is None
    name_only = Identity("carol", "carol", "https://notes.test", "api_key")
    text, _ = await create(keys, name_only)

    carol = replace(ALICE, user="carol", subject="s-carol")
    await Accounts(store, SECRET, lambda: "a2").sign_in(carol)

    said = await who(keys, text, clock)
    assert (said.user, said.issuer, said.groups) == ("carol", "https://notes.test", ())
    assert (await keys.owner("CAROL")).groups == ("staff",)


async def test_keys_are_found_by_every_name_of_their_account(workers, create, clock):
    (accounts, keys), _ = workers
    _, before = await create(keys)
    renamed = await accounts.sign_in(replace(ALICE, user="alice2"))
    clock.now += 1
    text, after = await create(keys, renamed)

    for user in ("alice", "alice2"):
        assert [it.key_id for it in await keys.list_for(user)] == [after.key_id, before.key_id]
        assert (await keys.owner(user)).user == "alice2"
    assert (await who(keys, text, clock)).user == "alice2"


async def test_owners_are_told_apart_by_subject_within_one_account(workers, create, clock, store):
    (accounts, keys), _ = workers
    text, _ = await create(keys)
    other = replace(ALICE, issuer="https://other.test", groups=("others",))
    await accounts.change("a1", lambda account: account.signed_in(other))

    assert (await who(keys, text, clock)).groups == ("staff",)


async def test_whoever_changes_an_account_at_once_loses_nothing(workers):
    (one, _), (other, _) = workers
    comers = [replace(ALICE, issuer="https://id.test", name=f"n{n}") for n in range(8)]

    await asyncio.gather(
        *(accounts.sign_in(it) for it in comers for accounts in (one, other)),
        AccountDesk(one).set_disabled("a1", True),
        return_exceptions=True,
    )

    account = await one.find("a1")
    assert account.is_disabled
    assert len(account.seen) == 1
    assert account.seen[0].name in {it.name for it in comers}
