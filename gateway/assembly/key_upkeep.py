"""Reads the keys that sign assertions again and again, because a command may have rotated them."""

import asyncio
import logging

from gateway.assembly.lasting import Lasting
from gateway.errors import GatewayError
from gateway.mutate.signer import read_keys

_log = logging.getLogger(__name__)

# A new key signs ten minutes after it was made, so no worker misses that.
_READ_AGAIN_S = 60.0


class KeyUpkeep:
    """See the module."""

    def __init__(self, lasting: Lasting) -> None:
        self._lasting = lasting
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._forever())

    def stop(self) -> None:
        """End; safe to call twice."""
        if self._task is not None:
            self._task.cancel()

    async def run_once(self) -> None:
        """Read the keys once, now.

        Raises:
            StoreUnavailableError: The keys cannot be read.
        """
        lasting = self._lasting
        keys = await read_keys(lasting.store, lasting.sessions.sealer)
        lasting.signer.follow(keys, lasting.clock())

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(_READ_AGAIN_S)
            try:
                await self.run_once()
            except GatewayError as error:
                _log.warning("the assertion key stays as it is: %s", error)
            except Exception:  # noqa: BLE001 - logged; the next round may succeed
                _log.exception("the assertion key stays as it is")
