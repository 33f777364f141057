"""What a refresh token that comes is to its family."""

import json

import pytest

from gateway.credentials.family import (
    GRACE_S,
    MOST,
    Family,
    Presented,
    decode_family,
    encode_family,
    judge,
    rotated,
)

NOW = 1_000_000.0
FIRST = Family(current=(b"1",), access=((b"a", NOW + 900),))


def after(family, presented, number, now=NOW):
    return rotated(family, presented, number, (b"a" + number, now + 900), now)


SECOND = after(FIRST, Presented.NEXT, b"2")


@pytest.mark.parametrize(
    ("family", "digest", "elapsed_s", "expected"),
    [
        (FIRST, b"1", 0, Presented.NEXT),
        (FIRST, b"x", 0, Presented.REUSED),
        (SECOND, b"2", 1e6, Presented.NEXT),
        (SECOND, b"1", 0, Presented.AGAIN),
        (SECOND, b"1", GRACE_S - 0.1, Presented.AGAIN),
        (SECOND, b"1", GRACE_S, Presented.REUSED),
        # The clock was set back.
        (SECOND, b"1", -GRACE_S, Presented.REUSED),
        (after(SECOND, Presented.NEXT, b"3"), b"1", 0, Presented.REUSED),
        (after(SECOND, Presented.NEXT, b"3"), b"2", 0, Presented.AGAIN),
    ],
)
def test_a_token_is_the_next_one_or_repeated_or_stolen(family, digest, elapsed_s, expected):
    assert judge(family, digest, NOW + elapsed_s) is expected


def test_whoever_lost_an_answer_does_not_lengthen_the_while():
    again = after(SECOND, Presented.AGAIN, b"3", NOW + 20)

    assert judge(again, b"1", NOW + 29) is Presented.AGAIN
    assert judge(again, b"1", NOW + 30) is Presented.REUSED


def test_of_several_answers_the_one_that_arrived_goes_on():
    again = after(SECOND, Presented.AGAIN, b"3")

    assert judge(again, b"2", NOW + 100) is Presented.NEXT
    assert judge(again, b"3", NOW + 100) is Presented.NEXT
    onward = after(again, Presented.NEXT, b"4", NOW + 100)
    assert judge(onward, b"2", NOW + 131) is Presented.REUSED


def test_an_access_token_outlives_a_rotation():
    assert SECOND.expiry(b"a") == NOW + 900
    assert SECOND.expiry(b"a2") == NOW + 900
    assert SECOND.expiry(b"x") is None


def test_a_family_never_grows_without_bound():
    family = FIRST
    for number in range(100):
        family = after(family, Presented.NEXT, b"%d" % number)
        family = after(family, Presented.AGAIN, b"%d." % number)
    for number in range(100):
        family = after(family, Presented.AGAIN, b"%d:" % number)

    assert len(family.current) == len(family.access) == MOST
    assert judge(family, b"99:", NOW) is Presented.NEXT


@pytest.mark.parametrize("family", [FIRST, SECOND])
def test_it_is_read_as_it_was_written(family):
    assert decode_family(encode_family(family)) == family


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b'{"version":2}', b'{"version":1,"current":["z"]}', b"\xff"],
)
def test_what_is_none_is_read_as_none(data):
    assert decode_family(data) is None


def test_it_tells_nothing_of_its_digests():
    assert "1" not in repr(FIRST).replace("1000000", "")


def test_a_narrowed_access_token_keeps_its_scopes_as_long_as_it_is_known():
    few = frozenset({"b", "a"})
    family = rotated(SECOND, Presented.NEXT, b"3", (b"n", NOW), NOW, few)

    assert (family.scopes(b"n"), family.scopes(b"a"), family.scopes(b"x")) == (few, None, None)
    assert decode_family(encode_family(family)) == family
    for number in range(MOST):
        assert family.scopes(b"n") == few
        family = after(family, Presented.NEXT, b"%d" % number)
    assert (family.scopes(b"n"), family.narrowed) == (None, ())


def test_a_gateway_that_knows_nothing_of_narrowed_tokens_takes_none_of_them():
    assert json.loads(encode_family(SECOND))["version"] == 1
    narrowed = rotated(SECOND, Presented.NEXT, b"3", (b"n", NOW), NOW, frozenset())

    assert json.loads(encode_family(narrowed))["version"] == 2
