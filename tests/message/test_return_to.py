import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.message.return_to import MAX_RETURN_TO_CHARS, safe_return_to

REDIRECTS = Path(__file__).parents[2].parent / "shared" / "data" / "redirects.json"


@pytest.mark.parametrize(
    "value",
    [
        "/", "/a", "/a/b/", "/a?next=https://evil.example/", "/a?x=//y/../z", "/a#b//c", "/?", "/#",
        "/a%20b", "/a;b", "/@evil.example", "/a:b", "/.well-known", "/...", "/a..b",
        "/" + "a" * (MAX_RETURN_TO_CHARS - 1),
    ],
)  # fmt: skip
def test_a_path_on_the_same_host_is_kept(value):
    assert safe_return_to(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "", "a", "evil.example", "https://evil.example", "//evil.example", "///evil.example",
        "/\\evil.example", "\\/evil.example", "/a\\b", "/\t/evil.example", "/\n/evil.example",
        "/a b", " /a", "/a ", "/a\x00", "/a\x7f", "/a\x85", "/a\u00a0", "/a\r\nX: y",
        "/a//b", "/./a", "/a/./b", "/a/../b", "/..", "/a/.", "/..//evil.example",
        "/%2e%2e//evil.example", "/%2E/a", "/a/.%2e/b", "/%2e%2e", "javascript:alert(1)",
        "/\ud800", "/" + "a" * MAX_RETURN_TO_CHARS, "/" + "\u00e9" * (MAX_RETURN_TO_CHARS // 2),
    ],
)  # fmt: skip
def test_anything_else_becomes_the_root(value):
    assert safe_return_to(value) == "/"


def test_characters_above_ascii_are_escaped_for_the_location_field():
    assert safe_return_to("/caf\u00e9?q=%20&r=\u20ac") == "/caf%C3%A9?q=%20&r=%E2%82%AC"


def _as_a_browser(value: str) -> str:
    """The start of what the WHATWG URL parser makes of `value` before it looks for a host."""
    trimmed = value.strip("".join(map(chr, range(0x21))))
    return trimmed.translate({9: None, 10: None, 13: None}).replace("\\", "/")


TRICKS = st.lists(
    st.sampled_from(
        ["/", "\\", "//", "\t", "\n", "\r", " ", "\x00", ".", "..", "%2e", "%2f", "%5c", "%09", "@",
         ":", "?", "#", "https:", "evil.example", "javascript:", "\u3002", "\uff0f", "\u00a0", "a"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(TRICKS | st.text(max_size=20) | TRICKS.map("/".__add__))
def test_no_value_leads_to_another_host(value):
    safe = safe_return_to(value)
    seen = _as_a_browser(safe)
    path = urlsplit(safe).path

    assert seen == safe
    assert safe.startswith("/")
    assert not safe.startswith("//")
    assert safe.isascii()
    assert "//" not in path


@given(TRICKS.map("/".__add__))
def test_what_is_safe_stays_as_it_is(value):
    safe = safe_return_to(value)

    assert safe_return_to(safe) == safe


@pytest.mark.skipif(not REDIRECTS.exists(), reason="redirects.json is not in this checkout")
def test_no_published_payload_leaves_the_host():
    cases = json.loads(REDIRECTS.read_text())["cases"]
    followed = [
        case["payload"]
        for case in cases
        if case["verdict"] != "onsite" and safe_return_to(case["payload"]) != "/"
    ]

    assert cases
    assert followed == []
