"""Keys of ID tokens are made once, read again, and outlive an outage of the store."""

import asyncio
import json

import pytest

from gateway.authserver.id_token_keys import IdTokenKeys, id_token_keys, new_id_token_key
from gateway.errors import StoreUnavailableError
from gateway.oidc.tokens import BadTokenError, read_header
from gateway.sealing.sealer import Sealer
from gateway.sealing.signing_keys import AHEAD_S, OVERLAP_S
from gateway.storage.memory import MemoryStore

SEALER = Sealer((b"0" * 32,))


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class FailingStore(MemoryStore):
    fails = False

    async def get(self, key):
        if self.fails:
            raise StoreUnavailableError("get")
        return await super().get(key)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return FailingStore(clock)


@pytest.fixture
def make_keys(store, clock):
    return lambda: IdTokenKeys(store, lambda: SEALER, clock)


async def kids(keys):
    return [key["kid"] for key in json.loads(await keys.document())["keys"]]


async def test_all_workers_make_the_same_keys_at_first_need(make_keys):
    found = await asyncio.gather(*(kids(make_keys()) for _ in range(4)))
    assert all(it == found[0] for it in found)
    assert len(found[0]) == 2


async def test_a_rotation_elsewhere_is_seen_before_the_key_signs(make_keys, store, clock):
    keys = make_keys()
    old = await keys.sign({"sub": "1"}, "ES256")
    new = new_id_token_key("ES256")
    await id_token_keys(store).rotate(SEALER, new, clock.now)

    clock.now += 60
    assert new["kid"] in await kids(keys)
    assert read_header(await keys.sign({}, "ES256"))["kid"] == read_header(old)["kid"]
    clock.now += AHEAD_S
    assert read_header(await keys.sign({}, "ES256"))["kid"] == new["kid"]
    # As long as the old key is kept, an old hint is known.
    clock.now += OVERLAP_S
    assert (await keys.verify(old)).claims == {"sub": "1"}
    assert read_header(old)["kid"] not in await kids(keys)


async def test_a_stolen_key_verifies_nothing(make_keys, store, clock):
    keys = make_keys()
    old = await keys.sign({"sub": "1"}, "ES256")
    await id_token_keys(store).rotate(SEALER, new_id_token_key("ES256"), clock.now, at_once=True)
    clock.now += 60
    with pytest.raises(BadTokenError):
        await keys.verify(old)


async def test_known_keys_are_good_while_the_store_is_down(make_keys, store, clock):
    keys = make_keys()
    token = await keys.sign({"sub": "1"}, "ES256")
    store.fails = True
    clock.now += 3600
    assert (await keys.verify(token)).claims == {"sub": "1"}
    with pytest.raises(StoreUnavailableError):
        await make_keys().document()
