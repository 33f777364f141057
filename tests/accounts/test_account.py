"""What is remembered of an account, and what is news."""

import json
from dataclasses import replace

import pytest

from gateway.accounts.account import Account, facts_of
from gateway.accounts.written import decode_account, encode_account
from gateway.model import Identity

ALICE = Identity(
    user="alice",
    subject="s1",
    issuer="https://id.example.com",
    credential="session",
    provider="oidc",
    email="alice@example.com",
    name="Alice",
    groups=("staff", "admins"),
    roles=("editor",),
    account_id="a1",
    claims={"team": {"b": 1, "a": [1, 2]}, "huge": 2**70, "odd": "\ud800", "l": [{"x": 1}, {}]},
    unreadable=frozenset({"address"}),
    session_id="s" * 64,
    acr="high",
    amr=("otp",),
    authenticated_at=5,
    expires_at=9,
    access_token="at-secret",
    id_token="it-secret",
)
SEEN = Account().signed_in(ALICE)
OF_ONE_SIGN_IN = {
    "session_id": "t" * 64,
    "acr": "low",
    "amr": ("pwd",),
    "authenticated_at": 6,
    "expires_at": 10,
    "scopes": frozenset({"other"}),
    "access_token": "another",
    "id_token": "another",
    "claims": {**ALICE.claims, "iat": 7, "exp": 8, "nonce": "n", "at_hash": "h", "sid": "s"},
}


def test_what_is_remembered_is_about_the_person_and_no_sign_in():
    facts = facts_of(ALICE)

    assert facts.claims == ALICE.claims
    assert facts == Identity(
        user="alice",
        subject="s1",
        issuer="https://id.example.com",
        credential="session",
        provider="oidc",
        email="alice@example.com",
        name="Alice",
        groups=("staff", "admins"),
        roles=("editor",),
        account_id="a1",
        claims=ALICE.claims,
        unreadable=frozenset({"address"}),
    )
    assert facts_of(replace(ALICE, **OF_ONE_SIGN_IN)) == facts


def test_it_is_written_and_read():
    bare = Identity("bob", "s2", "https://other.example.com", "session")
    for account in (
        Account(),
        SEEN,
        SEEN.signed_in(bare),
        replace(SEEN, is_disabled=True),
    ):
        assert decode_account(encode_account(account)) == account


def written(**changes):
    """An account as it is written, but for `changes`."""
    return json.dumps({**json.loads(encode_account(SEEN)), **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"x", b"[]", b"null", b"{}", b'{"version":2,"disabled":false,"seen":[]}'),
        *(written(version=number) for number in (1, 3, None, "2")),
        *(written(seen=seen) for seen in (1, [1], [{}], [{"is_admin": True}], None)),
        *(written(subjects=subjects) for subjects in (1, [1], [["a"]], None)),
        *(written(invitations=invitations) for invitations in ([{}], [{"mail": "x"}], 1)),
    ],
)
def test_what_is_no_account_is_not_read(data):
    with pytest.raises(ValueError, match=r"account|Expecting|unpack"):
        decode_account(data)


@pytest.mark.parametrize("value", [None, 0, "", "false"])
def test_what_is_neither_true_nor_false_is_disabled_and_no_administrator(value):
    assert decode_account(written(disabled=value)).is_disabled
    assert not decode_account(written(admin=value or 1)).is_admin


@pytest.mark.parametrize(
    "same",
    [
        {},
        OF_ONE_SIGN_IN,
        {"groups": ("admins", "staff")},
        {"claims": {**ALICE.claims, "team": {"a": [2, 1], "b": 1}, "l": [{}, {"x": 1}]}},
        {"groups": (), "email": None, "unreadable": frozenset({"*", "groups", "email"})},
    ],
)
def test_what_says_the_same_is_no_news(same):
    said = replace(ALICE, **same)

    assert SEEN.signed_in(said) is SEEN
    assert SEEN.refreshed(said) is SEEN


@pytest.mark.parametrize(
    "other",
    [
        {"groups": ("staff",)},
        {"groups": ("staff", "admins", "admins2")},
        {"roles": ()},
        {"email": None},
        {"email": "alice@other.example"},
        {"name": "Alicia"},
        {"provider": "renamed"},
        {"unreadable": frozenset()},
        {"unreadable": frozenset({"groups"})},
        {"claims": {**ALICE.claims, "more": 1}},
        {"claims": {**ALICE.claims, "team": {"b": 1, "a": [1, 2, 2]}}},
        {"claims": {}},
    ],
)
def test_what_says_something_else_is(other):
    said = replace(ALICE, **other)

    for account in (SEEN.signed_in(said), SEEN.refreshed(said)):
        assert account.as_seen(ALICE.issuer, "s1") == facts_of(said)


def test_a_new_name_counts_from_the_sign_in_on():
    renamed = replace(ALICE, user="alice2")

    assert SEEN.refreshed(renamed) is SEEN
    after = SEEN.signed_in(renamed)
    assert after.as_seen(ALICE.issuer, "s1").user == "alice2"
    # A session of before is refreshed.
    assert after.refreshed(ALICE) is after
    failed = replace(ALICE, user="alice3", unreadable=frozenset({"*"}))
    assert SEEN.signed_in(failed).as_seen(ALICE.issuer, "s1") == facts_of(
        replace(ALICE, user="alice3")
    )


def test_each_subject_is_told_of_for_itself_and_only_while_it_signs_in_here():
    other = replace(ALICE, issuer="https://other.example.com", groups=())
    both = SEEN.signed_in(other)

    assert both.as_seen(ALICE.issuer, "s1") == facts_of(ALICE)
    assert both.as_seen(other.issuer, "s1") == facts_of(other)
    assert both.as_seen(ALICE.issuer, "s2") is None
    assert SEEN.refreshed(other) is SEEN
