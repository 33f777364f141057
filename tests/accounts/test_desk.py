"""What operators do with accounts, on real stores."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from gateway.accounts.desk import AccountDesk, describe
from gateway.accounts.errors import (
    EmailAmbiguousError,
    ExternalIdTakenError,
    NoSuchAccountError,
    NotInvitedError,
    SubjectTakenError,
    UserTakenError,
)
from gateway.accounts.manager import Accounts, Rules
from gateway.accounts.moving import move_issuer
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import Identity
from gateway.storage import open_store

NOW = 1_800_000_000.0
ONE, TWO = "https://one.example.com", "https://two.example.com"
ALICE = Identity(
    "alice", "s1", ONE, "session", provider="one", email="alice@example.com", roles=("reader",)
)
AT_TWO = replace(ALICE, issuer=TWO, subject="9", user="alice@two", provider="two")


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    store = open_store(request.param, tmp_path, lambda: NOW)
    yield store
    await store.aclose()


@pytest.fixture
def accounts(store):
    numbers = itertools.count(1)
    return Accounts(store, b"k" * 32, lambda: f"a{next(numbers)}", lambda: NOW)


@pytest.fixture
def desk(accounts):
    return AccountDesk(accounts)


async def enter(accounts, identity):
    """`identity` signs in; as requests are judged afterwards."""
    claimed = await accounts.sign_in(identity)
    return (await accounts.facts(claimed)).added_to(claimed)


async def test_an_identity_is_linked_before_it_ever_signed_in(accounts, desk):
    made = await desk.link((ONE, "s1"), external_id="17", roles=["doctor"])

    alice = await enter(accounts, ALICE)

    assert alice.account_id == made.account_id
    assert alice.external_id == "17"
    assert alice.roles == ("reader", "doctor")
    # What the provider said is kept apart from what is kept here.
    assert (await desk.find("alice")).account.seen[0].roles == ("reader",)


async def test_a_second_identity_of_a_person_goes_by_the_persons_name(accounts, desk):
    alice = await enter(accounts, ALICE)
    await desk.link((TWO, "9"), "alice")

    second = await enter(accounts, AT_TWO)

    assert (second.account_id, second.user) == (alice.account_id, "alice")
    # Its own name stays free for somebody else.
    other = replace(ALICE, user="alice@two", subject="s2", email=None)
    assert (await enter(accounts, other)).account_id != alice.account_id


async def test_who_acts_by_another_account_is_not_linked_but_merged(accounts, desk):
    alice = await enter(accounts, ALICE)
    other = await enter(accounts, AT_TWO)
    await desk.set_roles(other.account_id, ["nurse"])
    assert other.account_id != alice.account_id

    with pytest.raises(SubjectTakenError, match="accounts merge"):
        await desk.link((TWO, "9"), "alice")
    kept = await desk.merge("alice@two", "alice")

    assert kept.account_id == alice.account_id
    again = await enter(accounts, AT_TWO)
    assert (again.account_id, again.user, again.roles) == (
        alice.account_id,
        "alice",
        ("reader", "nurse"),
    )
    # Whoever still knows the old id is led on.
    assert (await desk.find(other.account_id)).account_id == alice.account_id
    # A session of before the merge.
    assert (await accounts.facts(other)).added_to(other).account_id == alice.account_id
    assert [it.account_id for it in await desk.page()] == [alice.account_id]
    with pytest.raises(SubjectTakenError):
        await desk.merge("alice", "alice@two")
    # The names of both are the one person's.
    with pytest.raises(UserTakenError):
        await enter(accounts, replace(ALICE, user="alice@two", subject="s3"))


async def test_a_merge_that_was_broken_off_loses_nobody(accounts, desk, store):
    alice = await enter(accounts, ALICE)
    other = await enter(accounts, AT_TWO)
    swap, calls = store.compare_and_swap, []

    async def once(*args, **how):
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return await swap(*args, **how)

    store.compare_and_swap = once
    with pytest.raises(RuntimeError):
        await desk.merge(other.account_id, "alice")
    store.compare_and_swap = swap

    assert (await enter(accounts, AT_TWO)).account_id == other.account_id
    kept = await desk.merge(other.account_id, "alice")
    assert (await enter(accounts, AT_TWO)).account_id == alice.account_id
    assert kept.account.subjects == ((ONE, "s1"), (TWO, "9"))


async def test_an_external_id_is_one_persons(accounts, desk):
    await desk.link((ONE, "s1"), external_id="17")

    with pytest.raises(ExternalIdTakenError):
        await desk.link((TWO, "9"), external_id="17")
    # A new one frees the old one.
    await desk.link((ONE, "s1"), external_id="18")
    assert (await desk.link((TWO, "9"), external_id="17")).account.external_id == "17"


async def test_an_unlinked_identity_is_new_the_next_time(accounts, desk):
    alice = await enter(accounts, ALICE)
    await desk.link((TWO, "9"), "alice")
    await enter(accounts, AT_TWO)

    await desk.unlink((TWO, "9"))

    assert (await enter(accounts, AT_TWO)).account_id != alice.account_id
    with pytest.raises(NoSuchAccountError):
        await desk.unlink((TWO, "unknown"))


async def test_only_who_is_invited_or_linked_gets_in_where_the_file_says_so(accounts, desk):
    accounts.rules = Rules(only_invited=True)
    with pytest.raises(NotInvitedError):
        await enter(accounts, ALICE)
    assert await desk.page() == []

    invited = await desk.invite("Alice@Example.com", roles=["editor"])
    alice = await enter(accounts, ALICE)

    assert alice.account_id == invited.account_id
    assert alice.roles == ("reader", "editor")
    # It was good once.
    with pytest.raises(NotInvitedError):
        await enter(accounts, AT_TWO)
    await desk.link((TWO, "77"))
    assert (await enter(accounts, replace(AT_TWO, subject="77", email=None))).user == "alice@two"


@pytest.mark.parametrize(
    "email",
    [
        None,
        "",
        "alice@example.com.evil.example",
        "\uff41lice@example.com",
        "al\u0131ce@example.com",
        "alice@example.com ",
        "alice@b@example.com",
    ],
)
async def test_a_look_alike_of_an_invited_address_is_not_invited(accounts, desk, email):
    accounts.rules = Rules(only_invited=True, links_by_email=True)
    await desk.invite("alice@example.com")

    with pytest.raises(NotInvitedError):
        await enter(accounts, replace(ALICE, email=email))


async def test_an_invitation_for_one_issuer_is_not_good_at_another(accounts, desk):
    accounts.rules = Rules(only_invited=True)
    await desk.invite("alice@example.com", issuer=TWO)

    with pytest.raises(NotInvitedError):
        await enter(accounts, ALICE)
    assert (await enter(accounts, AT_TWO)).user == "alice@two"


async def test_a_verified_address_links_only_where_the_file_says_so(accounts, desk):
    alice = await enter(accounts, ALICE)
    assert (await enter(accounts, AT_TWO)).account_id != alice.account_id

    accounts.rules = Rules(links_by_email=True)
    third = replace(AT_TWO, subject="10", user="alice3")
    # Two accounts have the address by now: none can be chosen.
    with pytest.raises(EmailAmbiguousError, match=alice.account_id):
        await enter(accounts, third)
    await desk.merge("alice@two", "alice")
    assert (await enter(accounts, third)).account_id == alice.account_id


async def test_an_address_that_a_person_gave_up_links_nobody(accounts):
    accounts.rules = Rules(links_by_email=True)
    alice = await enter(accounts, ALICE)
    await enter(accounts, replace(ALICE, email="alice@new.example"))

    assert (await enter(accounts, AT_TWO)).account_id != alice.account_id


async def test_a_client_never_joins_a_persons_account(accounts, desk):
    accounts.rules = Rules(links_by_email=True)
    alice = await enter(accounts, ALICE)

    facts = await accounts.enter(replace(AT_TWO, credential="bearer"), of_client=True)

    assert facts.account_id != alice.account_id
    assert describe(await desk.find(facts.account_id))["client"] is True
    # Nor does a person join a client's.
    by_person = replace(AT_TWO, subject="11", user="p", email="alice@example.com")
    assert (await enter(accounts, by_person)).account_id == alice.account_id


async def test_a_disabled_account_is_refused_whoever_acts_by_it(accounts, desk):
    alice = await enter(accounts, ALICE)
    await desk.link((TWO, "9"), "alice")

    await desk.set_disabled("alice", True)

    for identity in (ALICE, AT_TWO):
        with pytest.raises(AccountDisabledError):
            await accounts.sign_in(identity)
        with pytest.raises(AccountDisabledError):
            await accounts.enter(replace(identity, credential="bearer"))
    assert (await accounts.facts(alice)).is_refused
    await desk.set_disabled("alice", False)
    assert (await enter(accounts, AT_TWO)).user == "alice"


async def test_a_name_in_use_is_not_released(accounts, desk):
    await enter(accounts, ALICE)
    await enter(accounts, replace(ALICE, user="alice.new"))
    stranger = replace(ALICE, subject="s2", email=None)

    with pytest.raises(UserTakenError, match="disable it first"):
        await desk.release_name("alice.new")
    await desk.release_name("alice")
    assert (await desk.find("alice.new")).account.names == ("alice.new",)
    assert (await enter(accounts, stranger)).user == "alice"
    with pytest.raises(NoSuchAccountError):
        await desk.release_name("nobody")


async def test_secrets_are_kept_and_told_to_nobody(accounts, desk, store):
    await enter(accounts, ALICE)
    await desk.set_secret("alice", "notes-key", "s3cr3t-of-alice")

    alice = await enter(accounts, ALICE)

    assert dict(alice.secrets) == {"notes-key": "s3cr3t-of-alice"}
    found = await desk.find("alice")
    assert describe(found)["secrets"] == ["notes-key"]
    assert "s3cr3t-of-alice" not in repr((found, alice, describe(found)))
    sealed, _ = await accounts.records.get(alice.account_id)
    assert b"s3cr3t-of-alice" not in sealed
    await desk.set_secret("alice", "notes-key", None)
    assert dict((await enter(accounts, ALICE)).secrets) == {}


async def test_every_account_is_listed_once_page_by_page(accounts, desk):
    for number in range(25):
        await enter(accounts, replace(ALICE, subject=f"s{number}", user=f"u{number}"))

    pages, after = [], ""
    while page := await desk.page(after, limit=10):
        pages.append(len(page))
        after = page[-1].account_id
    assert pages == [10, 10, 5]
    assert len({it.account_id for it in await desk.page()}) == 25


@pytest.mark.parametrize("by", ["subject", "email"])
async def test_people_keep_their_accounts_at_a_new_issuer(accounts, desk, by):
    alice = await enter(accounts, ALICE)
    subject = "s1" if by == "subject" else "another"
    moved = replace(ALICE, issuer=TWO, subject=subject, user="alice.at.two")
    await enter(accounts, replace(ALICE, subject="s2", user="bob", email=None))

    dry = await move_issuer(desk, ONE, TWO, by=by, applies=False)
    assert {it["user"] for it in dry} == {"alice", "bob"}
    assert (await desk.find("alice")).account.subjects == ((ONE, "s1"),)
    for _ in range(2):
        await move_issuer(desk, ONE, TWO, by=by, applies=True)

    again = await enter(accounts, moved)
    assert (again.account_id, again.user) == (alice.account_id, "alice")
    results = {it["user"]: it["result"] for it in dry}
    assert ("by hand" in results["bob"]) is (by == "email")


async def test_who_shares_an_address_is_not_moved_by_it(accounts, desk):
    await enter(accounts, ALICE)
    await enter(accounts, replace(ALICE, subject="s2", user="alicia"))

    moves = await move_issuer(desk, ONE, TWO, by="email", applies=True)

    assert ["not invited" in str(it["result"]) for it in moves] == [True, True]


async def test_changes_at_once_lose_nothing(accounts, desk):
    await enter(accounts, ALICE)

    await asyncio.gather(
        *(desk.set_secret("alice", f"n{number}", "x") for number in range(8)),
        *(desk.link((TWO, str(number)), "alice") for number in range(8)),
    )

    account = (await desk.find("alice")).account
    assert len(account.secrets) == 8
    assert len(account.subjects) == 9


# What was found by attacking it.


async def test_a_refused_link_gives_nobody_an_external_id(accounts, desk):
    await enter(accounts, ALICE)
    await enter(accounts, replace(ALICE, subject="s2", user="bob", email=None))
    await desk.link((ONE, "s2"), external_id="99")

    with pytest.raises(SubjectTakenError):
        await desk.link((ONE, "s1"), "bob", external_id="17")
    assert (await desk.find("bob")).account.external_id == "99"

    before = len(await desk.page())
    for _ in range(2):
        with pytest.raises(ExternalIdTakenError):
            await desk.link((TWO, "new"), external_id="99")
    assert len(await desk.page()) == before


async def test_an_external_id_that_was_reserved_and_never_given_is_free(accounts, desk):
    await accounts.records.keep("external", ("17",), "an account that never was")

    assert (await desk.link((ONE, "s1"), external_id="17")).account.external_id == "17"


async def test_of_two_who_want_one_external_id_one_gets_it(accounts, desk):
    for subject in ("s1", "s2"):
        await desk.link((ONE, subject))

    wanted = [desk.link((ONE, subject), external_id="17") for subject in ("s1", "s2")]
    outcomes = await asyncio.gather(*wanted, return_exceptions=True)

    assert [isinstance(it, ExternalIdTakenError) for it in outcomes].count(True) == 1
    assert [it.account.external_id for it in await desk.page()].count("17") == 1


async def test_a_name_is_released_in_every_spelling_and_nobody_acts_by_it_any_more(accounts, desk):
    alice = await enter(accounts, ALICE)
    with pytest.raises(UserTakenError):
        await desk.release_name("ALICE")
    # A session of before she was renamed at the provider.
    await enter(accounts, replace(ALICE, user="alice2"))
    assert not (await accounts.facts(alice)).is_refused

    await desk.release_name("ALICE")

    assert (await accounts.facts(alice)).is_refused
    stranger = await enter(accounts, replace(ALICE, subject="s2", email=None))
    assert stranger.account_id != alice.account_id


async def test_an_unlinked_identity_acts_by_the_account_no_more(accounts, desk):
    await enter(accounts, ALICE)
    await desk.link((TWO, "9"), "alice")
    second = await enter(accounts, AT_TWO)

    await desk.unlink((TWO, "9"))

    assert (await accounts.facts(second)).is_refused


@pytest.mark.parametrize("at", range(1, 6))
async def test_an_identity_that_is_unlinked_while_it_signs_in_is_not_brought_back(
    accounts, desk, store, at
):
    await enter(accounts, ALICE)
    await desk.link((TWO, "9"), "alice")
    get, reads = store.get, []

    async def unlinked_meanwhile(key):
        found = await get(key)
        reads.append(key)
        if len(reads) == at:
            store.get = get
            await desk.unlink((TWO, "9"))
        return found

    store.get = unlinked_meanwhile
    try:
        claimed = await accounts.sign_in(AT_TWO)
    except StoreUnavailableError:
        claimed = None
    store.get = get

    assert len(reads) == at
    alice = await desk.find("alice")
    if claimed is not None and claimed.account_id == alice.account_id:
        assert (await accounts.facts(claimed)).is_refused
    assert (TWO, "9") not in alice.account.subjects


async def test_accounts_that_are_merged_both_ways_at_once_are_one(accounts, desk):
    await enter(accounts, ALICE)
    await enter(accounts, AT_TWO)

    outcomes = await asyncio.gather(
        desk.merge("alice", "alice@two"), desk.merge("alice@two", "alice"), return_exceptions=True
    )

    assert [isinstance(it, SubjectTakenError) for it in outcomes].count(True) == 1
    (kept,) = await desk.page()
    assert set(kept.account.subjects) == {(ONE, "s1"), (TWO, "9")}


async def test_a_merge_can_be_repeated_and_loses_no_disable(accounts, desk, store):
    await enter(accounts, ALICE)
    other = await enter(accounts, AT_TWO)
    await desk.link((TWO, "9"), external_id="17")
    swap, calls = store.compare_and_swap, []

    async def disabled_meanwhile(*args, **how):
        calls.append(args)
        done = await swap(*args, **how)
        if len(calls) == 1:
            store.compare_and_swap = swap
            await desk.set_disabled(other.account_id, True)
        return done

    store.compare_and_swap = disabled_meanwhile
    kept = await desk.merge(other.account_id, "alice")

    assert kept.account.is_disabled
    assert kept.account.external_id == "17"
    assert len(kept.account.seen) == 2


async def test_one_invitation_lets_one_in_and_twice_is_once(accounts, desk):
    accounts.rules = Rules(only_invited=True)
    first = await desk.invite("alice@example.com")
    assert (await desk.invite("Alice@example.com")).account_id == first.account_id
    await desk.invite("alice@example.com", first.account_id, issuer=TWO)
    third = replace(ALICE, subject="s9", user="third")

    outcomes = await asyncio.gather(
        accounts.sign_in(ALICE), accounts.sign_in(third), return_exceptions=True
    )

    assert [isinstance(it, NotInvitedError) for it in outcomes].count(True) == 1
    # That of another issuer is still good.
    assert (await accounts.sign_in(AT_TWO)).account_id == first.account_id


async def test_first_requests_at_once_do_not_take_the_name_from_each_other(accounts):
    comers = [accounts.enter(replace(ALICE, credential="bearer")) for _ in range(60)]

    assert len({it.account_id for it in await asyncio.gather(*comers)}) == 1


async def test_a_command_that_is_repeated_tells_again(accounts, desk):
    await enter(accounts, ALICE)
    await desk.set_disabled("alice", True)
    told = []

    async def note(account_id, before, after):
        told.append(after.is_disabled)

    accounts.on_change(note)
    await desk.set_disabled("alice", True)

    assert told == [True]


async def test_a_provider_that_changes_the_name_each_time_makes_no_endless_record(accounts, desk):
    for number in range(150):
        await enter(accounts, replace(ALICE, user=f"alice{number}"))

    assert len((await desk.find("alice149")).account.names) == 100
