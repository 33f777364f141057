"""API keys over a store: made, remembered, used, revoked everywhere."""

import contextlib

import pytest

from gateway.accounts.manager import Accounts
from gateway.credentials import keys as module
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.key_cache import TOUCH_S
from gateway.credentials.key_format import parse_key
from gateway.credentials.keys import ApiKeys, TooManyKeysError
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from tests.credentials.conftest import ALICE, SECRET, recalled
from tests.patience import until


async def test_a_key_speaks_for_its_owner_and_for_no_sign_in(keys, create, clock):
    text, record = await create(keys, routes=["reports"])
    found = await keys.load(parse_key(text), clock())

    who = found.identity
    assert (who.user, who.subject, who.issuer, who.account_id) == (
        "alice",
        "s-alice",
        "https://id.test",
        "a1",
    )
    assert (who.groups, who.roles, who.email) == (("staff",), ("editor",), "alice@example.com")
    assert (who.claims, who.unreadable) == (ALICE.claims, ALICE.unreadable)
    assert (who.credential, who.scopes, who.key_id) == ("api_key", {"a"}, record.key_id)
    assert (who.routes, who.expires_at) == ({"reports"}, record.expires_at)
    assert (who.session_id, who.acr, who.authenticated_at) == (None, None, None)
    assert (who.access_token, who.id_token) == (None, None)


async def test_a_remembered_key_asks_nobody(keys, create, clock, store):
    text, _ = await create(keys)
    key = parse_key(text)
    assert recalled(keys, key, clock()) is None
    entry = await keys.load(key, clock())
    await keys.upkeep()
    reads = store.calls.count("get")

    for _ in range(100):
        assert recalled(keys, key, clock()) is entry
    assert store.calls.count("get") == reads


async def test_the_store_shows_no_key_and_no_name(keys, create, store):
    text, _ = await create(keys, name="Alices laptop")
    dump = repr(store.__dict__).encode() + repr(store.held).encode()

    secret = text.split("_")[2]
    for hidden in (text, secret, secret[:20], "alice", "laptop", "example.com", "staff"):
        assert hidden.encode() not in dump


async def test_a_wrong_secret_of_a_known_key_is_no_key(keys, create, clock, store):
    text, record = await create(keys)
    other, _ = await create(keys)
    wrong = parse_key(text)
    wrong = type(wrong)(record.key_id, parse_key(other).digest)

    assert await keys.load(wrong, clock()) is None
    assert recalled(keys, wrong, clock()) is None
    assert await keys.load(parse_key(text), clock()) is not None


async def test_revoked_on_every_worker(make_keys, create, clock):
    one, other = await make_keys(), await make_keys()
    text, record = await create(one)
    kept, _ = await create(one)
    for keys in (one, other):
        for each in (text, kept):
            assert await keys.load(parse_key(each), clock())
    told = []
    other.on_revoke(told.append)

    assert await one.revoke(record.key_id)
    await until(lambda: told)

    for keys in (one, other):
        assert recalled(keys, parse_key(text), clock()) is None
        assert await keys.load(parse_key(text), clock()) is None
        assert recalled(keys, parse_key(kept), clock())
    assert not await one.revoke(record.key_id)


@pytest.mark.parametrize("key_id", ["", "x", "../accounts-key", "0" * 16, "A" * 16, "0" * 17])
async def test_revoking_what_is_no_key_touches_nothing(keys, create, key_id):
    await create(keys)
    assert not await keys.revoke(key_id)
    assert len(await keys.list_all()) == 1


async def test_the_last_use_is_written_later_and_seldom(keys, create, clock, store):
    text, _record = await create(keys)
    key = parse_key(text)
    await keys.load(key, clock())
    await keys.upkeep()
    (shown,) = await keys.list_of(ALICE)
    assert shown.last_used_at == int(clock())
    writes = store.calls.count("compare_and_swap")

    clock.now += TOUCH_S - 1
    for _ in range(50):
        assert recalled(keys, key, clock())
        await keys.upkeep()
    assert store.calls.count("compare_and_swap") == writes

    clock.now += 1
    assert recalled(keys, key, clock())
    await keys.upkeep()
    assert store.calls.count("compare_and_swap") == writes + 1
    (shown,) = await keys.list_of(ALICE)
    assert shown.last_used_at == int(clock())


async def test_writing_the_last_use_brings_no_revoked_key_back(make_keys, create, clock, store):
    keys, other = await make_keys(), await make_keys()
    text, record = await create(keys)
    await keys.load(parse_key(text), clock())
    await other.revoke(record.key_id)
    await keys.upkeep()

    assert await keys.list_all() == []


async def test_a_wrong_key_writes_nothing(keys, create, clock, store):
    text, record = await create(keys)
    await keys.revoke(record.key_id)
    writes = store.calls.count("compare_and_swap")

    for _ in range(20):
        assert await keys.load(parse_key(text), clock()) is None
        await keys.upkeep()
    assert store.calls.count("compare_and_swap") == writes


async def test_a_store_that_is_down_is_no_verdict(keys, create, clock, store):
    text, _ = await create(keys)
    unseen, _ = await create(keys)
    assert await keys.load(parse_key(text), clock())
    store.down = True
    clock.now += module.MAX_UNCHECKED_S

    assert recalled(keys, parse_key(text), clock()) is None
    assert await keys.load(parse_key(text), clock())
    with pytest.raises(StoreUnavailableError):
        await keys.load(parse_key(unseen), clock())


@pytest.mark.parametrize("notices", [True, False])
@pytest.mark.parametrize("grace_s", [0, 10, 60, 600])
async def test_a_key_goes_on_without_the_store_for_the_time_of_grace_only(
    keys, create, clock, store, grace_s, notices
):
    keys.contact.set_grace(grace_s)
    text, _ = await create(keys)
    await keys.load(parse_key(text), clock())

    async def is_good():
        return recalled(keys, parse_key(text), clock()) or await keys.load(parse_key(text), clock())

    clock.now += 0 if notices else module.MAX_UNCHECKED_S  # Else it is found out at the next look.
    store.down = True
    if notices:
        store.lose_contact()
    began_at = clock.now
    while clock.now < began_at + grace_s:
        assert await is_good()
        clock.now += 0.7
    clock.now = began_at + grace_s
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await is_good()
        clock.now += 100
    store.down = False

    assert await is_good()


async def test_what_a_key_opened_is_closed_when_the_time_of_grace_is_over(
    keys, create, clock, store
):
    text, record = await create(keys)
    told = []
    keys.on_revoke(told.append)
    keys.watch(lambda: [record.key_id, "static:ci"])
    await keys.upkeep()
    store.down = True
    store.lose_contact()
    for elapsed_s, closed in [(59.9, []), (0.1, [record.key_id])]:
        clock.now += elapsed_s
        with contextlib.suppress(StoreUnavailableError):
            await keys.upkeep()
        assert told == closed
    store.down = False

    assert await keys.load(parse_key(text), clock())  # It was not revoked.


async def test_what_a_key_of_the_configuration_opened_stays_open(keys, clock):
    told = []
    keys.on_revoke(told.append)
    keys.watch(lambda: ["static:ci"])
    for _ in range(3):
        await keys.upkeep()
        clock.now += module.MAX_UNCHECKED_S

    assert told == []


async def test_a_key_revoked_unheard_is_found_out_in_a_minute(keys, create, clock, store):
    text, record = await create(keys)
    await keys.load(parse_key(text), clock())
    await store.delete(f"api-key:{record.key_id}")

    clock.now += module.CHECK_S
    assert recalled(keys, parse_key(text), clock())
    await keys.upkeep()
    assert recalled(keys, parse_key(text), clock()) is None


async def test_a_watched_key_that_is_gone_is_told_of(keys, create, clock, store):
    _, record = await create(keys)
    told = []
    keys.on_revoke(told.append)
    keys.watch(lambda: [record.key_id])
    await keys.upkeep()
    assert told == []

    await store.delete(f"api-key:{record.key_id}")
    clock.now += module.MAX_UNCHECKED_S
    await keys.upkeep()
    assert told == [record.key_id]


async def test_whose_keys_are_listed(keys, create, clock):
    _, mine = await create(keys)
    clock.now += 1
    renamed = Identity(
        user="alice2", subject="s-alice", issuer="https://id.test", credential="session"
    )
    _, later = await create(keys, renamed)
    bob = Identity(user="bob", subject="s-bob", issuer="https://id.test", credential="session")
    _, bobs = await create(keys, bob)

    assert [it.key_id for it in await keys.list_of(renamed)] == [later.key_id, mine.key_id]
    assert [it.key_id for it in await keys.list_for("ALICE")] == [mine.key_id]
    assert [it.key_id for it in await keys.list_of(bob)] == [bobs.key_id]
    assert len(await keys.list_all()) == 3


async def test_one_owner_has_a_hundred_at_most(keys, create, clock):
    for _ in range(module.MOST_KEYS):
        await create(keys)
    with pytest.raises(TooManyKeysError):
        await create(keys)

    clock.now += 3600
    await create(keys)


async def test_a_key_that_ran_out_is_shown_for_a_week(keys, create, clock):
    _text, record = await create(keys)
    clock.now = record.expires_at + 7 * 86400 - 1
    assert len(await keys.list_all()) == 1
    clock.now += 2
    assert await keys.list_all() == []


async def test_the_keys_of_the_records_outlive_the_secret(store, keys, create, clock):
    text, _ = await create(keys)
    new = b"n" * 32

    for secrets in ((new, SECRET), (new,)):
        anew = ApiKeys(
            store, await load_key_sealer(store, Sealer(secrets)), Accounts(store, SECRET), clock
        )
        assert await anew.load(parse_key(text), clock())
    with pytest.raises(StoreUnavailableError):
        await load_key_sealer(store, Sealer((b"x" * 32,)))
