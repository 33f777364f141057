import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.routing.literal import literal_stem
from gateway.routing.route import covers


@pytest.mark.parametrize(
    ("pattern", "stem"),
    [
        (r"/api/v[0-9]+/reports/.*", "/api"),
        (r"/api/.*", "/api"),
        (r"/api.*", ""),
        (r"/api", "/api"),
        (r"/api/", "/api/"),
        (r"/a/b?", "/a"),
        (r"/a/?", ""),
        (r"/a/*b", ""),
        (r"/a/b{2}/c", "/a"),
        (r"/\.well-known/x/.*", "/.well-known/x"),
        (r"/a\.b", "/a.b"),
        (r"/a\d/b", ""),
        (r"/a|/b", ""),
        (r"(/a)/b", ""),
        (r"(?i)/a/b", ""),
        (r".*\.css", ""),
        (r"^/a/b$", ""),
        (r"/a/(b|c)/d", ""),
        ("", ""),
    ],
)
def test_only_plain_whole_segments_count(pattern, stem):
    assert literal_stem(pattern) == stem


PIECES = ["/", "a", "b", "/a/", r"\.", ".", ".*", "+", "?", "[ab]", "(b)", "{2}", r"\d", "|", "x*"]


@given(
    st.lists(st.sampled_from(PIECES), max_size=7).map("".join),
    st.lists(st.sampled_from(["/", "a", "b", ".", "x", "1"]), max_size=7).map("".join),
)
def test_every_path_that_matches_lies_below_the_stem(pattern, rest):
    try:
        regex = re.compile("/" + pattern)
    except re.error:
        assume(False)
        return
    path = "/" + rest
    stem = literal_stem(regex.pattern)

    assert regex.fullmatch(path) is None or path == stem or covers(stem, path)
