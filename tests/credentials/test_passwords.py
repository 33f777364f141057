"""Which passwords and user names are good enough, and how passwords are hashed and throttled."""

import asyncio
import gc
import os
import random
import threading
import time
from dataclasses import replace

import pytest
import uvloop
from argon2 import PasswordHasher
from argon2.low_level import Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from gateway.accounts.account import Account, facts_of
from gateway.accounts.desk import AccountDesk
from gateway.accounts.entrance import Rules
from gateway.accounts.manager import load_accounts
from gateway.accounts.owner import fold_user
from gateway.accounts.written import decode_account, encode_account
from gateway.credentials.first_run import AlreadySetUpError, FirstRun, WrongSetupTokenError
from gateway.credentials.local import Local, make_first_administrator
from gateway.credentials.local_accounts import LocalAccounts, NewPerson, UnknownResetError
from gateway.credentials.passkeys import Passkeys
from gateway.credentials.password_cost import measured_hasher, passes_for
from gateway.credentials.password_hashes import (
    AT_ONCE,
    PasswordHashes,
    PasswordsBusyError,
    Verdict,
)
from gateway.credentials.password_throttle import (
    PasswordThrottle,
    TooManyTriesError,
    WrongPasswordError,
)
from gateway.credentials.passwords import (
    PasswordRefusedError,
    UserNameRefusedError,
    check_email,
    check_user_name,
    judge,
    normalised,
)
from gateway.credentials.second_factors import SecondFactors
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.clock import Clock
from tests.patience import soon

PASSWORD = "crumbly meteor anchovy"
OTHER = "velvet trombone glacier"
ISSUER = "https://notes.example.com/_gatepost"


def cheap(time_cost=1):
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


@pytest.mark.parametrize(
    "password",
    ["", "123456789", "password12", "qwertyuiop", "aaaaaaaaaaaa", "annannannann", "a" * 1025],
)
def test_a_password_that_is_easy_to_guess_is_refused_with_advice(password):
    with pytest.raises(PasswordRefusedError) as refused:
        judge(password, ("ann", "ann@example.com"))
    assert str(refused.value).endswith(".")


def test_the_name_and_the_address_of_a_person_are_easy_to_guess():
    assert judge("zorblatt.q9", ("bob", "")) == "zorblatt.q9"
    with pytest.raises(PasswordRefusedError):
        judge("zorblatt.q9", ("zorblatt.q9", ""))
    with pytest.raises(PasswordRefusedError):
        judge("zorblatt.q9", ("bob", "zorblatt.q9@example.com"))


def test_a_password_is_one_however_it_is_typed():
    assert judge(PASSWORD, ()) == PASSWORD
    assert normalised("cafe\u0301\u00a0x") == "caf\u00e9 x"
    # Width and case are part of it, unlike those of a user name.
    assert normalised("\uff21bc") == "\uff21bc"
    assert judge("\u5c71\u5ddd\u6d77\u7a7a\u9ce5\u9b5a\u77f3\u706b\u6c34\u6728", ())
    for control in ("\x00", "\n", "\x7f", "\ud800"):
        with pytest.raises(PasswordRefusedError):
            normalised(f"{PASSWORD}{control}")
    normalised("é" * 512)
    with pytest.raises(PasswordRefusedError):
        normalised("é" * 513)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ann", "ann ", "a b", "a\x00", "a\u202eb", "x" * 129, "\ud800"),
        *("=1+1", "\uff1d1+1", "-c", "+1", "@ann", "0123456789abcdef" * 2),
    ],
)
def test_what_is_no_user_name(name):
    with pytest.raises(UserNameRefusedError):
        check_user_name(name)


def test_user_names_keep_their_case_and_lose_their_width():
    assert check_user_name("Ann.O'Hara@x") == "Ann.O'Hara@x"
    assert check_user_name("\uff21nn") == "Ann"
    assert fold_user(check_user_name("\uff21NN")) == fold_user("ann")


def test_blanks_around_an_address_are_dropped():
    assert check_email(" a@b\n") == "a@b"


@pytest.mark.parametrize("email", ["x", "@", "a@", "@a", "a@b@c", "a b@c", "a" * 300 + "@b"])
def test_what_is_no_email_address(email):
    with pytest.raises(UserNameRefusedError):
        check_email(email)


async def test_the_same_work_is_done_for_a_name_that_nobody_has():
    hashes = PasswordHashes(cheap)
    known = await hashes.hash(PASSWORD)
    assert (await hashes.verify(known, PASSWORD)).is_right
    assert not (await hashes.verify(known, OTHER)).is_right
    assert not (await hashes.verify(None, PASSWORD)).is_right
    assert not (await hashes.verify("no hash", PASSWORD)).is_right
    assert hashes.verified == 4
    hashes.close()


async def test_two_are_hashed_at_once_and_few_more_wait():
    running = most = 0
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow:
        time_cost, memory_cost = 1, 8

        def hash(self, _password):
            nonlocal running, most
            if isinstance(_password, bytes):
                return ""
            running += 1
            most = max(most, running)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            running -= 1
            return "hash"

    hashes = PasswordHashes(Slow)
    tasks = [loop.create_task(hashes.hash(PASSWORD)) for _ in range(34)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusyError):
        await hashes.hash(PASSWORD)
    for task in tasks[2:10]:
        task.cancel()
    go_on.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert done.count("hash") == 26
    assert most == AT_ONCE
    await asyncio.sleep(0)
    assert await hashes.hash(PASSWORD) == "hash"
    hashes.close()
    gc.collect()


@pytest.fixture
async def world():
    """Local accounts in memory: the parts, by name."""

    class World:
        clock = Clock()
        store = MemoryStore(clock)
        hashes = PasswordHashes(cheap)

    world = World()
    sealer = Sealer((b"s" * 32,))
    world.accounts = await load_accounts(world.store, sealer, world.clock)
    world.local = LocalAccounts(world.accounts, world.hashes, ISSUER)
    world.first_run = FirstRun(world.accounts.records, world.clock)
    world.passkeys = Passkeys(world.accounts, world.local)
    yield world
    world.hashes.close()


async def add(world, user="ann", **facts):
    return await world.local.add(*await world.local.ready(NewPerson(user, **facts), PASSWORD))


async def test_who_signs_in_is_said_truly(world):
    account_id = await add(world, email="ann@example.com", roles=("editor",), groups=("staff",))
    who = await world.local.sign_in("Ann", PASSWORD, 1000.5)
    assert who.subject_key() == (ISSUER, account_id)
    assert (who.user, who.email, who.provider, who.account_id) == (
        "ann",
        "ann@example.com",
        "local",
        account_id,
    )
    assert (who.acr, who.amr, who.authenticated_at) == (None, ("pwd",), 1000)
    facts = await world.accounts.facts(who)
    shown = facts.added_to(who)
    assert (shown.roles, shown.groups) == (("editor",), ("staff",))


async def test_unknown_and_known_names_cost_the_same(world):
    await add(world)
    verified, gets = [], []
    for user, password in (
        ("ann", "wrong"),
        ("nobody", "wrong"),
        ("ann", "\x00"),
        ("nobody", "\x00"),
    ):
        before, asked = world.hashes.verified, 0
        real = world.store.get

        async def counted(key, real=real):
            nonlocal asked
            asked += 1
            return await real(key)

        world.store.get = counted
        with pytest.raises(WrongPasswordError):
            await world.local.sign_in(user, password, 0.0)
        world.store.get = real
        verified.append(world.hashes.verified - before)
        gets.append(asked)
    assert verified == [1, 1, 1, 1]
    assert len(set(gets)) == 1


async def test_a_hash_follows_parameters_that_rise(world):
    account_id = await add(world)
    stronger = PasswordHashes(lambda: cheap(time_cost=2))
    local = LocalAccounts(world.accounts, stronger, ISSUER)
    await local.sign_in("ann", PASSWORD, 0.0)
    assert ",t=2," in (await world.accounts.find(account_id)).password
    await local.sign_in("ann", PASSWORD, 0.0)
    stronger.close()


async def test_a_hash_that_costs_more_stays(world):
    account_id = await add(world)
    for time_cost in (3, 2):
        hashes = PasswordHashes(lambda it=time_cost: cheap(time_cost=it))
        await LocalAccounts(world.accounts, hashes, ISSUER).sign_in("ann", PASSWORD, 0.0)
        hashes.close()
    assert ",t=3," in (await world.accounts.find(account_id)).password


async def test_a_hash_of_another_kind_is_renewed(world):
    account_id = await add(world)
    old = PasswordHasher(time_cost=9, memory_cost=80, parallelism=1, type=Type.I).hash(PASSWORD)
    await world.accounts.change(account_id, lambda it: replace(it, password=old))
    await world.local.sign_in("ann", PASSWORD, 0.0)
    assert (await world.accounts.find(account_id)).password.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("took_s", "passes"), [(1.0, 3), (0.1, 3), (0.076, 3), (0.075, 4), (0.05, 6), (0.001, 10)]
)
def test_a_hash_takes_a_tenth_of_a_second_and_never_less_than_the_rfc_says(took_s, passes):
    assert passes_for(took_s, 3) == passes


def test_hashes_have_at_least_the_parameters_of_the_rfc():
    hasher = measured_hasher()
    least = RFC_9106_LOW_MEMORY
    assert hasher.time_cost >= least.time_cost
    assert (hasher.memory_cost, hasher.type) == (least.memory_cost, Type.ID)


def test_hashes_yield_to_everything_else():
    hashes = PasswordHashes(cheap)
    priority = hashes._threads.submit(
        lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    ).result()
    assert priority > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    hashes.close()


def batched(items, size):
    return (items[first : first + size] for first in range(0, len(items), size))


async def tried(local, user):
    """How long a wrong password takes, in seconds."""
    began = time.perf_counter()
    with pytest.raises(WrongPasswordError):
        await local.sign_in(user, "wrong", 0.0)
    return time.perf_counter() - began


def told_apart(some, others):
    """How often one of `some` is larger than one of `others`: 0.5 if that is chance.

    (The Mann-Whitney statistic, over all pairs.)
    """
    ranked = sorted([(it, 0) for it in some] + [(it, 1) for it in others])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    return (ranks - len(some) * (len(some) + 1) / 2) / (len(some) * len(others))


def test_time_does_not_tell_names_apart_in_2000_tries():
    # As served: timers differ from one loop to another.
    uvloop.run(two_thousand_tries())


async def two_thousand_tries():
    accounts = await load_accounts(MemoryStore(Clock()), Sealer((b"s" * 32,)), Clock())
    hashes = PasswordHashes(lambda: PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1))
    local = LocalAccounts(accounts, hashes, ISSUER)
    account_id = await local.add(*await local.ready(NewPerson("ann"), PASSWORD))
    # Of half the cost that hashes have by now.
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await accounts.change(account_id, lambda it: replace(it, password=old))
    took = {"ann": [], "nobody": []}
    names = [*took] * 1000
    random.Random(7).shuffle(names)
    # Of many hashes, as in earnest: other processes hold a test up for longer than one of its own.
    hashes._step_s = 0.03
    for some in batched(names, 5):
        for user, taken in zip(
            some, await asyncio.gather(*(tried(local, it) for it in some)), strict=True
        ):
            took[user].append(taken)

    # The standard deviation of chance is 0.013 for a thousand against a thousand.
    assert abs(told_apart(took["ann"], took["nobody"]) - 0.5) < 0.08

    # What would be seen if no work were done for a name that nobody has.
    verify = hashes.verify

    async def lazy(known, *typed):
        return Verdict(is_right=False) if known is None else await verify(known, *typed)

    hashes.verify, hashes._step_s = lazy, 0.0
    took = {user: [await tried(local, user) for _ in range(100)] for user in took}
    assert told_apart(took["ann"], took["nobody"]) > 0.9
    hashes.close()


async def test_an_account_that_is_disabled_or_has_no_password_signs_nobody_in(world):
    account_id = await add(world)
    await AccountDesk(world.accounts).set_disabled(account_id, True)
    with pytest.raises(AccountDisabledError):
        await world.local.sign_in("ann", PASSWORD, 0.0)
    await world.accounts.sign_in(Identity("bob", "1", "https://id.test", "session", provider="id"))
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("bob", PASSWORD, 0.0)


async def test_an_unlinked_local_identity_signs_nobody_in(world):
    account_id = await add(world)
    await AccountDesk(world.accounts).unlink((ISSUER, account_id))
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("ann", PASSWORD, 0.0)


def test_the_written_form_keeps_a_password():
    who = Identity("ann", "1", ISSUER, "session", provider="local")
    account = Account(
        ((ISSUER, "1"),), (facts_of(who),), groups=("a",), password="h", is_admin=True
    )
    assert decode_account(encode_account(account)) == account
    assert "password" not in repr(account)


def local_of(world):
    return local_with(world, world.first_run)


def local_with(world, first_run):
    factors = SecondFactors(world.accounts)
    return Local(world.local, first_run, world.hashes, world.passkeys, factors)


async def test_one_of_many_makes_the_first_administrator(world):
    token = await world.first_run.token()
    assert await FirstRun(world.accounts.records, world.clock).token() == token
    with pytest.raises(WrongSetupTokenError):
        await make_first_administrator(local_of(world), "no", NewPerson("eve"), PASSWORD)

    async def make(number):
        first_run = FirstRun(world.accounts.records, world.clock)
        local = local_with(world, first_run)
        person = NewPerson(f"ann-{number}", is_admin=True)
        await make_first_administrator(local, token, person, PASSWORD)

    done = await asyncio.gather(*map(make, range(8)), return_exceptions=True)
    assert done.count(None) == 1
    assert {type(it) for it in done if it is not None} == {AlreadySetUpError}
    assert await world.accounts.records.count() == 1
    assert not await world.first_run.is_open()
    assert await world.first_run.token() is None


async def test_a_setup_that_breaks_off_opens_again(world):
    token = await world.first_run.token()
    checked = await world.first_run.check(token)
    await world.first_run.claim(checked, token)
    assert not await world.first_run.is_open()
    with pytest.raises(AlreadySetUpError):
        await world.first_run.check(token)
    world.clock.now += 61
    assert await world.first_run.is_open()
    await make_first_administrator(
        local_of(world), token, NewPerson("ann", is_admin=True), PASSWORD
    )


async def test_a_setup_whose_account_cannot_be_stored_opens_again(world, monkeypatch):
    token = await world.first_run.token()

    async def fail(*_):
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.accounts, "make", fail)
    with pytest.raises(StoreUnavailableError):
        await make_first_administrator(local_of(world), token, NewPerson("ann"), PASSWORD)
    # Something may have been stored: nobody takes the place at once.
    world.clock.now += 121
    assert await world.first_run.is_open()


async def test_a_setup_that_stood_still_makes_no_second_administrator(world, monkeypatch):
    token = await world.first_run.token()
    real = world.local.add

    async def slow(*arguments):
        account_id = await real(*arguments)
        world.clock.now += 61
        other = FirstRun(world.accounts.records, world.clock)
        claimed = await other.claim(await other.check(token), token)
        await other.finish(claimed)
        return account_id

    monkeypatch.setattr(world.local, "add", slow)
    with pytest.raises(AlreadySetUpError):
        await make_first_administrator(
            local_of(world), token, NewPerson("ann", is_admin=True), PASSWORD
        )
    account = (await world.accounts.named("ann"))[1]
    assert (account.is_admin, account.is_disabled) == (False, True)


async def test_a_right_password_keeps_nobody_else_out():
    throttle, rest = PasswordThrottle(), asyncio.Event()

    async def sign_in(user, client="192.0.2.1"):
        async with throttle.attempt(user, client, 1000.0):
            await rest.wait()

    async with asyncio.TaskGroup() as tasks:
        held = [tasks.create_task(sign_in(it)) for it in ("ann", "Ann", "\uff21NN", "ann", "ann")]
        await asyncio.sleep(0)
        with pytest.raises(TooManyTriesError) as raised:
            await soon(sign_in("ann"))
        assert raised.value.wait_s > 0
        for other in (("ann", "192.0.2.2"), ("bob",)):
            tasks.create_task(sign_in(*other))
        held[0].cancel()
        await asyncio.wait(held[:1])
        tasks.create_task(sign_in("ann"))
        await asyncio.sleep(0)
        rest.set()
    await sign_in("ann")


async def test_the_throttle_counts_failures_by_name_and_address():
    paused = []

    async def pause(seconds):
        paused.append(seconds)

    throttle = PasswordThrottle(pause)

    async def wrong(user, client, now):
        async with throttle.attempt(user, client, now):
            raise WrongPasswordError("wrong")

    async def fail(user, client, now=1000.0):
        """Whether the try counts."""
        with pytest.raises((WrongPasswordError, TooManyTriesError)) as raised:
            await wrong(user, client, now)
        return raised.type is WrongPasswordError or not raised.value.wait_s > 0

    async def succeed(user, client, now=1000.0):
        async with throttle.attempt(user, client, now):
            pass

    for _ in range(100):
        await succeed("ann", "192.0.2.1")
    tries = [await fail(("Ann", "ann", "\uff21NN")[n % 3], "192.0.2.1") for n in range(20)]
    assert tries == [True] * 10 + [False] * 10
    await succeed("ann", "192.0.2.2")
    await succeed("bob", "192.0.2.1")
    with pytest.raises(TooManyTriesError):
        await succeed("ann", "192.0.2.1")
    await succeed("ann", "192.0.2.1", now=1400.0)

    # Many addresses slow a name down, and lock it for nobody.
    assert paused == []
    for number in range(60):
        assert await fail("ann", f"198.51.100.{number}", 1400.0)
    assert paused
    await succeed("ann", "203.0.113.9", 1400.0)

    # Many made-up names shut out their own address only.
    tries = [await fail(f"nobody-{n}", "192.0.2.77", 1400.0) for n in range(60)]
    assert tries == [True] * 30 + [False] * 30
    await succeed("bob", "192.0.2.78", 1400.0)


# What was found by attacking it.


async def test_a_name_of_64_kib_is_not_compared(world, monkeypatch):
    await add(world)
    looked_up = []
    real = world.accounts.records.owner

    async def owner(kind, *parts):
        looked_up.append(max(map(len, parts)))
        return await real(kind, *parts)

    monkeypatch.setattr(world.accounts.records, "owner", owner)
    before = world.hashes.verified
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("a" + "\u0344" * 5400 + "\u0334" * 5400, PASSWORD, 0)
    assert max(looked_up) <= 128
    assert world.hashes.verified == before + 1


async def test_a_password_that_was_unlinked_does_not_come_alive_by_a_merge(world):
    ann = await add(world)
    bob = await add(world, "bob")
    desk = AccountDesk(world.accounts)
    await world.local.change_password(ann, PASSWORD, OTHER)
    await desk.unlink((ISSUER, ann))

    await desk.merge(bob, ann)

    for user in ("ann", "bob"):
        with pytest.raises(WrongPasswordError):
            await world.local.sign_in(user, OTHER, 0)
    assert (await world.local.sign_in("bob", PASSWORD, 0)).account_id == ann


async def test_an_unlinked_password_lets_nobody_in_whatever_the_issuer_was(world):
    ann = await add(world)
    world.local.issuer = "https://moved.example.com/_gatepost"
    await world.local.sign_in("ann", PASSWORD, 0)

    await AccountDesk(world.accounts).unlink((world.local.issuer, ann))

    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("ann", PASSWORD, 0)


async def test_a_password_is_changed_though_its_hash_is_outdated(world):
    account_id = await add(world)
    world.local = LocalAccounts(world.accounts, PasswordHashes(lambda: cheap(time_cost=2)), ISSUER)

    await world.local.change_password(account_id, PASSWORD, OTHER)

    assert (await world.local.sign_in("ann", OTHER, 0)).account_id == account_id
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("ann", PASSWORD, 0)


async def test_a_password_that_is_reset_during_a_sign_in_lets_nobody_in(world):
    account_id = await add(world)
    token = await world.local.reset_token(account_id)

    class Slow:
        async def entering(self, *_, **__):
            await world.local.reset(token, OTHER)

    world.accounts.provisioning = Slow()
    with pytest.raises(WrongPasswordError):
        await world.local.sign_in("ann", PASSWORD, 0)


async def test_a_link_for_a_password_that_was_unlinked_is_good_for_nothing(world):
    account_id = await add(world)
    token = await world.local.reset_token(account_id)
    await AccountDesk(world.accounts).unlink((ISSUER, account_id))

    with pytest.raises(UnknownResetError):
        await world.local.reset_user(token)


async def test_nobody_acts_by_a_local_password_once_the_mode_is_oidc_only(world):
    await add(world)
    who = await world.local.sign_in("ann", PASSWORD, 0)
    assert not (await world.accounts.facts(who)).is_refused

    world.accounts.rules = Rules(ways_in=frozenset({"idp"}))

    assert (await world.accounts.facts(who)).is_refused


async def test_nobody_joins_an_administrator_by_an_address_that_was_only_typed(world):
    world.accounts.rules = Rules(links_by_email=True)
    admin = await add(world, email="boss@example.com", is_admin=True)
    stranger = Identity(
        "x", "9", "https://id.example.com", "session", provider="p", email="boss@example.com"
    )

    assert (await world.accounts.sign_in(stranger)).account_id != admin
