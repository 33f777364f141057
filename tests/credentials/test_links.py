"""Links to a new password, an account and another address: who gets one, and when it ends."""

import asyncio
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from gateway.accounts.desk import AccountDesk
from gateway.accounts.entrance import Rules
from gateway.accounts.errors import NotInvitedError, UserTakenError
from gateway.accounts.manager import load_accounts
from gateway.credentials.email_change import EmailChanges, UnknownEmailLinkError
from gateway.credentials.forgotten import Forgotten
from gateway.credentials.invitations import (
    Invitations,
    UnknownInvitationError,
    suggested_user,
)
from gateway.credentials.local_accounts import (
    LocalAccounts,
    NewPerson,
    NoPasswordError,
    UnknownResetError,
)
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.passwords import UserNameRefusedError
from gateway.errors import HookFailedError
from gateway.kinds import LOCAL
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage.memory import MemoryStore
from tests.fixtures.clock import Clock

PASSWORD = "crumbly meteor anchovy"
OTHER = "velvet trombone glacier"
ISSUER = "https://notes.example.com/_gatepost"
OF_PROVIDER = Identity(
    "ann", "s1", "https://id.example.com", "session", provider="id", email="Ann@a.test"
)


@pytest.fixture
async def world():
    """Local accounts in memory: the parts, by name."""

    class World:
        clock = Clock()
        store = MemoryStore(clock)
        hashes = PasswordHashes(lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    world = World()
    world.accounts = await load_accounts(world.store, Sealer((b"s" * 32,)), world.clock)
    world.desk = AccountDesk(world.accounts)
    world.local = LocalAccounts(world.accounts, world.hashes, ISSUER)
    world.invitations = Invitations(world.accounts, world.local)
    world.changes = EmailChanges(world.accounts)
    world.forgotten = Forgotten(world.accounts, world.local)
    yield world
    world.hashes.close()


async def add(world, user="ann", email="Ann@a.test"):
    return await world.local.add(*await world.local.ready(NewPerson(user, email), PASSWORD))


async def links(world, name):
    return [(it.to, it.user) async for it in world.forgotten.links(name)]


@pytest.mark.parametrize("name", ["ann", "ANN", "\uff21NN", "ann@a.test", "Ann@A.TEST"])
async def test_a_name_or_an_address_leads_to_the_stored_address(world, name):
    await add(world)
    assert await links(world, name) == [("Ann@a.test", "ann")]


@pytest.mark.parametrize(
    "name",
    [
        *("", "bob", "ann@b.test", "x" * 10_000, "ann@a.test, eve@evil.test", "\x00"),
        # Look-alikes: a Kelvin sign, a dotless i, fullwidth letters.
        *("\uff41nn@a.test", "ann@\uff41.test", "ann@a.test\u200b"),
    ],
)
async def test_other_names_lead_nowhere(world, name):
    await add(world)
    assert await links(world, name) == []


async def test_only_an_account_in_use_with_a_password_and_an_address_gets_a_link(world):
    await add(world, "mailless", "")
    disabled = await add(world, "gone", "gone@a.test")
    await AccountDesk(world.accounts).set_disabled(disabled, True)
    await world.accounts.sign_in(replace(OF_PROVIDER, user="pat", email="pat@a.test"))
    unlinked = await add(world, "was-local", "was@a.test")
    account = await world.accounts.find(unlinked)
    await world.desk.unlink(account.subjects[0])
    for name in ("mailless", "gone", "gone@a.test", "pat", "pat@a.test", "was-local", "was@a.test"):
        assert await links(world, name) == []


async def test_a_provider_s_address_gets_no_link_to_the_local_password(world):
    account_id = await add(world, "ann", "local@a.test")
    await world.desk.link(OF_PROVIDER.subject_key(), account_id)
    await world.accounts.sign_in(replace(OF_PROVIDER, email="provider@a.test"))
    assert await links(world, "provider@a.test") == []
    assert await links(world, "ann") == [("local@a.test", "ann")]


async def test_an_account_gets_three_links_an_hour_however_many_ask_at_once(world):
    await add(world)
    found = await asyncio.gather(*(links(world, "ann") for _ in range(20)))
    assert 1 <= sum(map(len, found)) <= 3
    while await links(world, "ann"):
        pass
    world.clock.ahead_s += 3599
    assert await links(world, "ann@a.test") == []
    world.clock.ahead_s += 2
    assert len(await links(world, "ann")) == 1


async def test_names_without_an_account_write_nothing(world):
    await add(world)
    before = len(world.store._entries)  # Nothing public counts what a store holds.
    for number in range(100):
        assert await links(world, f"nobody-{number}@a.test") == []
    assert len(world.store._entries) == before


async def test_no_more_than_five_accounts_of_an_address_get_a_link(world):
    for number in range(8):
        await add(world, f"ann-{number}", "all@a.test")
    assert len(await links(world, "all@a.test")) == 5


async def test_another_address_ends_links_that_the_old_one_got(world):
    account_id = await add(world)
    token = await world.local.reset_token(account_id)
    await world.changes.vouch(account_id, "new@a.test")
    with pytest.raises(UnknownResetError):
        await world.local.reset(token, OTHER)


async def invite(world, email="ann@a.test", **more):
    found = await world.desk.invite(email, **more)
    return found.account_id, await world.invitations.token(found.account_id, email)


async def test_an_invitation_is_taken_up_once(world):
    account_id, token = await invite(world, roles=["editor"], groups=["staff"])
    assert (await world.invitations.look(token)).email == "ann@a.test"
    assert await world.invitations.take_up(token, "Ann", PASSWORD) == "Ann"
    identity = await world.local.sign_in("ann", PASSWORD, world.clock())
    assert (identity.account_id, identity.email) == (account_id, "ann@a.test")
    account = await world.accounts.find(account_id)
    assert (account.roles, account.groups, account.invitations) == (("editor",), ("staff",), ())
    for again in (world.invitations.look(token), world.invitations.take_up(token, "b", PASSWORD)):
        with pytest.raises(UnknownInvitationError):
            await again


async def test_nobody_takes_the_address_of_somebody_else_for_a_user_name(world):
    _, token = await invite(world)
    for address in ("boss@a.test", "boss\uff20a.test", "@", "ann@a.test@"):
        with pytest.raises(UserNameRefusedError):
            await world.invitations.take_up(token, address, PASSWORD)
        assert await world.accounts.named(address) is None
    assert await world.invitations.take_up(token, "ANN@a.test", PASSWORD) == "ANN@a.test"


async def test_an_invitation_by_link_lasts_an_hour_and_for_a_provider_longer(world):
    account_id, token = await invite(world)
    world.clock.ahead_s += 3601
    with pytest.raises(UnknownInvitationError):
        await world.invitations.take_up(token, "ann", PASSWORD)
    assert (await world.accounts.sign_in(OF_PROVIDER)).account_id == account_id


async def test_whoever_comes_first_takes_the_invitation_up(world):
    world.accounts.rules = Rules(only_invited=True)
    _, token = await invite(world)
    await world.accounts.sign_in(OF_PROVIDER)
    with pytest.raises(UnknownInvitationError):
        await world.invitations.take_up(token, "lee", PASSWORD)
    assert await world.accounts.named("lee") is None

    _, token = await invite(world, "bob@a.test")
    await world.invitations.take_up(token, "bob", PASSWORD)
    with pytest.raises(NotInvitedError):
        await world.accounts.sign_in(
            replace(OF_PROVIDER, subject="s2", user="bob2", email="bob@a.test")
        )


async def test_a_provider_that_is_faster_by_a_moment_leaves_the_name_free(world):
    account_id, token = await invite(world)
    keep = world.accounts.records.keep

    async def keep_after_a_sign_in(kind, parts, owner):
        if parts == ("lee",):
            await world.accounts.sign_in(OF_PROVIDER)
        return await keep(kind, parts, owner)

    world.accounts.records.keep = keep_after_a_sign_in
    with pytest.raises(UnknownInvitationError):
        await world.invitations.take_up(token, "lee", PASSWORD)
    world.accounts.records.keep = keep
    assert await world.accounts.named("lee") is None
    account = await world.accounts.find(account_id)
    assert (account.subjects, account.password) == ((OF_PROVIDER.subject_key(),), None)


async def test_of_many_at_once_one_takes_the_invitation_up(world):
    account_id, token = await invite(world)
    names = [f"ann-{number % 2}" for number in range(10)]
    results = await asyncio.gather(
        *(world.invitations.take_up(token, name, PASSWORD) for name in names),
        return_exceptions=True,
    )
    won = [it for it in results if isinstance(it, str)]
    assert len(won) == 1
    assert all(
        isinstance(it, UnknownInvitationError | UserTakenError)
        for it in results
        if not isinstance(it, str)
    )
    assert (await world.accounts.named(won[0]))[0] == account_id
    [lost] = {*names} - {*won}
    assert await world.accounts.named(lost) is None
    assert (await world.local.sign_in(won[0], PASSWORD, 0)).account_id == account_id


async def test_no_link_adds_a_password_to_an_account_that_signs_in_already(world):
    joined = await world.accounts.sign_in(replace(OF_PROVIDER, email="other@a.test"))
    assert (await invite(world, name=joined.account_id))[1] is None
    assert (await invite(world, "bob@a.test", issuer="https://id.example.com"))[1] is None


@pytest.mark.parametrize("how", ["disabled", "merged into one that signs in"])
async def test_a_disabled_or_merged_invitation_is_not_taken_up(world, how):
    account_id, token = await invite(world)
    if how == "disabled":
        await world.desk.set_disabled(account_id, True)
    else:
        await world.desk.merge(account_id, await add(world, "bob", "bob@a.test"))
    with pytest.raises(UnknownInvitationError):
        await world.invitations.take_up(token, "ann", PASSWORD)
    assert await world.accounts.named("ann") is None


async def test_an_invitation_that_is_merged_into_another_is_taken_up_there(world):
    account_id, token = await invite(world)
    other, _ = await invite(world, "bob@a.test")
    await world.desk.merge(account_id, other)
    await world.invitations.take_up(token, "ann", PASSWORD)
    assert (await world.accounts.named("ann"))[0] == other
    assert (await world.local.sign_in("ann", PASSWORD, 0)).account_id == other


@pytest.mark.parametrize(
    ("email", "user"), [("ann.lee@a.test", "ann.lee"), ("Ann+x@a.test", "Ann+x"), ("@", "")]
)
def test_a_user_name_is_suggested(email, user):
    assert suggested_user(email) == user


async def test_an_address_is_changed_once_and_by_its_account_only(world):
    ann, bob = await add(world), await add(world, "bob", "bob@a.test")
    token = await world.changes.token(ann, "new@a.test")
    for call in (world.changes.look, world.changes.confirm):
        with pytest.raises(UnknownEmailLinkError):
            await call(token, bob)
    assert await world.changes.look(token, ann) == "new@a.test"
    changed = await world.changes.confirm(token, ann)
    assert (changed.old, changed.account.email) == ("Ann@a.test", "new@a.test")
    with pytest.raises(UnknownEmailLinkError):
        await world.changes.confirm(token, ann)
    assert await links(world, "ann@a.test") == []
    assert await links(world, "new@a.test") == [("new@a.test", "ann")]


@pytest.mark.parametrize("meanwhile", ["hour", "password", "email", "disabled"])
async def test_a_link_to_another_address_ends(world, meanwhile):
    ann = await add(world)
    token = await world.changes.token(ann, "new@a.test")
    if meanwhile == "hour":
        world.clock.ahead_s += 3601
    elif meanwhile == "password":
        await world.local.change_password(ann, PASSWORD, OTHER)
    elif meanwhile == "email":
        await world.changes.vouch(ann, "third@a.test")
    else:
        await AccountDesk(world.accounts).set_disabled(ann, True)
    with pytest.raises((UnknownEmailLinkError, NoPasswordError)):
        await world.changes.confirm(token, ann)
    assert (await world.accounts.find(ann)).email != "new@a.test"


async def test_an_app_that_cannot_be_told_keeps_the_address_and_the_link(world):
    ann, told = await add(world), []

    class Provisioning:
        async def updated(self, account_id, account, identity):
            told.append((account_id, account.email, identity.email, identity.provider))
            if len(told) == 1:
                raise HookFailedError("down")

    world.accounts.provisioning = Provisioning()
    token = await world.changes.token(ann, "new@a.test")
    with pytest.raises(HookFailedError):
        await world.changes.confirm(token, ann)
    assert (await world.accounts.find(ann)).email == "Ann@a.test"
    assert (await world.changes.confirm(token, ann)).account.email == "new@a.test"
    assert told == [(ann, "new@a.test", "new@a.test", LOCAL)] * 2


async def test_an_account_of_a_provider_has_its_address_there(world):
    joined = await world.accounts.sign_in(OF_PROVIDER)
    with pytest.raises(NoPasswordError):
        await world.changes.vouch(joined.account_id, "new@a.test")


async def test_a_disabled_account_keeps_its_address_and_the_error_says_why(world):
    ann = await add(world)
    await AccountDesk(world.accounts).set_disabled(ann, True)

    with pytest.raises(NoPasswordError, match="is disabled"):
        await world.changes.vouch(ann, "new@a.test")


async def test_no_token_is_in_a_copy_of_the_store(world):
    ann = await add(world)
    _, invitation = await invite(world, "bob@a.test")
    tokens = [
        invitation,
        await world.local.reset_token(ann),
        await world.changes.token(ann, "new@a.test"),
    ]
    copy = repr(world.store._entries)  # What a thief of the store has.
    assert not any(token in copy for token in tokens)
    assert "new@a.test" not in copy
