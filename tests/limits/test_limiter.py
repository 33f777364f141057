"""Whose requests are counted together."""

from dataclasses import replace

import pytest

from gateway.limits.limiter import whose_request
from gateway.model import ANONYMOUS, Identity

ALICE = Identity(user="alice", subject="a", issuer="https://id.test", credential="session")
BOB = replace(ALICE, user="bob", subject="b")


@pytest.mark.parametrize(
    ("by", "one", "other", "together"),
    [
        ("user", ("192.0.2.1", ALICE), ("192.0.2.2", ALICE), True),
        ("user", ("192.0.2.1", ALICE), ("192.0.2.1", BOB), False),
        ("user", ("192.0.2.1", ALICE), ("192.0.2.1", replace(ALICE, credential="bearer")), True),
        ("user", ("192.0.2.1", ALICE), ("192.0.2.1", replace(ALICE, session_id="2")), True),
        ("user", ("192.0.2.1", ANONYMOUS), ("192.0.2.1", ANONYMOUS), True),
        ("user", ("192.0.2.1", ANONYMOUS), ("192.0.2.2", ANONYMOUS), False),
        ("key", ("192.0.2.1", ALICE), ("192.0.2.1", replace(ALICE, session_id="2")), False),
        ("key", ("192.0.2.1", ALICE), ("192.0.2.2", ALICE), True),
        ("ip", ("192.0.2.1", ALICE), ("192.0.2.1", BOB), True),
        ("ip", ("192.0.2.1", ALICE), ("192.0.2.2", ALICE), False),
        ("ip", ("2001:db8::1", ALICE), ("2001:db8::ffff:1", ALICE), True),
        ("ip", ("2001:db8::1", ALICE), ("2001:db8:0:1::1", ALICE), False),
        ("ip", ("::ffff:192.0.2.1", ALICE), ("192.0.2.1", ALICE), True),
    ],
)
def test_requests_count_together(by, one, other, together):
    assert (whose_request(by, *one) == whose_request(by, *other)) is together


def test_an_address_never_counts_as_a_user():
    named = replace(ALICE, account_id="192.0.2.1")

    assert whose_request("user", "192.0.2.9", named) != whose_request("ip", "192.0.2.1", named)
