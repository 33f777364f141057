"""What is made of an entry, where no real server can be made to send it."""

import uuid

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.ldap.entry import (
    Entry,
    GroupNames,
    identity_of,
    is_disabled,
    listed_groups,
    subject_in_filter,
    subject_of,
)
from gateway.ldap.plan import plan_of
from gateway.settings.ldap import LdapSettings

ID = "6f1d0a52-6d3c-4ad7-9d53-1f6a0c0a7a11"


def plan(profile="ad", **more):
    given = {"url": "ldaps://dc.example.com", "base": "dc=example,dc=com", "profile": profile}
    return plan_of(LdapSettings.model_validate({**given, **more}))


def entry(**attributes):
    return Entry("cn=ann", {name.lower(): values for name, values in attributes.items()})


def test_a_guid_is_written_as_microsoft_writes_it_and_asked_for_by_its_bytes():
    found = entry(objectGUID=[uuid.UUID(ID).bytes_le])
    assert subject_of(found, plan()) == ID
    asked = subject_in_filter(ID, plan())
    assert bytes.fromhex(asked.replace("\\", "")) == uuid.UUID(ID).bytes_le
    assert asked.startswith("\\52\\0a\\1d\\6f\\3c\\6d")


@pytest.mark.parametrize("subject", ["*", "a)(b"])
def test_a_subject_is_never_part_of_a_filter(subject):
    assert "*" not in subject_in_filter(subject, plan()).replace("\\2a", "")
    assert "(" not in subject_in_filter(subject, plan("openldap"))


@pytest.mark.parametrize(
    "values",
    [[], [b"a", b"b"], [b""], [b"\xff"], [b"x" * 256], ["ü".encode()], [b"a\nb"]],
)
def test_without_one_usable_id_nobody_is_signed_in(values):
    with pytest.raises(ProviderUnavailableError):
        subject_of(entry(entryUUID=values), plan("openldap"))


@pytest.mark.parametrize(
    ("control", "disabled"),
    [
        ([b"512"], False),
        ([b"514"], True),
        ([b"66048"], False),
        ([b"66050"], True),
        ([], True),
        ([b""], True),
        ([b"x"], True),
        ([b"-2147483136"], True),
    ],
)
def test_who_is_disabled_in_active_directory(control, disabled):
    found = entry(userAccountControl=control)
    assert is_disabled(found, plan()) is disabled
    assert not is_disabled(found, plan("openldap"))


def test_a_lock_for_good_of_openldap_disables_and_one_that_passes_does_not():
    assert is_disabled(entry(pwdAccountLockedTime=[b"000001010000Z"]), plan("openldap"))
    assert not is_disabled(entry(pwdAccountLockedTime=[b"20261101120000Z"]), plan("openldap"))


def test_a_list_of_groups_in_parts_is_not_taken_for_all_of_them():
    found = entry(**{"memberOf;range=0-1499": [b"cn=a"], "memberOf": []})
    assert listed_groups(found, plan().groups) == GroupNames((), frozenset({"groups"}))


@pytest.mark.parametrize("odd", [b"no dn", b"cn=\xff", b"cn=#04024869"])
def test_a_group_that_cannot_be_read_meets_every_deny(odd):
    found = listed_groups(entry(memberOf=[b"cn=staff,dc=a", odd]), plan().groups)
    assert found == GroupNames(("staff",), frozenset({"groups[]"}))


def test_an_address_that_is_none_is_not_sent():
    found = entry(entryUUID=[b"1"], uid=[b"ann"], mail=[b"ann at example"])
    identity = identity_of(found, plan("openldap"), GroupNames())
    assert (identity.email, identity.unreadable) == (None, {"email"})


@pytest.mark.parametrize("values", [[], [b""], [b"\xff"]])
def test_without_a_user_name_nobody_is_signed_in(values):
    with pytest.raises(ProviderUnavailableError, match="no readable uid"):
        identity_of(entry(entryUUID=[b"1"], uid=values), plan("openldap"), GroupNames())


def test_nested_groups_are_searched_by_the_rule_of_microsoft():
    groups = plan(groups={"nested": True, "base": "ou=groups,dc=example,dc=com"}).groups
    assert groups.attribute == ""
    assert groups.filter == "(member:1.2.840.113556.1.4.1941:={dn})"


def test_asking_again_keeps_the_filter_for_everybody():
    found = plan("openldap", filter="(&(uid={user}) (memberOf=cn=staff,dc=a))")
    asked = found.filter_by_subject("1")
    assert asked == "(&(entryUUID=1)(&(uid=*)(memberOf=cn=staff,dc=a)))"
