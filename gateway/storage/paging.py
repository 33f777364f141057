"""Reads an index in steps, so that neither its length nor what ended holds anyone up."""

from collections.abc import Awaitable, Callable

# The next `count` keys from `first` on, sorted; without a value where it is past its lifetime.
Step = Callable[[str, int], Awaitable[list[tuple[str, bytes | None]]]]

# Small steps would be many where much has ended and is not swept yet; big ones hold others up.
_MIN_STEP = 100
_MAX_STEP = 500


def next_key(key: str) -> str:
    """The least key that comes after `key`."""
    return key + "\0"


async def read_live(step: Step, first: str, limit: int | None) -> list[tuple[str, bytes]]:
    """The first `limit` (None: all) keys and values from `first` on that are alive."""
    found: list[tuple[str, bytes]] = []
    while limit is None or len(found) < limit:
        wanted = _MAX_STEP if limit is None else limit - len(found)
        count = min(max(wanted, _MIN_STEP), _MAX_STEP)
        listed = await step(first, count)
        found += [(key, value) for key, value in listed if value is not None]
        if len(listed) < count:
            break
        first = next_key(listed[-1][0])
    return found[:limit]
