"""How long a test waits for what must come: past any stall of the machine, short of a hang."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

PATIENCE_S = 60.0

_T = TypeVar("_T")


async def soon(awaitable: Awaitable[_T]) -> _T:
    """What `awaitable` gives.

    Raises:
        TimeoutError: It did not come.
    """
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable
