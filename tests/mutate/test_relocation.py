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
