"""Keeps why requests were refused in the store, for an hour, on all machines."""

import logging
from collections.abc import Callable, Mapping

import orjson

from gateway.assembly.background import BackgroundTasks
from gateway.errors import StoreUnavailableError
from gateway.limits.rate import Rate, Taken, take
from gateway.sealing.sealer import Sealer
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

_KEPT_S = 3600.0
_PURPOSE = "refusal"
# Whoever sends thousands of requests that are refused must not fill the store with them.
_RATE = Rate(requests=600, per_s=60.0)

Document = Mapping[str, object]


class Refusals:
    """What is kept is sealed: it tells who asked for what."""

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        """Seal with what `sealer` returns, which a reload may change."""
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._full_at = 0.0
        self._tasks = BackgroundTasks()

    def note(self, request_id: str, explain: Callable[[], Document]) -> None:
        """Keep what `explain` returns, in the background; over the rate, nothing is kept."""
        taken = take(_RATE, self._full_at, self._clock())
        if not isinstance(taken, Taken):
            return
        self._full_at = taken.full_at
        found = orjson.dumps(explain())
        sealed = self._sealer().seal(_PURPOSE, found, context=request_id.encode())
        self._tasks.start(self._keep(self._key(request_id), sealed))

    async def find(self, request_id: str) -> Document | None:
        """Why the request was refused; None if that is not kept, or no longer.

        Raises:
            StoreUnavailableError: The store cannot answer.
        """
        sealed = await self._store.get(self._key(request_id))
        if sealed is None:
            return None
        opened = self._sealer().open_sealed(_PURPOSE, sealed, context=request_id.encode())
        if opened is None:
            return None
        document: Document = orjson.loads(opened)
        return document

    async def aclose(self) -> None:
        """Wait a few seconds for what is being kept."""
        await self._tasks.aclose()

    def _key(self, request_id: str) -> str:
        # A client behind a trusted proxy may choose the id, so it is no key by itself.
        return f"refusal:{self._sealer().digests(_PURPOSE, request_id)[0]}"

    async def _keep(self, key: str, sealed: bytes) -> None:
        try:
            await self._store.put(key, sealed, ttl_s=_KEPT_S)
        except StoreUnavailableError as error:
            _log.info("why a request was refused is not kept: %s", error)
