"""Expressions that may match anywhere, as expressions for whole paths."""

import re

import pytest

from gateway.importing.patterns import Pattern, translate

PATHS = (
    "/",
    "/foo",
    "/foo/",
    "/foo/bar",
    "/foobar",
    "/FOO",
    "/a/foo",
    "/a/foo/b",
    "/static/x.js",
    "/static/x.jsx",
    "/x.css",
    "/v1/a",
    "/v1/ab",
    "/api/v12/x",
    "/api/v\u0661/x",
    "/foo.bar",
    "/fooxbar",
    "/ping",
    "/pong",
    "/foo\n",
    "/\nfoo",
)
TRANSLATED = (
    "^/foo",
    "^/foo$",
    "/foo",
    "foo$",
    "^/",
    "^/$",
    ".*",
    "^.*$",
    "^/static/",
    "^/foo/.*",
    "^/foo.*$",
    r"\.(js|css)$",
    r"^/(ping|pong)$",
    "^/ping$|^/pong$",
    "(?i)^/foo",
    r"^/api/v\d+",
    "^/foo.bar$",
    r"^/foo\.bar$",
    "^/v1/(a|b)$",
    "^/[(]x|/b[)]",
    r"^/x\(|/y",
    "^/a{0,2}/foo$",
)


def matches(pattern: Pattern, path: str) -> bool:
    """Whether a route with `pattern` would cover `path`."""
    if pattern.kind == "path":
        return path == pattern.text
    if pattern.kind == "prefix":
        stem = pattern.text.rstrip("/")
        return path == stem or path.startswith(stem + "/")
    return re.fullmatch(pattern.text, path) is not None


def searched(regex: str, path: str) -> bool:
    """Whether Go would find `regex` in `path`; its classes are ASCII, its `$` the very end."""
    return re.search(re.sub(r"(?<!\\)\$", r"\\Z", regex), path, re.ASCII) is not None


@pytest.mark.parametrize("regex", TRANSLATED)
def test_what_was_matched_is_matched_and_nothing_more(regex):
    pattern = translate(regex)
    assert isinstance(pattern, Pattern)
    for path in PATHS:
        was = searched(regex, path)
        # A line break may be left out: those paths then need a sign-in.
        assert matches(pattern, path) == was or (was and "\n" in path), (pattern, path)


@pytest.mark.parametrize("regex", TRANSLATED)
def test_an_inverted_one_matches_all_others(regex):
    pattern = translate(regex, inverted=True)
    assert isinstance(pattern, Pattern)
    for path in PATHS:
        was = not searched(regex, path)
        assert matches(pattern, path) == was or (was and "\n" in path), (pattern, path)


@pytest.mark.parametrize(
    "regex",
    [
        "",
        "[",
        "^/a\\",
        "(?P<a",
        "[[:alpha:]]",
        r"^/\pL",
        r"^/\Qa.b\E",
        r"^/\x{41}",
        r"^/a\z",
        r"(a)\1",
        "^/x(?=a)",
        "^/x(?<!a)",
        "(?U)^/a+",
        "^/(a+)+$",
        "^/((a|b)*)*$",
        "^/(a|a)*$",
        "(x+x+)+y",
        "/a/.*/b",
        "a.+b",
        "x" * 1001,
        "(" * 500,
    ],
)
def test_what_python_reads_differently_or_slowly_is_not_translated(regex):
    assert isinstance(translate(regex), str)
    assert isinstance(translate(regex, inverted=True), str)


def test_what_matches_no_path_is_not_translated():
    assert translate("^$") == "matches no path"
    assert matches(translate("^$", inverted=True), "/foo")


@pytest.mark.parametrize(
    ("regex", "kind", "text"),
    [
        ("^/foo$", "path", "/foo"),
        (r"^/foo\.txt$", "path", "/foo.txt"),
        ("^/foo", "regex", "/foo.*"),
        ("^/foo/", "regex", "/foo/.*"),
        ("^/", "prefix", "/"),
        (".*", "prefix", "/"),
        ("foo", "regex", ".*(?:foo).*"),
    ],
)
def test_the_result_is_as_short_as_it_can_be(regex, kind, text):
    pattern = translate(regex)
    assert (pattern.kind, pattern.text) == (kind, text)
    assert pattern.anywhere == (regex == "foo")
