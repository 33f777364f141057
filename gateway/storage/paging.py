"""Reads an index in steps, so that neither its length nor expired values block others."""

from collections.abc import Awaitable, Callable

# The next `count` keys from `first` on, sorted; the value is None if it has expired.
Step = Callable[[str, int], Awaitable[list[tuple[str, bytes | None]]]]

# Small steps would be many if much has expired and is not swept yet; big steps block others.
_MIN_STEP = 100
_MAX_STEP = 500


def next_key(key: str) -> str:
    """The smallest key after `key`."""
    return key + "\0"


async def read_live(step: Step, first: str, limit: int | None) -> list[tuple[str, bytes]]:
    """The first `limit` (None: all) keys and values from `first` on that have not expired."""
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
