"""Reads the JSON object of a call to ``api/*``."""

from collections.abc import Set
from typing import Any

import orjson

_NOTHING: frozenset[str] = frozenset()


def read_json(
    body: bytes, needed: Set[str], optional: Set[str] = _NOTHING
) -> dict[str, Any] | None:
    """The object in `body`; None unless it has all members in `needed`, and no unknown ones."""
    try:
        given = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(given, dict) or not needed <= given.keys() <= needed | optional:
        return None
    return given
