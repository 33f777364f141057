import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AmbiguousPathError
from gateway.message.readings import MAX_READINGS, MAX_UNCLEAN_BYTES, all_readings

PIECES = ["/", "a", ".", "..", "%2e", "%2f", "%5C", "\\", ";", "%25", "%00", "%20", "%3f", "%ff"]


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        (b"/a", {"/a"}),
        (b"/a//b", {"/a//b", "/a/b"}),
        (b"//a/b", {"//a/b", "/a/b", "/b"}),
        (b"///a/b", {"///a/b", "/a/b", "/b"}),
        (b"/\\a\\b", {"/\\a\\b", "/b", "//a/b", "/a/b"}),
        (b"/a%2fb", {"/a/b", "/a%2fb"}),
        (b"/a%5Cb", {"/a\\b", "/a%5Cb", "/a/b"}),
        (b"/a;x/b", {"/a;x/b", "/a/b", "/a"}),
        (b"/a/../b", {"/a/../b", "/b"}),
        (b"/a/b/..", {"/a/b/..", "/a/"}),
        (b"/a/%2e%2e/../b", {"/a/../../b", "/b", "/a/b"}),  # raw dots first, escaped ones kept
        (b"/a;x/b%3by", {"/a;x/b;y", "/a/b;y", "/a/b", "/a"}),
        (b"/a%00b", {"/a\x00b", "/a", "/ab"}),
        (b"/a%3Fb", {"/a?b", "/a"}),
        (b"/%2561", {"/%61", "/a"}),
        (b"/%ff", {"/\ufffd", "/\u00ff", "/"}),
        (b"/\xc3\xa9%c3%a9", {"/\u00e9\u00e9", "/\u00c3\u00a9\u00e9"}),
        (b"/%00", {"/\x00", "/"}),
        (b"/%u00e9", {"/%u00e9", "/\u00e9"}),
        (b"/%ud800", {"/%ud800", "/?", "/"}),
    ],
)
def test_the_readings_of_a_path_are_these_and_no_others(path, readings):
    assert set(all_readings(path)) == readings


@pytest.mark.parametrize(
    ("size", "read"), [(MAX_UNCLEAN_BYTES, True), (MAX_UNCLEAN_BYTES + 1, False)]
)
def test_the_work_on_one_path_is_bounded(size, read):
    path = b"/;" + b"a" * (size - 2)

    if read:
        assert len(all_readings(path)) == 2
    else:
        with pytest.raises(AmbiguousPathError):
            all_readings(path)


def _merge(path: str) -> str:
    return re.sub("/+", "/", path)


def _parameters(path: str) -> str:
    return re.sub(";[^/]*", "", path)


def _dots(path: str) -> str:
    end = "/" if path.endswith(("/", "/.", "/..")) else ""
    kept = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept).rstrip("/") + (end if kept[:1] not in ([], [""]) else "")


def _backslashes(path: str) -> str:
    return path.replace("\\", "/")


BEFORE = [_merge, _parameters, _backslashes]
AFTER = [*BEFORE, unquote, _dots]


@given(
    st.lists(st.sampled_from(["/a", "/..", "/.", ";x", "%2e", "%2F", "%5C", "%3b", "\\", "b"])),
    st.lists(st.sampled_from(BEFORE), max_size=3),
    st.lists(st.sampled_from(AFTER), max_size=4),
)
def test_whatever_order_a_server_works_in_its_reading_is_listed(pieces, before, after):
    raw = "/" + "".join(pieces)
    try:
        readings = all_readings(raw.encode())
    except AmbiguousPathError:
        return
    read = raw
    for step in (*before, unquote, *after):
        # Merged first, since servers differ in what dots do to empty segments.
        read = step(_merge(read)) if step is _dots else step(read)

    assert read in readings


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_readings_are_paths_without_repetition(rest):
    try:
        readings = all_readings(("/" + rest).encode())
    except AmbiguousPathError:
        return

    assert 1 <= len(readings) <= 2 * MAX_READINGS
    assert len(set(readings)) == len(readings)
    assert all(reading.startswith("/") for reading in readings)
