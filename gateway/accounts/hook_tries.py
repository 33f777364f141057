"""Trying again what failed and may not fail the next time, until there is no time left."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.errors import HookFailedError

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
# A try without an answer ends after this share of the time, so that another one is left.
_SHARE_OF_A_TRY = 0.5

_random = secrets.SystemRandom()
_Answer = TypeVar("_Answer")


class TryAgainError(Exception):
    """A try failed in a way that may pass; the message is printable and says how."""


async def with_retries(attempt: Callable[[], Awaitable[_Answer]], timeout_s: float) -> _Answer:
    """What `attempt` gives, which is called until it gives something or `timeout_s` is over.

    Pauses double from a tenth of a second to two, each shortened at random, so that gateways that
    failed together do not come again together.

    Raises:
        HookFailedError: No try succeeded in time, or one failed for good.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    pause_s, tries, last = _FIRST_PAUSE_S, 0, ""
    while True:
        tries += 1
        try:
            until = min(deadline, loop.time() + timeout_s * _SHARE_OF_A_TRY)
            async with asyncio.timeout_at(until):
                return await attempt()
        except TimeoutError:
            # A try that the deadline cut short says less than the one before it.
            if not last or loop.time() < deadline:
                last = "no answer in time"
        except TryAgainError as error:
            last = str(error)
        wait_s = _random.uniform(pause_s / 2, pause_s)
        if loop.time() + wait_s >= deadline:
            raise HookFailedError(f"{last}, after {tries} {'try' if tries == 1 else 'tries'}")
        await asyncio.sleep(wait_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
