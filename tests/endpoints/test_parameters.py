"""What a stranger writes into a link starts an ordinary sign-in at worst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.endpoints.parameters import Wish, read_wish


@pytest.mark.parametrize(
    ("query", "wish"),
    [
        ("", Wish()),
        ("return_to=/a%3Fb%3Dc", Wish("/a?b=c")),
        ("return_to=/a&return_to=/b", Wish()),
        ("max_age=0", Wish(max_age_s=0)),
        ("max_age=300&acr_values=a+b", Wish(max_age_s=300, acr=("a", "b"))),
        ("max_age=-1", Wish()),
        ("max_age=1e3", Wish()),
        ("max_age=%D9%A1", Wish()),
        ("max_age=1&max_age=2", Wish()),
        ("max_age=9999999999", Wish()),
        ("acr_values=", Wish()),
        ("acr_values=a%20%20b", Wish()),
        ("acr_values=a%0Ab", Wish()),
        ("acr_values=" + "+".join("abcdefghijklm"), Wish(acr=tuple("abcdefghij"))),
        ("return_to=%FF", Wish()),
        ("a=1&" * 30 + "return_to=/a", Wish()),
    ],
)
def test_what_is_malformed_or_repeated_counts_as_not_given(query, wish):
    assert read_wish(query) == wish


@given(st.text(max_size=80))
def test_no_query_fails(query):
    assert read_wish(query).return_to.startswith("/")


@given(
    st.integers(0, 999_999_999) | st.none(),
    st.lists(st.text("abc:/._-", min_size=1, max_size=9), max_size=5),
)
def test_a_wish_is_read_as_it_was_written(max_age_s, acr):
    wish = Wish("/a?b=c&d", max_age_s, tuple(acr))

    assert read_wish(wish.query()) == wish
