"""Codes that people type."""

import pytest

from gateway.authserver.user_code import ALPHABET, new_user_code, read_user_code, shown_user_code


def test_a_code_is_read_as_it_is_shown():
    for _ in range(200):
        code = new_user_code()
        assert (len(code), set(code) <= set(ALPHABET)) == (8, True)
        assert read_user_code(shown_user_code(code)) == code


@pytest.mark.parametrize(
    "typed", ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b-c-d-f-g-h-j-k", "bCdF\tGhJk"]
)
def test_people_type_as_they_like(typed):
    assert read_user_code(typed) == "BCDFGHJK"


@pytest.mark.parametrize(
    "typed", ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ1", "BCDF_GHJK", "-" * 40 + "B"]
)
def test_nothing_else_is_a_code(typed):
    assert read_user_code(typed) is None
