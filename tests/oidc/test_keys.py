"""Only keys fit to verify are used, and no token makes the gateway ask for keys too often."""

import asyncio
import warnings

import pytest
from joserfc.jwk import RSAKey

from gateway.errors import ProviderUnavailableError
from gateway.oidc.keys import KeySource, read_keys
from tests.oidc.hostile import KEYS, public


def names(keys):
    return [key.kid for key in keys]


def weak_rsa():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024).as_dict(private=False)


RSA = public("rsa")


@pytest.mark.parametrize(
    "key",
    [
        RSA,
        {**RSA, "use": None},
        {k: v for k, v in RSA.items() if k != "use"},
        {**RSA, "alg": "RS256"},
        {**RSA, "key_ops": ["verify"]},
        {**RSA, "x5c": ["not", "looked", "at"]},
        KEYS["rsa"].as_dict(private=True),
        public("p384"),
        public("ed"),
    ],
)
def test_a_key_that_verifies_is_used(key):
    key = {name: value for name, value in key.items() if value is not None}

    (found,) = read_keys({"keys": [key]})

    assert not found.key.is_private


@pytest.mark.parametrize(
    "key",
    [
        weak_rsa(),
        {**RSA, "use": "enc"},
        {**RSA, "use": ["sig"]},
        {**RSA, "key_ops": ["sign"]},
        {**RSA, "key_ops": "verify"},
        {**RSA, "alg": "RSA-OAEP"},
        {**RSA, "alg": "HS256"},
        {**RSA, "alg": ["RS256"]},
        {**RSA, "kty": "oct", "k": "AAAA"},
        {"kty": "oct", "k": "A" * 43},
        {**RSA, "n": 7},
        {**RSA, "n": "!"},
        {**RSA, "n": "A" * 5000},
        {**RSA, "n": RSA["n"] * 5},
        {**RSA, "e": "AQ"},
        {**RSA, "e": "AAAAAAAAAAAA"},
        {**RSA, "e": RSA["n"]},
        {**public("p256"), "crv": "P-384"},
        {**public("p256"), "crv": "secp256k1"},
        {**public("p256"), "x": public("p256")["y"]},
        {**public("ed"), "crv": "X25519"},
        {**public("ed"), "x": "AAAA"},
        {"kty": "RSA"},
        {},
        [],
        None,
        "text",
    ],
)
def test_a_key_that_does_not_fit_is_skipped_and_spoils_nothing(key):
    assert names(read_keys({"keys": [key, public("p384")]})) == ["p384"]


@pytest.mark.parametrize(
    "document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": []}]
)
def test_a_document_without_keys_has_none(document):
    assert read_keys(document) == ()


@pytest.mark.parametrize(
    ("name", "members", "serves"),
    [
        ("rsa", {}, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("rsa", {"alg": "RS256"}, {"RS256"}),
        ("p256", {}, {"ES256"}),
        ("p384", {}, {"ES384"}),
        ("p521", {}, {"ES512"}),
        ("ed", {}, {"EdDSA", "Ed25519"}),
        ("ed", {"alg": "EdDSA"}, {"EdDSA", "Ed25519"}),
        ("rsa", {"alg": "ES256"}, set()),
    ],
)
def test_a_key_serves_the_algorithms_of_its_type(name, members, serves):
    (key,) = read_keys({"keys": [public(name, **members)]})

    tried = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
    assert {a for a in (*tried, "EdDSA", "Ed25519", "HS256", "none", "") if key.serves(a)} == serves


@pytest.fixture
def source(hostile, http, clock):
    async def jwks_uri():
        return f"{hostile.issuer}/jwks"

    return KeySource(jwks_uri, http, clock)


async def test_a_new_key_is_found_at_once(source, hostile):
    hostile.wrongs.keys = [public("rsa")]
    assert names(await source.candidates("rsa", "RS256")) == ["rsa"]

    hostile.wrongs.keys = [public("rsa-stranger")]

    assert names(await source.candidates("rsa-stranger", "RS256")) == ["rsa-stranger"]
    assert hostile.count("/jwks") == 2


async def test_unknown_key_ids_ask_once_a_minute_whatever_is_thrown_at_it(source, hostile, clock):
    for number in range(50):
        assert await source.candidates(f"unknown-{number}", "RS256") == ()
    assert hostile.count("/jwks") == 2

    clock.ahead_s += 60
    await source.candidates("unknown", "RS256")
    assert hostile.count("/jwks") == 3


async def test_tokens_of_one_new_key_that_come_together_are_all_verified(source, hostile):
    hostile.wrongs.keys = [public("rsa")]
    await source.candidates("rsa", "RS256")
    hostile.wrongs.keys = [public("rsa-stranger")]

    found = await asyncio.gather(*(source.candidates("rsa-stranger", "RS256") for _ in range(5)))

    assert [names(keys) for keys in found] == [["rsa-stranger"]] * 5
    assert hostile.count("/jwks") == 2


@pytest.mark.parametrize("failure", ["500", "garbage", "array", "huge"])
async def test_the_old_keys_stay_while_the_provider_is_down(source, hostile, clock, failure):
    await source.candidates("rsa", "RS256")
    hostile.wrongs.failures = {"/jwks": failure}
    clock.ahead_s += 4000

    assert names(await source.candidates("rsa", "RS256")) == ["rsa"]


async def test_an_empty_key_set_does_not_replace_the_old_one(source, hostile, clock):
    await source.candidates("rsa", "RS256")
    hostile.wrongs.keys = []
    clock.ahead_s += 4000

    assert names(await source.candidates("rsa", "RS256")) == ["rsa"]


async def test_without_any_keys_the_provider_is_unavailable(source, hostile):
    hostile.wrongs.keys = ["text"]

    with pytest.raises(ProviderUnavailableError):
        await source.candidates("rsa", "RS256")


async def test_keys_are_fetched_again_when_the_provider_says_so(source, hostile, clock):
    hostile.wrongs.cache_control = "max-age=120"
    await source.candidates("rsa", "RS256")
    clock.ahead_s = 119
    await source.candidates("rsa", "RS256")
    assert hostile.count("/jwks") == 1

    clock.ahead_s = 121
    await source.candidates("rsa", "RS256")
    assert hostile.count("/jwks") == 2
