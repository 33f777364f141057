"""How long a test waits for what must come: past a stall of the machine, and short of a hang.

Short, too, of the thirty seconds after which a gateway that was told nothing looks for itself: what
is to come by message is not seen to come otherwise.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 20.0
POLL_S = 0.01

_T = TypeVar("_T")


async def soon(awaitable: Awaitable[_T]) -> _T:
    """What `awaitable` gives.

    Raises:
        TimeoutError: It did not come.
    """
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition`, plain or awaitable, holds.

    Raises:
        TimeoutError: It never held.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(POLL_S)
