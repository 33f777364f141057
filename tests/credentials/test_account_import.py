"""Accounts are imported once, completely, and never in the place of others."""

import asyncio
from dataclasses import replace

import bcrypt
import pytest
from argon2 import PasswordHasher

from gateway.accounts.desk import AccountDesk
from gateway.accounts.manager import load_accounts
from gateway.credentials.account_bulk import MAX_ERRORS, work_through
from gateway.credentials.account_import import AccountImport
from gateway.credentials.account_rows import Numbered, Row, RowError, row_of
from gateway.credentials.local_accounts import LocalAccounts, NewPerson
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.password_throttle import WrongPasswordError
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.clock import Clock

PASSWORD = "crumbly meteor anchovy"
OLD = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
ISSUER = "https://notes.example.com/_gatepost"
ANN = Row("Ann", "ann@a.test", "Ann Archer", OLD, "17", ("editor",), ("staff",))


class World:
    """The accounts in one store."""

    def __init__(self, store, accounts, clock):
        self.store = store
        self.accounts = accounts
        self.clock = clock
        self.desk = AccountDesk(accounts)
        self.importer = AccountImport(accounts, ISSUER)
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.hashes = PasswordHashes(lambda: cheap)
        self.local = LocalAccounts(accounts, self.hashes, ISSUER)


@pytest.fixture
async def world():
    clock = Clock()
    store = MemoryStore(clock)
    made = World(store, await load_accounts(store, Sealer((b"k" * 32,)), clock), clock)
    yield made
    made.hashes.close()


async def test_an_imported_person_signs_in_and_the_old_hash_is_replaced(world):
    assert await world.importer.write(ANN) == "new"
    found = await world.desk.find("ann")
    assert row_of(found.account) == ANN
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("ann", "not her password", world.clock())
    assert (await world.desk.find("ann")).account.password == OLD

    who = await world.local.sign_in("ann", PASSWORD, world.clock())

    assert (who.user, who.email, who.account_id) == ("Ann", "ann@a.test", found.account_id)
    assert (await world.desk.find("ann")).account.password.startswith("$argon2id$")
    assert await world.local.sign_in("ann", PASSWORD, world.clock())


async def test_two_first_sign_ins_at_once_leave_one_good_hash(world):
    await world.importer.write(ANN)

    done = await asyncio.gather(
        *(world.local.sign_in("ann", PASSWORD, world.clock()) for _ in range(4)),
        return_exceptions=True,
    )

    assert any(not isinstance(it, Exception) for it in done)
    assert await world.local.sign_in("ann", PASSWORD, world.clock())


async def test_the_same_file_again_changes_nothing_even_after_sign_ins_and_changes(world):
    await world.importer.write(ANN)
    assert await world.importer.write(ANN) == "unchanged"
    await world.local.sign_in("ann", PASSWORD, world.clock())
    await world.desk.set_roles("ann", ["owner"])

    assert await world.importer.judge(ANN) == "unchanged"
    assert await world.importer.write(ANN) == "unchanged"
    assert (await world.desk.find("ann")).account.roles == ("owner",)


async def test_an_export_of_what_is_there_is_unchanged(world):
    await world.local.add(*await world.local.ready(NewPerson("bob", "b@a.test"), PASSWORD))
    row = row_of((await world.desk.find("bob")).account)

    assert await world.importer.judge(row) == "unchanged"
    assert await world.importer.judge(replace(row, password_hash="")) == "unchanged"
    with pytest.raises(RowError, match="exists with other data"):
        await world.importer.judge(replace(row, password_hash=OLD))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (replace(ANN, user="\uff21nn"), "exists with other data"),
        (replace(ANN, email="eve@a.test"), "exists with other data"),
        (replace(ANN, admin=True), "exists with other data"),
        (Row("eve", external_id="17"), "external_id '17' is that of account"),
    ],
)
async def test_an_account_of_others_is_never_taken_over(world, row, told):
    await world.importer.write(ANN)
    before = (await world.desk.find("ann")).account

    for do in (world.importer.judge, world.importer.write):
        with pytest.raises(RowError, match=told):
            await do(row)

    assert (await world.desk.find("ann")).account == before
    assert len(await world.desk.page()) == 1


@pytest.mark.parametrize("writes", range(8))
async def test_an_import_that_was_broken_off_goes_on(world, writes, monkeypatch):
    class KilledError(Exception):
        """The process ends here."""

    real, left = world.store.compare_and_swap, writes

    async def killed(*args, **kwargs):
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1
        return await real(*args, **kwargs)

    monkeypatch.setattr(world.store, "compare_and_swap", killed)
    try:
        await world.importer.write(ANN)
    except KilledError:
        pass
    else:
        assert writes >= 4
    monkeypatch.undo()

    await world.importer.write(ANN)

    assert await world.importer.write(ANN) == "unchanged"
    assert row_of((await world.desk.find("ann")).account) == ANN
    assert len(await world.desk.page()) == 1
    who = await world.local.sign_in("ann", PASSWORD, world.clock())
    assert who.external_id or (await world.desk.find("ann")).account.external_id == "17"


async def test_a_name_that_is_taken_at_the_last_moment_undoes_the_row(world, monkeypatch):
    judge = world.importer.judge

    async def slow(row):
        result = await judge(row)
        await world.local.add(NewPerson("ann"), "$argon2id$faster")
        return result

    monkeypatch.setattr(world.importer, "judge", slow)

    with pytest.raises(RowError, match="just taken"):
        await world.importer.write(ANN)

    [only] = await world.desk.page()
    assert only.account.password == "$argon2id$faster"
    monkeypatch.undo()
    assert await world.importer.judge(Row("eve", external_id="17")) == "new"


async def test_all_rows_are_counted_and_the_first_errors_kept(world):
    rows = [Numbered(1, ANN), *(Numbered(n, RowError(f"bad {n}")) for n in range(2, 102))]

    tally = await work_through(rows, world.importer.judge, lambda _: None)

    assert (tally.rows, tally.new, tally.refused) == (101, 1, 100)
    assert tally.errors == [(n, f"bad {n}") for n in range(2, 2 + MAX_ERRORS)]
