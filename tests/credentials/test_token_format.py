"""The form of the gateway's own tokens."""

import secrets
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.key_format import new_key, parse_key
from gateway.credentials.token_format import new_token, parse_token

TICKET = "T" * 64
ACCESS = new_token("access", TICKET, lambda count: b"a" * count)
REFRESH = new_token("refresh", TICKET, lambda count: b"r" * count)


@pytest.mark.parametrize(("text", "use"), [(ACCESS, "access"), (REFRESH, "refresh")])
def test_a_token_is_read_as_it_was_written(text, use):
    token = parse_token(text)

    assert (token.use, token.ticket) == (use, TICKET)
    assert token.digest == sha256(text.encode()).digest()
    assert TICKET not in repr(token)


def test_no_two_tokens_of_a_session_are_alike():
    assert len({new_token("access", TICKET, secrets.token_bytes) for _ in range(1000)}) == 1000


def test_what_one_use_was_given_is_of_no_other():
    assert parse_token(ACCESS.replace("gp_at_", "gp_rt_")) is None


@pytest.mark.parametrize("position", range(len(ACCESS)))
def test_one_other_character_is_no_token(position):
    other = "B" if ACCESS[position] != "B" else "C"

    assert parse_token(ACCESS[:position] + other + ACCESS[position + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gp_at_",
        ACCESS[:-1],
        ACCESS + "A",
        ACCESS + "\n",
        " " + ACCESS,
        ACCESS.upper(),
        ACCESS.replace("_", "-", 1),
        ACCESS[:40] + "\n" + ACCESS[41:],
        ACCESS[:40] + "é" + ACCESS[41:],
        "gp_xt_" + ACCESS[6:],
    ],
)
def test_what_only_looks_like_one_is_none(text):
    assert parse_token(text) is None


@given(st.text(max_size=200))
def test_it_never_raises(text):
    assert parse_token(text) is None
    assert parse_token(f"gp_at_{text}") is None


def test_a_key_is_no_token_and_a_token_no_key():
    key = new_key(secrets.token_bytes)

    assert parse_token(key) is None
    assert parse_key(ACCESS) is None
