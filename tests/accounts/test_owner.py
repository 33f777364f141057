"""User names as the laxest app compares them, and records that are read back."""

import pytest

from gateway.accounts.owner import decode_record, encode_record, fold_user


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "Alice"),
        ("STRASSE", "straße"),
        ("\u00c5ngstr\u00f6m", "a\u030angstro\u0308m"),
        ("ali\ufb01", "alifi"),
        ("\uff21lice", "alice"),
        ("\u212aate", "kate"),
    ],
)
def test_names_that_an_app_could_take_for_one_are_one(one, other):
    assert fold_user(one) == fold_user(other)
    assert fold_user(fold_user(one)) == fold_user(one)


@pytest.mark.parametrize(
    ("one", "other"), [("alice", "alice2"), ("a b", "ab"), ("ali.ce", "alice")]
)
def test_other_names_differ(one, other):
    assert fold_user(one) != fold_user(other)


def test_a_record_is_read_back():
    assert decode_record(encode_record("a1")) == "a1"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"version": 2, "account_id": "a"}'])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of them
        decode_record(data)
