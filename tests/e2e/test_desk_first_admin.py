"""Whom the first-run page or a command made an administrator has the desk, if `admins` is unset."""

import pytest

from tests.e2e.at_desk import Person, add_people, settings
from tests.fixtures.gateway import gateways

ROLE = "gatepost-admin"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway where ann was made an administrator, and bob was given the role of one."""
    with gateways(tmp_path_factory.mktemp("first")) as start:
        started = start(settings(admins=None))
        add_people(started, "ann", is_admin=True)
        add_people(started, "bob", roles=(ROLE, "editor"))
        yield started


def test_who_was_made_an_administrator_has_the_desk(gateway):
    ann = Person(gateway, "ann")

    assert ann.page("/_gatepost/admin/accounts").status_code == 200
    assert ann.call("GET", "accounts").status_code == 200
    assert ROLE in ann.get(f"{ann.url}/_gatepost/whoami").json()["roles"]


def test_a_role_of_that_name_makes_nobody_an_administrator(gateway):
    bob = Person(gateway, "bob")

    assert bob.desk("/accounts").status_code == 403
    assert bob.get(f"{bob.url}/_gatepost/whoami").json()["roles"] == ["editor"]


def test_an_administrator_changes_their_own_account_and_stays_one(gateway):
    ann = Person(gateway, "ann")

    changed = ann.call("PATCH", "accounts/ann", {"roles": ["editor"]})
    refused = ann.call("PATCH", "accounts/ann", {"disabled": True})

    assert changed.status_code == 200
    assert (refused.status_code, refused.json()["reason"]) == (409, "own-access")
    assert Person(gateway, "ann").call("GET", "accounts").status_code == 200


def test_what_the_file_says_of_administrators_is_all_that_counts(gateway_process):
    started = gateway_process(settings(admins=[{"user": "zoe"}]))
    add_people(started, "ann", is_admin=True)
    ann = Person(started, "ann")

    assert ann.desk("/accounts").status_code == 403
