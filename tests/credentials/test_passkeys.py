"""Passkeys in accounts: added, used, removed, merged and unlinked."""

from dataclasses import replace

import pytest

from gateway.accounts.account import Account
from gateway.accounts.desk import AccountDesk
from gateway.accounts.manager import load_accounts
from gateway.accounts.passkey import Passkey
from gateway.accounts.ways_in import LastWayInError
from gateway.accounts.written import decode_account, encode_account
from gateway.credentials.local_accounts import LocalAccounts, NewPerson
from gateway.credentials.passkey_proofs import (
    PasskeyRefusedError,
    Site,
    WrongPasskeyError,
    judge_new,
)
from gateway.credentials.passkeys import (
    MOST_PASSKEYS,
    NoSuchPasskeyError,
    Passkeys,
    TooManyPasskeysError,
)
from gateway.credentials.password_hashes import PasswordHashes
from gateway.errors import AccountDisabledError
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.authenticator import b64, register, use
from tests.fixtures.clock import Clock

ORIGIN = "https://notes.example.com"
ISSUER = f"{ORIGIN}/_gatepost"
SITE = Site("notes.example.com", ORIGIN)
CHALLENGE = bytes(32)
ASKED = {"challenge": b64(CHALLENGE)}


@pytest.fixture
async def world():
    class World:
        clock = Clock()

    world = World()
    world.accounts = await load_accounts(
        MemoryStore(world.clock), Sealer((b"s" * 32,)), world.clock
    )
    world.local = LocalAccounts(world.accounts, PasswordHashes(), ISSUER)
    world.passkeys = Passkeys(world.accounts, world.local)
    world.desk = AccountDesk(world.accounts)
    return world


async def person(world, user):
    """The id of a new account; nobody needs its password here."""
    return await world.local.add(NewPerson(user), "a hash")


async def enrol(world, account_id, **how):
    """A passkey of the account, with its private half."""
    asked = {**ASKED, "rp": {"id": SITE.rp_id}, "user": {"id": b64(account_id.encode())}}
    key, credential = register(asked, ORIGIN, **how)
    await world.passkeys.add(account_id, judge_new(credential, CHALLENGE, SITE, name="", now=1))
    return key


async def sign_in(world, key, now=1000.0, **how):
    used = await world.passkeys.check(use(key, ASKED, ORIGIN, **how), CHALLENGE, SITE, now)
    return await world.passkeys.sign_in(used, now)


async def test_who_signs_in_is_said_truly(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)

    who = await sign_in(world, key, 1000.5)

    assert (who.user, who.provider, who.account_id) == ("ann", "local", account_id)
    assert who.subject_key() == (ISSUER, account_id)
    assert (who.amr, who.authenticated_at) == (("pop", "hwk", "mfa"), 1000)
    [kept] = await world.passkeys.of(account_id)
    assert (kept.last_used_at, kept.sign_count) == (1000, 0)


async def test_each_passkey_signs_in_to_its_own_account(world):
    ann, bob = [await person(world, name) for name in ("ann", "bob")]
    key, other = await enrol(world, ann), await enrol(world, bob)
    assert (await sign_in(world, key)).user == "ann"
    assert (await sign_in(world, other)).user == "bob"

    for handle in (bob.encode(), b"0" * 32, b"", b"account:1"):
        with pytest.raises(WrongPasskeyError):
            await sign_in(world, key, user_handle=handle)
    with pytest.raises(PasskeyRefusedError):
        await enrol(world, bob, credential_id=key.credential_id)
    assert (await sign_in(world, key)).user == "ann"


async def test_an_unknown_passkey_is_wrong(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)
    stranger, _ = register(
        {**ASKED, "rp": {"id": SITE.rp_id}, "user": {"id": b64(account_id.encode())}}, ORIGIN
    )
    with pytest.raises(WrongPasskeyError):
        await sign_in(world, stranger)
    await sign_in(world, key)


async def test_of_two_uses_with_one_counter_one_signs_in(world):
    key = await enrol(world, await person(world, "ann"))
    await sign_in(world, key, count=5)
    for count in (5, 4, 0):
        with pytest.raises(WrongPasskeyError):
            await sign_in(world, key, count=count)

    credential = use(key, ASKED, ORIGIN, count=6)
    both = [await world.passkeys.check(credential, CHALLENGE, SITE, 1000.0) for _ in range(2)]
    await world.passkeys.sign_in(both[0], 1000.0)
    with pytest.raises(WrongPasskeyError):
        await world.passkeys.sign_in(both[1], 1000.0)


async def test_a_passkey_that_is_removed_meanwhile_does_not_sign_in(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)
    used = await world.passkeys.check(use(key, ASKED, ORIGIN), CHALLENGE, SITE, 1000.0)
    [kept] = await world.passkeys.of(account_id)

    await world.passkeys.remove(account_id, kept.passkey_id, set())

    with pytest.raises(WrongPasskeyError):
        await world.passkeys.sign_in(used, 1000.0)
    with pytest.raises(WrongPasskeyError):
        await sign_in(world, key)
    with pytest.raises(NoSuchPasskeyError):
        await world.passkeys.remove(account_id, kept.passkey_id, set())


async def test_a_passkey_that_is_removed_while_a_hook_runs_does_not_sign_in(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)

    class Slow:
        async def entering(self, account_id, account, identity, *, signs_in):
            await world.passkeys.remove_all(account_id)

    world.accounts.provisioning = Slow()
    with pytest.raises(WrongPasskeyError):
        await sign_in(world, key)


async def test_a_disabled_account_does_not_sign_in(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)
    await AccountDesk(world.accounts).set_disabled(account_id, True)
    with pytest.raises(AccountDisabledError):
        await sign_in(world, key)


async def test_an_unlinked_identity_takes_its_passkeys_with_it(world):
    account_id = await person(world, "ann")
    key = await enrol(world, account_id)
    provider = ("https://id.example.com", "7")
    await world.desk.link(provider, "ann")
    await world.desk.unlink((ISSUER, account_id))

    assert (await world.desk.find(account_id)).account.passkeys == ()
    with pytest.raises(WrongPasskeyError):
        await sign_in(world, key)


async def test_merged_accounts_keep_the_passkeys_of_both(world):
    ann, bob = [await person(world, name) for name in ("ann", "bob")]
    keys = [await enrol(world, ann), await enrol(world, bob)]
    await world.desk.merge("bob", "ann")
    for key in keys:
        assert (await sign_in(world, key)).account_id == ann
    assert len(await world.passkeys.of(bob)) == 2


async def test_the_last_way_in_stays(world):
    account_id = await person(world, "ann")
    for _ in range(2):
        await enrol(world, account_id)
    await world.accounts.change(account_id, lambda it: replace(it, password=None))
    first, last = await world.passkeys.of(account_id)

    await world.passkeys.remove(account_id, first.passkey_id, set())
    with pytest.raises(LastWayInError):
        await world.passkeys.remove(account_id, last.passkey_id, set())
    assert await world.passkeys.of(account_id) == (last,)

    issuer = "https://id.example.com"
    await world.desk.link((issuer, "7"), "ann")
    with pytest.raises(LastWayInError):
        await world.passkeys.remove(account_id, last.passkey_id, {"https://other.example.com"})
    await world.passkeys.remove(account_id, last.passkey_id, {issuer})
    assert await world.passkeys.of(account_id) == ()


async def test_an_account_has_twenty_passkeys_at_most(world):
    account_id = await person(world, "ann")
    for _ in range(MOST_PASSKEYS):
        await enrol(world, account_id)
    with pytest.raises(TooManyPasskeysError):
        await enrol(world, account_id)
    assert len(await world.passkeys.of(account_id)) == MOST_PASSKEYS


def test_the_record_keeps_them_and_reads_those_written_before():
    passkey = Passkey(b"\x00id", b"key", 7, "Ann's \u2603", "a.test", 5, 6, ("usb",), True, True)
    account = Account(passkeys=(passkey, replace(passkey, last_used_at=None, sign_count=0)))
    written = encode_account(account)
    assert decode_account(written) == account
    assert b"key" not in repr(account).encode()

    before = encode_account(Account()).replace(b'"passkeys":[],', b"")
    assert b"passkeys" not in before
    assert decode_account(before) == Account()
    for broken in (b'[{"id":1}]', b"[{}]", b"5", b'["x"]'):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
            decode_account(
                encode_account(Account()).replace(b'"passkeys":[]', b'"passkeys":' + broken)
            )
