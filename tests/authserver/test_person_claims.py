"""What a client learns of a person."""

from dataclasses import replace

import pytest

from gateway.authserver.person_claims import person_claims, subject_of
from gateway.model import Identity

ANN = Identity(
    user="ann",
    subject="1",
    issuer="https://id.test",
    credential="token",
    email="ann@a.test",
    name="Ann",
    groups=("staff",),
    roles=("editor",),
)
ALL = ("openid", "profile", "email", "groups", "roles", "offline_access", "reports:read")


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [
        ((), set()),
        (("openid",), set()),
        (("profile",), {"name", "preferred_username"}),
        (("email",), {"email", "email_verified"}),
        (("groups",), {"groups"}),
        (("roles",), {"roles"}),
        (
            ALL,
            {"name", "preferred_username", "email", "email_verified", "groups", "roles"},
        ),
    ],
)
def test_scopes_decide(scopes, claims):
    assert person_claims(ANN, scopes).keys() == claims | {"sub"}


def test_what_is_not_known_is_left_out():
    nobody = replace(ANN, email=None, name=None, groups=(), roles=())
    assert person_claims(nobody, ALL).keys() == {"sub", "preferred_username", "groups", "roles"}


@pytest.mark.parametrize(
    "other",
    [
        replace(ANN, subject="2"),
        replace(ANN, issuer="https://other.test"),
        # The parts are not merely joined.
        replace(ANN, issuer="https://id.test1", subject=""),
        replace(ANN, account_id="a1"),
        replace(ANN, subject="\ud800"),
    ],
)
def test_nobody_has_the_subject_of_another(other):
    assert subject_of(other) != subject_of(ANN)
    assert len(subject_of(other)) <= 255
    assert subject_of(other).isascii()


def test_an_account_has_one_subject_whoever_signs_in_to_it():
    first = replace(ANN, account_id="a1")
    assert subject_of(first) == subject_of(replace(first, issuer="local", subject="x")) == "a1"


def test_other_facts_do_not_change_the_subject():
    assert subject_of(replace(ANN, user="anna", email=None)) == subject_of(ANN)
