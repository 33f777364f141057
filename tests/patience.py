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
# What flows on loopback does not pause for so long, even beside other tests.
STILL_S = 0.2

_T = TypeVar("_T")


async def soon(awaitable: Awaitable[_T]) -> _T:
    """What `awaitable` gives.

    Raises:
        TimeoutError: It did not come.
    """
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


async def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait until `condition`, plain or awaitable, holds.

    Raises:
        TimeoutError: It never held.
    """
    async with asyncio.timeout(patience_s):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(POLL_S)


async def until_still(count: Callable[[], float]) -> None:
    """Wait until what `count` gives has grown and stands still: all buffers between are full.

    Raises:
        TimeoutError: It never stood still.
    """
    before = 0.0
    async with asyncio.timeout(PATIENCE_S):
        while not before or before != count():
            before = count()
            await asyncio.sleep(STILL_S)
