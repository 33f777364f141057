"""Clients that registered themselves, in the store."""

import pytest

from gateway.authserver.registrations import (
    MOST_UNUSED,
    Registrations,
    TooManyRegistrationsError,
)
from gateway.sealing.sealer import Sealer
from tests.builders import SECRET
from tests.fixtures.clock import Clock

DAY_S = 86400
URIS = ("http://127.0.0.1/callback",)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registrations(store, clock):
    sealer = Sealer((SECRET,))
    return Registrations(store, lambda: sealer, clock, lambda: 90.0 * DAY_S)


async def made(registrations, name="A client", *, has_secret=False):
    return await registrations.make(name, URIS, has_secret=has_secret)


async def test_a_client_is_found_by_its_id(registrations):
    new = await made(registrations)
    client_id = new.registered.client.client_id
    assert registrations.may_know(client_id)
    found = await registrations.find(client_id, "1.2.3.4")
    assert found == new.registered.client
    assert (found.name, found.redirect_uris, found.origin) == ("A client", URIS, "registered")
    assert new.secret is None
    other = await made(registrations, "")
    assert other.registered.client.name == "127.0.0.1"
    assert other.registered.client.client_id != client_id


@pytest.mark.parametrize("client_id", ["", "gpc_", "gpc_" + "a" * 25, "gpc_" + "ä" * 24, "cli"])
async def test_another_form_is_not_even_looked_up(registrations, store, client_id):
    store.down = True
    assert not registrations.may_know(client_id)
    assert await registrations.find_to_prove(client_id) is None
    assert not await registrations.remove(client_id)


async def test_a_secret_is_kept_as_a_digest_only(registrations, store):
    new = await made(registrations, has_secret=True)
    found = await registrations.find_to_prove(new.registered.client.client_id)
    assert found.has_secret(new.secret)
    assert not found.has_secret(new.secret + "x")
    assert not found.has_secret("")
    assert new.secret not in repr(new)
    [(_, stored)] = await store.find("client-registrations")
    assert new.secret.encode() not in stored
    assert b"A client" not in stored


async def test_what_is_not_used_expires_and_what_is_used_stays(registrations, clock):
    unused, used = await made(registrations), await made(registrations)
    clock.ahead_s = 29 * DAY_S
    await registrations.note_use(used.registered.client.client_id)
    clock.ahead_s = 30 * DAY_S
    assert await registrations.find_to_prove(unused.registered.client.client_id) is None
    # As long as the tokens that it was given.
    clock.ahead_s = (29 + 90) * DAY_S - 1
    assert await registrations.find_to_prove(used.registered.client.client_id) is not None
    [kept] = await registrations.all()
    assert kept.used_at == kept.registered_at + 29 * DAY_S
    clock.ahead_s += 1
    assert await registrations.find_to_prove(used.registered.client.client_id) is None
    assert await registrations.all() == []


async def test_a_thousand_unused_are_enough(registrations):
    first = await made(registrations)
    for _ in range(MOST_UNUSED - 1):
        await made(registrations)
    with pytest.raises(TooManyRegistrationsError):
        await made(registrations)
    # One that is used makes room, and so does one that is removed.
    await registrations.note_use(first.registered.client.client_id)
    second = await made(registrations)
    with pytest.raises(TooManyRegistrationsError):
        await made(registrations)
    assert await registrations.remove(second.registered.client.client_id)
    assert await registrations.find_to_prove(second.registered.client.client_id) is None
    await made(registrations)


async def test_a_look_up_is_one_read_however_many_there_are(registrations, store):
    new = await made(registrations)
    for _ in range(100):
        await made(registrations)
    store.calls.clear()
    assert await registrations.find(new.registered.client.client_id, "1.2.3.4") is not None
    assert store.calls == ["get"]


async def test_use_after_removal_brings_nothing_back(registrations):
    client_id = (await made(registrations)).registered.client.client_id
    await registrations.remove(client_id)
    await registrations.note_use(client_id)
    assert await registrations.find_to_prove(client_id) is None


async def test_a_record_under_another_key_is_nobody(registrations, store):
    one, other = await made(registrations), await made(registrations)
    one, other = one.registered.client.client_id, other.registered.client.client_id
    data = await store.get(f"client-registration:{one}")
    await store.put(f"client-registration:{other}", data, ttl_s=None)
    assert await registrations.find_to_prove(other) is None
