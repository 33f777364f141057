"""Where the app has a path, after every rule was judged on the path as sent."""

import random

import pytest

from gateway.errors import AmbiguousPathError
from gateway.message.target import parse_target
from gateway.mutate.relocation import Relocation

# What servers read apart: each alone is harmless, and several together are what attackers send.
PIECES = [
    b"/", b"//", b"/..", b"/.", b"%2e%2e", b"%2F", b"%5C", b"\\", b";", b";x", b"%3B", b"%00", b"%",
    b"%252e%252e", b"%u002e%u002e", b"%c0%ae", b"base", b"notes", b"admin", b"a", b"%20", b"\xff",
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "moved"),
    [
        (b"/", b"/base/"),
        (b"/?a=/../x", b"/base/?a=/../x"),
        (b"/a/b?c", b"/base/a/b?c"),
        (b"/base", b"/base/base"),
        (b"/caf%C3%A9/%41", b"/base/caf%C3%A9/%41"),
        (b"/@scope%2Fname", b"/base/@scope%2Fname"),
        (b"/a//b", b"/base/a//b"),
        (b"/a/../b", b"/base/a/../b"),
    ],
)
def test_the_upstreams_path_is_put_before_the_one_sent(sent, moved):
    assert Relocation(b"/base").target(parse_target(sent)) == moved


@pytest.mark.parametrize(
    "sent",
    [
        b"/..",
        b"/../admin",
        b"/a/../../admin",
        b"/%2e%2e/admin",
        b"/..%2Fadmin",
        b"/..%5Cadmin",
        b"/%252e%252e/admin",
        b"/%u002e%u002e/admin",
        b"/..;/admin",
        b"/..;x=y/admin",
        b"/\\..\\..\\admin",
        b"/%c0%ae%c0%ae/admin",
    ],
)
def test_no_spelling_climbs_above_the_upstreams_path(sent):
    with pytest.raises(AmbiguousPathError):
        Relocation(b"/base").target(parse_target(sent))


def test_no_server_reads_below_the_upstreams_path_what_was_not_judged():
    chance = random.Random(4)
    moved = 0
    for _ in range(20_000):
        sent = b"/" + b"".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        try:
            target = parse_target(sent)
            there = Relocation(b"/base").target(target)
        except AmbiguousPathError:
            continue
        moved += 1
        for reading in parse_target(there).readings:
            assert reading.removeprefix("/base") in target.readings, (sent, there)
            assert reading.startswith("/base/"), (sent, there)
    assert moved > 5_000


STRIPS = Relocation(strip=b"/notes")


@pytest.mark.parametrize(
    ("sent", "moved"),
    [
        (b"/notes", b"/"),
        (b"/notes/", b"/"),
        (b"/notes?a=/notes//x", b"/?a=/notes//x"),
        (b"/notes/x/y?z", b"/x/y?z"),
        (b"/notes/notes", b"/notes"),
        (b"/notes/caf%C3%A9", b"/caf%C3%A9"),
        (b"/notes/%6Eotes", b"/%6Eotes"),
    ],
)
def test_a_prefix_is_stripped_by_whole_segments(sent, moved):
    assert STRIPS.target(parse_target(sent)) == moved


@pytest.mark.parametrize(
    ("relocation", "moved"),
    [
        (Relocation(add=b"/x"), b"/x/notes/a"),
        (Relocation(strip=b"/notes", add=b"/x"), b"/x/a"),
        (Relocation(b"/base", strip=b"/notes"), b"/base/a"),
        (Relocation(b"/base", strip=b"/notes", add=b"/x/y"), b"/base/x/y/a"),
        (Relocation(strip=b"/notes/a"), b"/"),
    ],
)
def test_what_is_added_comes_before_what_is_left(relocation, moved):
    assert relocation.target(parse_target(b"/notes/a")) == moved


@pytest.mark.parametrize(
    "sent",
    [
        b"/%6Eotes/x",
        b"/notes%2Fx",
        b"/notes;a/x",
        b"/notes;a",
        b"/notes//x",
        b"/notes//evil.example/x",
        b"/notes/../x",
        b"/notes/%2e%2e/x",
        b"/notes/x/..",
        b"/notes/x;y",
        b"/notes/x%2Fy",
        b"/notes/x%5Cy",
        b"/notes\\x",
        b"/notes/%00",
        b"//notes/x",
        b"/./notes/x",
        b"/x/../notes/y",
        # Other paths never come here; and would not be guessed at.
        b"/Notes/x",
        b"/notesx",
        b"/note",
        b"/",
    ],
)
def test_nothing_is_guessed_at_where_a_prefix_is_stripped(sent):
    with pytest.raises(AmbiguousPathError):
        STRIPS.target(parse_target(sent))
    if parse_target(sent).is_ambiguous:
        with pytest.raises(AmbiguousPathError):
            Relocation(b"/base", add=b"/x").target(parse_target(sent))


def test_for_an_app_that_ignores_case_so_does_the_prefix():
    strips = Relocation(strip=b"/notes", ignores_case=True)

    assert strips.target(parse_target(b"/NoTes/X")) == b"/X"
    for sent in (b"/note%C5%BF/x", b"/%4Eotes/x"):
        with pytest.raises(AmbiguousPathError):
            strips.target(parse_target(sent))


def test_what_is_sent_has_one_reading_which_is_the_rest_of_the_one_judged():
    chance = random.Random(5)
    moved = 0
    for _ in range(20_000):
        sent = b"/notes" + b"".join(chance.choices(PIECES, k=chance.randint(0, 5)))
        try:
            target = parse_target(sent)
            there = parse_target(STRIPS.target(target))
        except AmbiguousPathError:
            continue
        moved += 1
        assert not there.is_ambiguous, sent
        assert there.path == (target.path.removeprefix("/notes") or "/"), sent
    assert moved > 300
