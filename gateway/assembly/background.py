"""Background tasks, which end with the gateway."""

import asyncio
from collections.abc import Coroutine
from typing import Any

# At shutdown, wait no longer than this for stores and providers.
CLOSE_S = 5.0


class BackgroundTasks:
    """Runs coroutines that handle their own failures."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the running event loop."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Wait a few seconds for running tasks, then cancel the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
