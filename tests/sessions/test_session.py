import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Identity
from gateway.sessions.session import (
    VERSION,
    Limits,
    ProviderTokens,
    Session,
    decode_session,
    encode_session,
    with_tokens,
)
from tests.sessions.conftest import make_identity

LIMITS = Limits(idle_s=100, absolute_s=1000)


def make_session(identity=None, **parts):
    bare = Session(
        session_id="5e55",
        identity=identity or make_identity(),
        provider="zitadel",
        created_at=5000.0,
        last_seen_at=5000.0,
        device="Firefox on Linux",
        ip="192.0.2.1",
        provider_sid="sid-1",
    )
    return replace(with_tokens(bare, bare.identity, ProviderTokens("a", "r", "i", 5300.0)), **parts)


@pytest.mark.parametrize(
    ("created", "seen", "live"),
    [
        (0, 0, True),
        (-99.9, -99.9, True),
        (-100, -100, False),
        (-100.1, -100.1, False),
        (-999.9, 0, True),
        (-1000, 0, False),
        (-1000.1, 0, False),
        # The clock was set back meanwhile: nobody is signed out,
        (50, 60, True),
        (99.9, 99.9, True),
        # but what lies far ahead is not believed: it would never end.
        (0, 100, False),
        (100, 0, False),
        (1e9, 1e9, False),
    ],
)
def test_a_session_lives_within_both_limits(created, seen, live):
    assert LIMITS.allow(5000.0 + created, 5000.0 + seen, 5000.0) is live


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_time_is_not_live(number):
    assert not LIMITS.allow(5000.0, number, 5000.0)
    assert not LIMITS.allow(number, 5000.0, 5000.0)


def test_the_identity_is_bound_to_its_session():
    identity = make_session(replace(make_identity(), credential="bearer")).identity

    assert identity.credential == "session"
    assert identity.session_id == "5e55"
    assert (identity.access_token, identity.id_token) == ("a", "i")


CLAIM = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    claims=st.dictionaries(st.text(st.characters()), CLAIM, max_size=4),
    names=st.lists(st.text(), max_size=3),
)
def test_every_fact_comes_back(claims, names):
    identity = make_identity(
        name="Alice \udcff",
        groups=tuple(names),
        roles=tuple(names),
        amr=("pwd",),
        scopes=frozenset(names),
        unreadable=frozenset(names),
        account_id="a1",
        external_id="7",
        acr="2",
        authenticated_at=4999,
        claims=claims,
    )
    session = make_session(identity)

    assert decode_session(encode_session(session)) == session


def test_every_field_of_an_identity_is_written_or_derived():
    filled = {f.name: "x" for f in fields(Identity)}
    written = json.loads(encode_session(make_session()))

    assert filled.keys() - written["identity"].keys() == {
        # Derived from the session.
        "credential", "session_id", "client", "resources", "expires_at",
        "access_token", "id_token",
        # Read from the account.
        "secrets",
        # Not known of this identity.
        "name", "account_id", "external_id", "acr", "authenticated_at", "key_id", "routes",
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version": "1"}',
        b'{"version": null}',
        b'{"version": 1}',
        b'{"version": 0}',
        b'{"version": 1, "identity": 1, "session": 2, "tokens": 3}',
        b'{"version": 1, "identity": {}, "session": {}, "tokens": {}}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_no_session(data):
    assert decode_session(data) is None


def changed(change):
    record = json.loads(encode_session(make_session()))
    change(record)
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(version=VERSION + 1),
        lambda r: r["identity"].update(surprise=1),
        lambda r: r["session"].update(surprise=1),
        lambda r: r["session"].update(created_at="soon"),
        lambda r: r["session"].pop("created_at"),
        lambda r: r["identity"].update(groups=1),
        lambda r: r["tokens"].update(surprise=1),
    ],
)
def test_a_record_of_another_version_is_no_session(change):
    assert decode_session(changed(change)) is None


def test_an_older_record_is_brought_up_to_date():
    written = changed(lambda r: r["session"].update(address=r["session"].pop("ip")))

    def rename(record):
        session = dict(record["session"])
        session["ip"] = session.pop("address")
        return record | {"version": 2, "session": session}

    newer = changed(lambda r: r.update(version=2))

    assert decode_session(written, {1: rename}, 2) == make_session()
    assert decode_session(newer, {1: rename}, 2) == make_session()
    assert decode_session(written, {}, 2) is None


def test_no_token_is_printed():
    assert "'r'" not in repr(make_session())
    assert "'a'" not in repr(make_session())


def test_a_record_written_before_the_time_of_issue_was_noted_is_read():
    session = make_session()
    record = json.loads(encode_session(session))
    del record["tokens"]["access_issued_at"]

    found = decode_session(json.dumps(record).encode())

    assert found.tokens == replace(session.tokens, access_issued_at=None)
