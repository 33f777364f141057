"""The form of an API key: one spelling, and a checksum that refuses junk without a look-up."""

import re
import secrets
from hashlib import sha256

import pytest
from hypothesis import given, strategies

from gateway.credentials.key_format import is_key_id, new_key, parse_key


def fixed(value):
    return lambda n: bytes([value]) * n


@pytest.mark.parametrize("random", [fixed(0), fixed(1), fixed(255), secrets.token_bytes])
def test_what_is_made_can_be_read(random):
    text = new_key(random)
    key = parse_key(text)

    assert re.fullmatch(r"gp_[0-9a-f]{16}_[0-9A-Za-z]{49}", text)
    assert key is not None
    assert text.split("_")[1] == key.key_id
    assert is_key_id(key.key_id)
    assert key.digest == sha256(text.encode()).digest()


def test_a_key_and_its_checksum_are_these_for_ever():
    text = new_key(fixed(7))
    assert text == "gp_0707070707070707_1fJjkkpe9PiTw9KSulA8Ghct30vZz4HpdQ5c5b9cPF11cMd6k"
    assert parse_key(text) is not None


def test_keys_are_told_from_each_other():
    assert len({new_key(secrets.token_bytes) for _ in range(100)}) == 100


def test_the_key_is_in_no_representation():
    text = new_key(secrets.token_bytes)
    assert text.split("_")[2] not in repr(parse_key(text))


GOOD = new_key(fixed(9))
WRONG = [
    "",
    "gp_",
    "gp__",
    GOOD[:-1],
    GOOD + "0",
    GOOD[:-1] + ("1" if GOOD[-1] == "0" else "0"),
    GOOD[:25] + ("1" if GOOD[25] == "0" else "0") + GOOD[26:],
    GOOD[:4] + ("1" if GOOD[4] == "0" else "0") + GOOD[5:],
    GOOD.upper(),
    GOOD.lower(),
    GOOD.swapcase(),
    "GP_" + GOOD[3:],
    "Gp_" + GOOD[3:],
    GOOD + "\n",
    GOOD + "\r\n",
    "\n" + GOOD,
    GOOD[:30] + "\n" + GOOD[30:],
    GOOD[:30] + "\n" + GOOD[31:],
    GOOD + " ",
    " " + GOOD,
    GOOD + "\0",
    GOOD.replace("_", "-"),
    GOOD[:20] + "é" + GOOD[21:],
    GOOD[:20] + "\u0661" + GOOD[21:],
    GOOD + "," + GOOD,
    GOOD * 2,
    "gp_" + "0" * 100_000,
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_any_other_spelling_is_no_key(text):
    assert parse_key(GOOD) is not None
    assert parse_key(text) is None


@given(strategies.integers(3, len(GOOD) - 1), strategies.characters(codec="latin-1"))
def test_one_character_that_is_wrong_is_always_noticed(at, character):
    changed = GOOD[:at] + character + GOOD[at + 1 :]
    assert (parse_key(changed) is not None) == (changed == GOOD)


@given(strategies.text())
def test_junk_is_none_and_never_raises(text):
    assert parse_key("gp_" + text) is None
    assert not is_key_id(text + "g")
