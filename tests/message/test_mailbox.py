"""E-mail addresses: what is one, and which are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.message.mailbox import a_labels, read_mailbox

INVISIBLE = [
    *("\u200b", "\u200e", "\u202e", "\u2066", "\u061c", "\ufeff", "\u00ad"),
    *("\ufe0f", "\u034f", "\u3164", "\U000e0101"),
]
BLANK = [" ", "\t", "\r", "\n", "\0", "\x7f", "\x85", "\u00a0", "\u2028", "\u3000"]


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("kim@korp.com", ("kim", "korp.com")),
        ("Kim.Lee@Korp.COM", ("kim.lee", "korp.com")),
        ("a+b@example.com", ("a+b", "example.com")),
        ("!#$%&'*+/=?^_`{|}~-@example.com", ("!#$%&'*+/=?^_`{|}~-", "example.com")),
        ("a@localhost", ("a", "localhost")),
        ("a@1.example", ("a", "1.example")),
        ("a@b\u00fccher.example", ("a", "xn--bcher-kva.example")),
        ("a@XN--bcher-KVA.example", ("a", "xn--bcher-kva.example")),
        ("a@fa\u00df.example", ("a", "xn--fa-hia.example")),
        ("a" * 64 + "@example.com", ("a" * 64, "example.com")),
        ("a@" + "b" * 63 + ".example", ("a", "b" * 63 + ".example")),
    ],
)
def test_what_an_address_names(address, mailbox):
    assert read_mailbox(address) == mailbox


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "a", "a@", "@example.com", "a@.", "a@.example.com", "a@example..com"),
        *("kim@korp.com.", "kim@korp.com..", " kim@korp.com", "kim@korp.com ", "kim @korp.com"),
        *("a@evil@corp.com", "a@b@c.example", '"a@evil.example"@example.com', '"a"@example.com'),
        *(".a@example.com", "a.@example.com", "a..b@example.com", "a(b)@example.com"),
        *("<kim@korp.com>", "Kim <kim@korp.com>", "kim@korp.com,lee@korp.com", "a;b@korp.com"),
        *("mailto:kim@korp.com", "kim%40korp.com", "kim\\@korp.com", "kim\uff20korp.com"),
        *(
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a@exa_mple.com",
            "a@-b.example",
            "a@b-.example",
        ),
        *("a@exa mple.com", "a@example.com:25", "a@example.com/b"),
        *("a@b\u00dcCHER.example", "a@\uff45xample.com", "a@example\u3002com", "a@\u0301b.example"),
        *("a@-\u00fc.example", "a@\u00fc-.example", "\u00e9@example.com", "\u212aim@korp.com"),
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".example",
        "a@" + "\u00fc" * 60 + ".example",
        "a@" + ".".join(["b" * 62] * 5),
        "a" * 64 + "@" + ".".join(["b" * 47] * 4),
    ],
)
def test_what_is_no_address(address):
    assert read_mailbox(address) is None


@pytest.mark.parametrize("character", INVISIBLE + BLANK)
def test_nothing_that_is_not_seen_is_in_an_address(character):
    for position in range(len("kim@korp.com") + 1):
        address = "kim@korp.com"[:position] + character + "kim@korp.com"[position:]
        assert read_mailbox(address) is None, ascii(address)


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_domains_are_equal_only_by_ascii_case_or_punycode(one, other):
    left, right = a_labels(one), a_labels(other)

    if left is not None and left == right and one.isascii() and other.isascii():
        assert one.lower() == other.lower()


@given(st.text(max_size=20))
def test_any_text_is_a_domain_in_ascii_or_none(text):
    found = a_labels(text)

    assert found is None or (found.isascii() and found)


@given(st.text(alphabet="aB.@-_ \u00fc\u00dc\t\"'", max_size=12))
def test_what_is_read_reads_the_same_again(text):
    found = read_mailbox(text)

    assert found is None or read_mailbox("@".join(found)) == found
