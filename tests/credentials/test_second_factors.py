"""The step after a right password, on several machines and under attack."""

import asyncio
import json
from dataclasses import replace

import pyotp
import pytest
from argon2 import PasswordHasher

from gateway.accounts.account import Account, facts_of, merged
from gateway.accounts.desk import AccountDesk, Found, describe
from gateway.accounts.manager import load_accounts
from gateway.accounts.second_factor import SecondFactor
from gateway.accounts.ways_in import WaysIn
from gateway.accounts.written import decode_account, encode_account
from gateway.credentials.code_tries import wait_s
from gateway.credentials.local_accounts import LocalAccounts, NewPerson
from gateway.credentials.local_proofs import APP_CODE, PASSWORD, RECOVERY_CODE
from gateway.credentials.one_time_codes import new_totp_secret
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.password_throttle import TooManyTriesError, WrongPasswordError
from gateway.credentials.second_factors import (
    CodeExpiredError,
    SecondFactorChangedError,
    SecondFactorRequiredError,
    SecondFactors,
    WrongCodeError,
)
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.clock import Clock

WORDS = "crumbly meteor anchovy"
OTHER = "velvet trombone glacier"
ISSUER = "https://notes.example.com/_gatepost"
FACTOR = SecondFactor("JBSWY3DPEHPK3PXP", 5, ("a" * 64, "b" * 64))


class Machine:
    """What one machine has of its own: all share the store."""

    def __init__(self, accounts, hashes):
        self.accounts = accounts
        self.desk = AccountDesk(accounts)
        self.local = LocalAccounts(accounts, hashes, ISSUER)
        self.factors = SecondFactors(accounts)


class World:
    """Ann, with a second factor turned on, and her app."""

    def __init__(self, clock, machines, account_id):
        self.clock = clock
        self.here, self.there = machines
        self.account_id = account_id
        self.secret = new_totp_secret()
        self.recovery = ()

    def code(self, steps=0):
        return pyotp.TOTP(self.secret).at(int(self.clock()) + 30 * steps)

    def wrong(self):
        right = {self.code(steps) for steps in (-1, 0, 1)}
        return next(it for it in ("000000", "111111", "222222", "333333") if it not in right)

    async def turn_on(self):
        _, self.recovery = await self.here.factors.turn_on(
            self.account_id, self.secret, self.code(-1), self.clock()
        )

    async def step(self, password=WORDS, at=None):
        """What a right password leads to."""
        with pytest.raises(SecondFactorRequiredError) as required:
            await (at or self.here).local.sign_in("ann", password, self.clock())
        return required.value, self.clock()

    async def use(self, step, code, at=None):
        required, began_at = step
        return await (at or self.here).factors.use(
            required.account_id,
            required.fingerprint,
            code,
            began_at=began_at,
            now=self.clock(),
        )


@pytest.fixture
async def world():
    clock, hashes = Clock(), PasswordHashes(lambda: PasswordHasher(1, 8, 1))
    store, sealer = MemoryStore(clock), Sealer((b"s" * 32,))
    machines = [Machine(await load_accounts(store, sealer, clock), hashes) for _ in range(2)]
    local = machines[0].local
    account_id = await local.add(*await local.ready(NewPerson("ann"), WORDS))
    yield World(clock, machines, account_id)
    hashes.close()


async def test_a_password_is_enough_until_there_is_a_second_factor(world):
    before = await world.here.local.sign_in("ann", WORDS, world.clock())
    assert (before.amr, before.acr) == (("pwd",), None)

    await world.turn_on()

    account, proof = await world.use(await world.step(), world.code())
    after = await world.here.local.enter(world.account_id, account, proof, world.clock())
    assert (after.amr, after.acr) == (APP_CODE.amr, APP_CODE.acr)
    assert after.authenticated_at == int(world.clock())
    with pytest.raises(WrongPasswordError):
        await world.here.local.sign_in("ann", "no", world.clock())


async def test_a_code_is_good_once_on_all_machines(world):
    await world.turn_on()
    await world.use(await world.step(), world.code())

    for code in (world.code(), world.code(-1)):
        with pytest.raises(WrongCodeError):
            await world.use(await world.step(at=world.there), code, world.there)
    await world.use(await world.step(at=world.there), world.code(1), world.there)


async def test_of_many_who_bring_one_code_one_gets_in(world):
    await world.turn_on()
    for code, proof in ((world.code(), APP_CODE), (world.recovery[0], RECOVERY_CODE)):
        steps = [await world.step() for _ in range(8)]
        machines = [world.here, world.there] * 4

        done = await asyncio.gather(
            *(world.use(step, code, at) for step, at in zip(steps, machines, strict=True)),
            return_exceptions=True,
        )

        assert [it[1] for it in done if isinstance(it, tuple)] == [proof]
        world.clock.now += 86400


async def test_a_step_ends_with_a_right_code(world):
    await world.turn_on()
    step = await world.step()
    await world.use(step, world.recovery[0])
    for code in (world.recovery[1], world.code()):
        with pytest.raises(CodeExpiredError):
            await world.use(step, code, world.there)


async def test_what_changes_meanwhile_ends_the_step(world):
    await world.turn_on()
    changes = [
        world.here.local.change_password(world.account_id, WORDS, OTHER),
        world.here.factors.renew_recovery(world.account_id),
        world.here.factors.turn_off(world.account_id),
    ]
    passwords = [WORDS, OTHER, OTHER]
    for change, password in zip(changes, passwords, strict=True):
        step = await world.step(password)
        await change
        with pytest.raises(CodeExpiredError):
            await world.use(step, world.code())


async def test_a_disabled_account_gets_no_further(world):
    await world.turn_on()
    step = await world.step()
    await world.here.desk.set_disabled(world.account_id, True)

    with pytest.raises(AccountDisabledError):
        await world.use(step, world.code(), world.there)
    with pytest.raises(AccountDisabledError):
        await world.here.local.sign_in("ann", WORDS, world.clock())


async def test_a_factor_that_comes_while_a_hook_runs_is_needed_at_once(world):
    _, account = await world.here.accounts.records.get(world.account_id)
    await world.turn_on()
    with pytest.raises(WrongPasswordError):
        await world.here.local.enter(world.account_id, account, PASSWORD, world.clock())


async def test_the_fifth_wrong_code_leads_back_to_the_password(world):
    await world.turn_on()
    step = await world.step()
    for _ in range(4):
        with pytest.raises(WrongCodeError):
            await world.use(step, world.wrong())
    with pytest.raises(CodeExpiredError):
        await world.use(step, world.wrong(), world.there)
    with pytest.raises(CodeExpiredError):
        await world.use(step, world.code(), world.there)

    world.clock.now += 1
    with pytest.raises(WrongCodeError):
        await world.use(await world.step(), world.wrong())


async def test_ten_wrong_codes_in_five_minutes_are_the_most_wherever_they_are_tried(world):
    await world.turn_on()
    outcomes = []
    for number in range(14):
        at = (world.here, world.there)[number % 2]
        try:
            await world.use(await world.step(at=at), world.wrong(), at)
        except (WrongCodeError, CodeExpiredError, TooManyTriesError) as error:
            outcomes.append(isinstance(error, TooManyTriesError))
        world.clock.now += 1
    assert outcomes == [False] * 10 + [True] * 4

    for code in (world.code(), world.recovery[0]):
        with pytest.raises(TooManyTriesError) as throttled:
            await world.use(await world.step(), code)
        assert throttled.value.wait_s == 300 - 14
    world.clock.now += 300
    await world.use(await world.step(), world.code())


async def test_tries_at_once_count_as_those_one_after_the_other(world):
    await world.turn_on()
    step = await world.step()
    done = await asyncio.gather(
        *(world.use(step, world.wrong(), (world.here, world.there)[n % 2]) for n in range(15)),
        return_exceptions=True,
    )
    assert {type(it) for it in done} == {WrongCodeError, CodeExpiredError}
    assert sum(isinstance(it, WrongCodeError) for it in done) == 4
    with pytest.raises(CodeExpiredError):
        await world.use(step, world.code())
    world.clock.now += 1
    await world.use(await world.step(), world.code())


async def test_a_new_password_begins_with_no_wrong_codes(world):
    await world.turn_on()
    for _ in range(10):
        with pytest.raises((WrongCodeError, CodeExpiredError)):
            await world.use(await world.step(), world.wrong())
    token = await world.here.local.reset_token(world.account_id)
    await world.here.local.reset(token, OTHER)

    await world.use(await world.step(OTHER), world.code())


@pytest.mark.parametrize(
    ("times", "now", "wait"),
    [
        ([], 0, 0),
        ([100.0] * 9, 100, 0),
        ([100.0] * 10, 100, 300),
        ([100.0] * 10, 399.5, 0.5),
        ([100.0] * 10, 400, 0),
        ([float(n) for n in range(10)], 10, 290),
        # Fifty a day, however slowly.
        ([1000.0 * n for n in range(50)], 50_000, 86400 - 50_000),
        ([1000.0 * n for n in range(50)], 86400, 0),
        # A clock that was set back.
        ([1000.0] * 10, 500, 800),
    ],
)
def test_how_long_to_wait_after_wrong_codes(times, now, wait):
    assert wait_s(times, now) == wait


async def test_a_factor_is_turned_on_once_and_by_its_app(world):
    with pytest.raises(WrongCodeError):
        await world.here.factors.turn_on(
            world.account_id, world.secret, world.wrong(), world.clock()
        )
    assert await world.here.factors.of(world.account_id) is None
    with pytest.raises(SecondFactorChangedError):
        await world.here.factors.renew_recovery(world.account_id)

    await world.turn_on()
    with pytest.raises(SecondFactorChangedError):
        await world.turn_on()
    # The code that turned it on was used.
    with pytest.raises(WrongCodeError):
        await world.use(await world.step(), world.code(-1))


async def test_new_recovery_codes_replace_the_old_ones(world):
    await world.turn_on()
    old = world.recovery
    _, new = await world.here.factors.renew_recovery(world.account_id)
    with pytest.raises(WrongCodeError):
        await world.use(await world.step(), old[0])
    _, proof = await world.use(await world.step(), new[0])
    assert proof == RECOVERY_CODE


async def test_a_reset_of_the_password_keeps_the_second_factor(world):
    await world.turn_on()
    await world.here.local.reset(await world.here.local.reset_token(world.account_id), OTHER)
    await world.use(await world.step(OTHER), world.code())


async def test_neither_the_store_nor_what_is_shown_tells_a_secret(world):
    await world.turn_on()
    sealed, account = await world.here.accounts.records.get(world.account_id)
    shown = json.dumps(describe(Found(world.account_id, account)))
    for text in (shown, repr(account), sealed.decode("latin-1")):
        assert world.secret not in text
        assert account.second_factor.recovery[0] not in text
    assert '"totp": true, "recovery_codes": 10' in shown


def account_of(**facts):
    who = Identity("ann", "1", ISSUER, "session", provider="local")
    return Account(((ISSUER, "1"),), (facts_of(who),), names=("ann",), password="h", **facts)


def test_the_written_form_keeps_a_second_factor_and_needs_none():
    for account in (account_of(second_factor=FACTOR), account_of()):
        assert decode_account(encode_account(account)) == account
    assert b"second_factor" not in encode_account(account_of())


@pytest.mark.parametrize(
    "written",
    [
        {},
        [],
        False,
        "x",
        {"totp": "", "used_step": 0, "recovery": []},
        {"totp": "A", "used_step": "0", "recovery": []},
        {"totp": "A", "used_step": True, "recovery": []},
        {"totp": "A", "used_step": 0, "recovery": None},
        {"totp": "A", "used_step": 0, "recovery": ["short"]},
        {"totp": None, "used_step": 0, "recovery": []},
    ],
)
async def test_a_second_factor_that_cannot_be_read_lets_nobody_in(world, written):
    whole = json.loads(encode_account(account_of(second_factor=FACTOR)))
    data = json.dumps({**whole, "second_factor": written}).encode()
    with pytest.raises(ValueError, match=r"^no "):
        decode_account(data)

    records = world.here.accounts.records
    key = f"account:{world.account_id}"
    sealed = records._sealer.seal("account-seen", data, context=key.encode())
    await records._store.put(key, sealed, ttl_s=None)
    with pytest.raises(StoreUnavailableError):
        await world.here.local.sign_in("ann", WORDS, world.clock())


def test_a_second_factor_goes_with_its_password_and_is_kept_by_a_merge():
    account = account_of(second_factor=FACTOR)
    assert account.without((ISSUER, "1")).second_factor is None
    assert account.without((ISSUER, "2")).second_factor == FACTOR
    assert merged(account_of(), account).second_factor == FACTOR
    assert merged(account, replace(account, second_factor=None)).second_factor == FACTOR


async def test_a_retired_password_takes_its_second_factor_along(world):
    await world.turn_on()
    await world.here.desk.link(("https://id.example.com", "7"), world.account_id)
    account = await WaysIn(world.here.accounts).retire_password(
        world.account_id, {"https://id.example.com"}
    )
    assert (account.password, account.second_factor) == (None, None)
    with pytest.raises(SecondFactorChangedError):
        await world.turn_on()
