"""Keys are rotated with an overlap, and stored sealed."""

import asyncio
import json

import pytest

from gateway.errors import StoreUnavailableError
from gateway.mutate.signer import new_signing_key
from gateway.sealing.sealer import Sealer
from gateway.sealing.signing_keys import (
    AHEAD_S,
    OVERLAP_S,
    StoredKeys,
    key_set,
    published,
    signing_key,
    with_new,
)
from gateway.storage.memory import MemoryStore

NOW = 1_000_000.0
OLD, NEW = ({"alg": "ES256", "kid": name, "d": "secret", "x": "1"} for name in ("old", "new"))
RSA = {"alg": "RS256", "kid": "rsa", "d": "secret", "p": "secret", "n": "1"}


def names(keys):
    return [key["kid"] for key in keys]


@pytest.mark.parametrize(
    ("at", "signs", "known"),
    [
        (0.0, "old", ["new", "old"]),
        (AHEAD_S - 0.1, "old", ["new", "old"]),
        (AHEAD_S, "new", ["new", "old"]),
        (AHEAD_S + OVERLAP_S - 0.1, "new", ["new", "old"]),
        (AHEAD_S + OVERLAP_S, "new", ["new"]),
    ],
)
def test_a_new_key_is_published_before_it_signs_and_the_old_one_after(at, signs, known):
    keys = with_new([OLD], NEW, NOW)
    assert signing_key(keys, "ES256", NOW + at)["kid"] == signs
    assert names(published(keys, NOW + at)) == known


def test_a_stolen_key_is_gone_at_once():
    keys = with_new([OLD, RSA], NEW, NOW, at_once=True)
    assert signing_key(keys, "ES256", NOW)["kid"] == "new"
    assert names(published(keys, NOW)) == ["new", "rsa"]


def test_algorithms_are_rotated_apart():
    keys = with_new([RSA, OLD], NEW, NOW)
    assert signing_key(keys, "RS256", NOW + AHEAD_S)["kid"] == "rsa"
    assert names(published(keys, NOW + AHEAD_S + OVERLAP_S)) == ["new", "rsa"]
    assert signing_key([RSA], "ES256", NOW) is None


def test_only_public_members_are_published():
    keys = with_new([RSA], NEW, NOW)
    assert all(
        key.keys() <= {"alg", "kid", "x", "n"} for key in json.loads(key_set(keys, NOW))["keys"]
    )


async def test_of_many_processes_all_have_the_same_first_key():
    store, sealer = MemoryStore(lambda: NOW), Sealer((b"0" * 32,))
    stored = StoredKeys(store, "some-key", "some key")
    found = await asyncio.gather(*(stored.add_first(sealer, new_signing_key()) for _ in range(8)))
    assert all(keys == found[0] for keys in found)
    assert len(found[0]) == 1


async def test_keys_are_resealed_and_another_secret_replaces_none():
    store = MemoryStore(lambda: NOW)
    stored, old, new = StoredKeys(store, "some-key", "some key"), b"0" * 32, b"1" * 32
    await stored.add_first(Sealer((old,)), OLD)
    assert names(await stored.read(Sealer((new, old)))) == ["old"]
    assert names(await stored.read(Sealer((new,)))) == ["old"]
    with pytest.raises(StoreUnavailableError, match="some key"):
        await stored.rotate(Sealer((old,)), NEW, NOW)
    assert b"secret" not in (await store.get("some-key"))


async def test_a_rotation_keeps_what_others_added():
    store, sealer = MemoryStore(lambda: NOW), Sealer((b"0" * 32,))
    stored = StoredKeys(store, "some-key", "some key")
    await stored.add_first(sealer, OLD)
    await asyncio.gather(stored.add_first(sealer, RSA), stored.rotate(sealer, NEW, NOW))
    assert set(names(await stored.read(sealer))) == {"old", "new", "rsa"}
