import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authz.claims import Missing, claim_texts, names_of, pointer_tokens

# RFC 6901, section 5, less the empty pointer, which is no claim.
RFC_6901 = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6,
    " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "texts"),
    [
        ("/foo", ["bar", "baz"]), ("/foo/0", ["bar"]), ("/", ["0"]), ("/a~1b", ["1"]),
        ("/c%d", ["2"]), ("/e^f", ["3"]), ("/g|h", ["4"]), ("/i\\j", ["5"]), ('/k"l', ["6"]),
        ("/ ", ["7"]), ("/m~0n", ["8"]),
        ("/foo/-", Missing.UNREADABLE), ("/foo/2", Missing.ABSENT), ("/bar", Missing.ABSENT),
        ("/foo/9999999999", Missing.UNREADABLE),
    ],
)  # fmt: skip
def test_pointers_lead_where_the_standard_says(pointer, texts):
    assert claim_texts(RFC_6901, pointer_tokens(pointer)) == texts


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("sub", ("sub",)),
        ("a/b", ("a/b",)),
        ("https://x.example/roles", ("https://x.example/roles",)),
        ("/a/b", ("a", "b")),
        ("/a~1b/~0~01", ("a/b", "~~1")),
    ],
)
def test_a_name_without_a_leading_slash_is_plain(name, tokens):
    assert pointer_tokens(name) == tokens


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("groups", {"groups", "/groups", "*"}),
        ("/a/b", {"a", "/a", "/a/b", "*"}),
        ("x/y", {"x/y", "/x~1y", "*"}),
        ("/x~1y", {"x/y", "/x~1y", "*"}),
    ],
)
def test_a_claim_is_unreadable_by_any_of_its_names(name, names):
    assert names_of(name) == names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.text("/~01ab", max_size=6))
def test_no_claims_break_the_reading(claims, name):
    found = claim_texts(claims, pointer_tokens(name))

    assert isinstance(found, Missing) or all(isinstance(text, str) for text in found)
