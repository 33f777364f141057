"""Finds regular expressions that a client can make take for ever."""

import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator
from typing import Any

# Python backtracks: only these do not try what they matched in shorter pieces.
_REPEATS = (parser.MAX_REPEAT, parser.MIN_REPEAT)


def repeats_repeats(regex: str) -> bool:
    """Whether a part that may repeat without end is nothing but such a part itself: ``(a+)+``.

    Then there are exponentially many ways to match a text, and one that does not match has all of
    them tried.  Sound, not complete: other expressions may be slow too.
    """
    repeats = _repeats(parser.parse(regex))
    return any(_is_endless(repeat) and _is_repeat(repeat[2]) for repeat in repeats)


def _repeats(pattern: Any) -> Iterator[Any]:
    for kind, value in pattern:
        if kind in _REPEATS:
            yield value
        for inner in _inside(value):
            yield from _repeats(inner)


def _inside(value: object) -> Iterator[Any]:
    """The patterns in the argument of one operation."""
    if isinstance(value, parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for it in value:
            yield from _inside(it)


def _is_endless(repeat: Any) -> bool:
    return bool(repeat[1] == parser.MAXREPEAT)


def _is_repeat(pattern: Any) -> bool:
    """Whether all of `pattern`, or one of its alternatives, is an endless repeat."""
    if len(pattern) != 1:
        return False
    [(kind, value)] = pattern
    if kind in _REPEATS:
        return _is_endless(value)
    return kind in (parser.SUBPATTERN, parser.BRANCH) and any(map(_is_repeat, _inside(value)))
