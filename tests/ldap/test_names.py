"""Texts of others in filters and DNs; a real server reads them in test_directory.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ldap.names import BadDnError, bytes_in_filter, in_dn, in_filter, is_below, parse_dn


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("ann", "ann"),
        # RFC 4515, section 4.
        ("Parens (all)", "Parens \\28all\\29"),
        ("*", "\\2a"),
        ("C:\\MyFile", "C:\\5cMyFile"),
        ("\0\0\0\4", "\\00\\00\\00\4"),
        ("Lučić", "Lučić"),
    ],
)
def test_a_value_in_a_filter_stands_for_itself(value, escaped):
    assert in_filter(value) == escaped


def test_bytes_in_a_filter_are_all_escaped():
    assert bytes_in_filter(b"a\x00\xff*") == "\\61\\00\\ff\\2a"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("ann", "ann"),
        ('James "Jim" Smith, III', "James \\22Jim\\22 Smith\\2c III"),
        ("#x", "\\23x"),
        (" a b ", "\\20a b\\20"),
        ("  ", "\\20\\20"),
        ("a,ou=admins", "a\\2cou\\3dadmins"),
        ("\\", "\\5c"),
    ],
)
def test_a_value_in_a_dn_stands_for_itself(value, escaped):
    assert in_dn(value) == escaped


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_was_escaped_is_read_as_it_was(value):
    assert parse_dn(f"uid={in_dn(value)},ou=people,dc=a") == (
        ("uid", value),
        ("ou", "people"),
        ("dc", "a"),
    )


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        # RFC 4514, section 4.
        ("UID=jsmith,DC=example,DC=net", (("UID", "jsmith"), ("DC", "example"), ("DC", "net"))),
        ("OU=Sales+CN=J.  Smith,DC=net", (("OU", "Sales"), ("DC", "net"))),
        (
            'CN=James \\"Jim\\" Smith\\, III,DC=net',
            (("CN", 'James "Jim" Smith, III'), ("DC", "net")),
        ),
        ("CN=Before\\0dAfter,DC=net", (("CN", "Before\rAfter"), ("DC", "net"))),
        ("CN=Lu\\C4\\8Di\\C4\\87", (("CN", "Lučić"),)),
        ("cn = a , dc = b ", (("cn", "a"), ("dc", "b"))),
        ("cn=a;dc=b", (("cn", "a"), ("dc", "b"))),
        ("cn=a=b", (("cn", "a=b"),)),
        ("cn=", (("cn", ""),)),
    ],
)
def test_a_dn_is_read(text, parsed):
    assert parse_dn(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "ann", ",", "cn=a,", "=a", "cn=#04024869", 'cn="a,b"', "cn=a\\", "cn=\\ff,dc=a"]
)
def test_what_is_no_dn_is_refused(text):
    with pytest.raises(BadDnError):
        parse_dn(text)


@pytest.mark.parametrize(
    ("dn", "base", "is_so"),
    [
        ("cn=a,ou=groups,dc=x", "ou=groups,dc=x", True),
        ("CN=A,OU=Groups,DC=X", "ou=groups, dc=x", True),
        ("ou=groups,dc=x", "ou=groups,dc=x", True),
        ("cn=a,ou=others,dc=x", "ou=groups,dc=x", False),
        ("cn=a,ou=xgroups,dc=x", "ou=groups,dc=x", False),
        ("cn=a\\,ou=groups,dc=x", "ou=groups,dc=x", False),
        ("dc=x", "ou=groups,dc=x", False),
    ],
)
def test_below_is_by_whole_parts(dn, base, is_so):
    assert is_below(parse_dn(dn), parse_dn(base)) is is_so


def test_everything_is_below_no_base():
    assert is_below(parse_dn("cn=a"), ())
