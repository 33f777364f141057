import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authz.domains import a_labels, domain_of, fold_ascii


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Alice", "alice"), ("\u212aate", "\u212aate"), ("\u00c9ve", "\u00c9ve"), ("", "")],
)
def test_only_ascii_is_folded(text, folded):
    assert fold_ascii(text) == folded


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("a@example.com", "example.com"),
        ("a+b@Example.COM.", "example.com"),
        ("a@b\u00fccher.example", "xn--bcher-kva.example"),
        ("\u00e9@example.com", "example.com"),
        ("a@fa\u00df.example", "xn--fa-hia.example"),
        ("a@localhost", "localhost"),
        ("a", None),
        ("@example.com", None),
        ("a@", None),
        ("a@.", None),
        ("a@b@c.example", None),
        ("a@.example.com", None),
        ("a@exa_mple.com", "exa_mple.com"),
        ("a@[192.0.2.1]", None),
        ("a@b\u00dcCHER.example", None),
        ("a@\uff45xample.com", None),
    ],
)
def test_the_domain_of_an_address(address, domain):
    assert domain_of(address) == domain


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_domains_are_equal_only_by_ascii_case_or_punycode(one, other):
    left, right = a_labels(one), a_labels(other)

    if left is not None and left == right and one.isascii() and other.isascii():
        assert one.lower().removesuffix(".") == other.lower().removesuffix(".")


@given(st.text(max_size=20))
def test_any_text_is_a_domain_in_ascii_or_none(text):
    found = a_labels(text)

    assert found is None or (found.isascii() and found)
