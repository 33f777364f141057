"""Has machines that share a store count rate limits together.

A request is decided by what its own machine knows, so it never waits for the store.  A few times a
second each worker tells the others what its clients took.  Until they hear of it, a client that
asks several machines at once can get as much from each.
"""

import asyncio
import logging
import math
from itertools import islice
from struct import Struct, error

from gateway.errors import StoreUnavailableError
from gateway.limits import Rate, RateTable
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

_CHANNEL = "rates"
_PERIOD_S = 0.25
_ITEM = Struct("<QQdI")
# PostgreSQL carries less than 8,000 bytes in one message.
_MOST_ITEMS = 150


class SharedRates:
    """Tells and hears what clients took."""

    def __init__(self, table: RateTable, store: Store, clock: Clock) -> None:
        """Share the counts of `table`, whose key must be the same on all machines."""
        self._table = table
        self._store = store
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tell and to hear.

        Raises:
            StoreUnavailableError: The store cannot be reached.
        """
        self._table.note_takes()
        await self._store.subscribe(_CHANNEL, self.hear)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Stop; what was not told yet is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_PERIOD_S)
            try:
                await self._tell()
            except StoreUnavailableError as failure:
                _log.info("other machines do not hear of rate limits: %s", failure)

    async def _tell(self) -> None:
        taken = iter(self._table.noted_takes().items())
        while items := list(islice(taken, _MOST_ITEMS)):
            packed = (_ITEM.pack(tag, it.requests, it.per_s, n) for (tag, it), n in items)
            await self._store.publish(_CHANNEL, self._table.machine + b"".join(packed))

    def hear(self, message: bytes) -> None:
        """Count what another machine tells; its own workers share the table already."""
        size = len(self._table.machine)
        if message[:size] == self._table.machine or not self._table.is_first():
            return
        if len(message) > size + _MOST_ITEMS * _ITEM.size:
            return
        try:
            items = list(_ITEM.iter_unpack(message[size:]))
        except error:
            return  # Of another version.
        for tag, requests, per_s, count in items:
            if requests and 0 < per_s < math.inf:
                self._table.add(tag, Rate(requests, per_s), count, self._clock())
