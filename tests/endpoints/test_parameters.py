"""What a stranger writes into a link starts an ordinary sign-in at worst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.endpoints.parameters import SignInRequest, read_sign_in_request
from gateway.message.target import Target
from tests.builders import make_request


def asking(query):
    return make_request(Target(b"/", "/", query, ("/",)))


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", SignInRequest()),
        ("return_to=/a%3Fb%3Dc", SignInRequest("/a?b=c")),
        ("return_to=/a&return_to=/b", SignInRequest()),
        ("max_age=0", SignInRequest(max_age_s=0)),
        ("max_age=300&acr_values=a+b", SignInRequest(max_age_s=300, acr=("a", "b"))),
        ("max_age=-1", SignInRequest()),
        ("max_age=1e3", SignInRequest()),
        ("max_age=%D9%A1", SignInRequest()),
        ("max_age=1&max_age=2", SignInRequest()),
        ("max_age=9999999999", SignInRequest()),
        ("acr_values=", SignInRequest()),
        ("acr_values=a%20%20b", SignInRequest()),
        ("acr_values=a%0Ab", SignInRequest()),
        ("acr_values=" + "+".join("abcdefghijklm"), SignInRequest(acr=tuple("abcdefghij"))),
        ("return_to=%FF", SignInRequest()),
        ("a=1&" * 30 + "return_to=/a", SignInRequest()),
    ],
)
def test_what_is_malformed_or_repeated_counts_as_not_given(query, asked):
    assert read_sign_in_request(asking(query)) == asked


@given(st.text(max_size=80))
def test_no_query_fails(query):
    assert read_sign_in_request(asking(query)).return_to.startswith("/")


@given(
    st.integers(0, 999_999_999) | st.none(),
    st.lists(st.text("abc:/._-", min_size=1, max_size=9), max_size=5),
)
def test_a_wish_is_read_as_it_was_written(max_age_s, acr):
    asked = SignInRequest("/a?b=c&d", max_age_s, tuple(acr))

    assert read_sign_in_request(asking(asked.query())) == asked
