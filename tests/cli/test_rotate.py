"""`gatepost rotate` on the store a gateway would use."""

import asyncio
import json
from functools import partial

import pytest

from gateway.assembly.serving import clock
from gateway.authserver.id_token_keys import id_token_keys
from gateway.cli.rotate import rotate_command
from gateway.mutate.signer import assertion_keys, load_signer
from gateway.sealing.sealer import Sealer
from gateway.sealing.secret import kept_secrets
from gateway.storage.sqlite import SqliteStore


@pytest.fixture
def in_store(tmp_path):
    """Run with the store and the sealer of a gateway that was here before."""

    def in_store(use):
        async def run():
            store = SqliteStore(tmp_path / "data" / "gatepost.db", clock)
            try:
                return await use(store, Sealer(kept_secrets(tmp_path / "data")))
            finally:
                await store.aclose()

        return asyncio.run(run())

    return in_store


@pytest.fixture
def command(run_command):
    return partial(run_command, rotate_command, secret=None)


def kids(document):
    return [key["kid"] for key in json.loads(document)["keys"]]


def test_an_assertion_key_is_published_before_it_signs(command, in_store):
    [old] = kids(in_store(load_signer).document)
    [made] = json.loads(command("assertion-key", "--json").output)
    signer = in_store(partial(load_signer, now=clock()))
    assert kids(signer.document) == [made["kid"], old]
    assert made["signs_from"] == pytest.approx(clock() + 600, abs=60)


def test_a_stolen_assertion_key_is_dropped(command, in_store):
    [old] = kids(in_store(load_signer).document)
    told = command("assertion-key", "--at-once").output
    [new] = kids(in_store(partial(load_signer, now=clock())).document)
    assert new != old
    assert new in told


def test_id_token_keys_are_rotated_for_each_algorithm(command, in_store):
    in_store(lambda store, sealer: assertion_keys(store).read(sealer))
    made = json.loads(command("id-token-key", "--json").output)
    assert [key["alg"] for key in made] == ["ES256", "RS256"]
    kept = in_store(lambda store, sealer: id_token_keys(store).read(sealer))
    assert {key["kid"] for key in kept} == {key["kid"] for key in made}


def test_the_secret_of_the_data_directory_is_rotated(command, in_store, tmp_path):
    in_store(load_signer)
    [old] = kept_secrets(tmp_path / "data")
    assert "SIGHUP" in command("session-key").output
    new, kept = kept_secrets(tmp_path / "data")
    assert kept == old
    assert new != old


def test_a_configured_secret_is_rotated_in_the_file(command, in_store):
    in_store(load_signer)
    refused = command("session-key", secret="x" * 32)
    assert refused.exit_code == 2
    assert "head of the list" in refused.stderr
