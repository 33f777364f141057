"""Deletes expired values regularly; they are never returned by reads anyway."""

import asyncio
import logging

from gateway.errors import StoreUnavailableError
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

SWEEP_EVERY_S = 60.0


async def sweep_forever(store: Store, clock: Clock, every_s: float = SWEEP_EVERY_S) -> None:
    """Sweep `store` until cancelled; one worker of a gateway is enough."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await store.sweep(clock())
        except StoreUnavailableError as error:
            _log.warning("will delete expired values later: %s", error)
