"""People give up ways to sign in to their account, but never the last one."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.accounts.account import Account
from gateway.accounts.desk import AccountDesk
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.manager import load_accounts
from gateway.accounts.ways_in import LastWayInError, WaysIn, can_sign_in
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.clock import Clock

ISSUER, OTHER = "https://id.example.com", "https://other.example.com"
LOCAL = Identity("ann", "1", "https://notes.example.com/_gatepost", "session", provider="local")
THERE = Identity("ann@id", "17", ISSUER, "session", provider="id")
ELSEWHERE = Identity("ann@other", "18", OTHER, "session", provider="other")
BOTH = {ISSUER, OTHER}


class World:
    """Accounts as several workers see them."""

    def __init__(self, store, clock):
        self.store = store
        self.clock = clock

    async def worker(self):
        return await load_accounts(self.store, Sealer((b"k" * 32,)), self.clock)


@pytest.fixture
def world():
    clock = Clock()
    return World(MemoryStore(clock), clock)


async def ann(world, *linked, password="$argon2id$hash"):
    accounts = await world.worker()
    account = Account(
        subjects=(LOCAL.subject_key(),), seen=(LOCAL,), names=("ann",), password=password
    )
    account_id = await accounts.make(account)
    await accounts.records.keep("user", ("ann",), account_id)
    await accounts.records.keep("identity", LOCAL.subject_key(), account_id)
    for it in linked:
        await AccountDesk(accounts).link(it.subject_key(), account_id)
        await accounts.sign_in(it)
    return accounts, account_id


async def test_a_password_goes_and_the_name_stays_through_later_sign_ins(world):
    accounts, account_id = await ann(world, THERE)

    account = await WaysIn(accounts).retire_password(account_id, {ISSUER})

    assert (account.password, account.user) == (None, "ann")
    assert (await accounts.sign_in(THERE)).user == "ann"
    assert (await accounts.find(account_id)).user == "ann"


async def test_an_unlinked_identity_is_new_the_next_time(world):
    accounts, account_id = await ann(world, THERE)

    account = await WaysIn(accounts).unlink(account_id, THERE.subject_key(), {ISSUER})

    assert account.subjects == (LOCAL.subject_key(),)
    assert (await accounts.sign_in(THERE)).account_id != account_id


@pytest.mark.parametrize(
    ("linked", "password", "issuers", "remove"),
    [
        ((), "hash", BOTH, None),
        ((THERE,), "hash", {OTHER}, None),
        ((THERE,), "hash", set(), None),
        ((THERE,), None, BOTH, THERE),
        ((THERE, ELSEWHERE), None, {ISSUER}, THERE),
        ((THERE,), "hash", BOTH, LOCAL),
    ],
)
async def test_the_last_way_in_stays(world, linked, password, issuers, remove):
    accounts, account_id = await ann(world, *linked, password=password)
    before = await accounts.find(account_id)
    ways = WaysIn(accounts)

    if remove is None:
        removal = ways.retire_password(account_id, issuers)
    else:
        removal = ways.unlink(account_id, remove.subject_key(), issuers)
    with pytest.raises(LastWayInError):
        await removal

    assert await accounts.find(account_id) == before


async def test_an_account_that_is_gone_has_nothing_to_give_up(world):
    accounts, _ = await ann(world)
    with pytest.raises(NoSuchAccountError):
        await WaysIn(accounts).retire_password("0" * 32, {ISSUER})


@pytest.mark.parametrize("locks", [True, False], ids=["as it is", "without the lock"])
async def test_of_two_removals_at_once_one_is_refused(world, locks, monkeypatch):
    """On two workers, with every write of one between the read and the write of the other."""
    accounts, account_id = await ann(world, THERE)
    other = await world.worker()

    @asynccontextmanager
    async def unlocked(*_):
        yield

    if not locks:
        for it in (accounts, other):
            monkeypatch.setattr(it.records, "locked", unlocked)
        real, both_read = world.store.compare_and_swap, asyncio.Barrier(2)
        waits = 2

        async def slow(*args, **kwargs):
            nonlocal waits
            if waits:
                waits -= 1
                await both_read.wait()
            return await real(*args, **kwargs)

        monkeypatch.setattr(world.store, "compare_and_swap", slow)

    done = await asyncio.gather(
        WaysIn(accounts).retire_password(account_id, {ISSUER}),
        WaysIn(other).unlink(account_id, THERE.subject_key(), {ISSUER}),
        return_exceptions=True,
    )

    assert sum(isinstance(it, LastWayInError) for it in done) == 1
    assert sum(isinstance(it, Account) for it in done) == 1
    assert can_sign_in(await accounts.find(account_id), {ISSUER})


async def test_a_sign_in_during_an_unlink_does_not_count_as_a_way_in(world, monkeypatch):
    accounts, account_id = await ann(world, THERE)
    unlink = AccountDesk.unlink

    async def late(desk, subject):
        # Between the two steps of unlinking, the identity signs in once more.
        await (await world.worker()).sign_in(THERE)
        return await unlink(desk, subject)

    monkeypatch.setattr(AccountDesk, "unlink", late)

    account = await WaysIn(accounts).unlink(account_id, THERE.subject_key(), {ISSUER})

    assert account.subjects == (LOCAL.subject_key(),)
    with pytest.raises(LastWayInError):
        await WaysIn(accounts).retire_password(account_id, {ISSUER})


async def test_a_store_that_is_down_removes_nothing(world, monkeypatch):
    accounts, account_id = await ann(world, THERE)

    async def down(*_args, **_kwargs):
        raise StoreUnavailableError("down")

    monkeypatch.setattr(world.store, "lock", down)
    with pytest.raises(StoreUnavailableError):
        await WaysIn(accounts).retire_password(account_id, {ISSUER})
    monkeypatch.undo()
    assert (await accounts.find(account_id)).password is not None
