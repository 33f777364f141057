"""Messages between workers about values in the store."""

import json
import logging
from collections.abc import Callable, Mapping

from gateway.errors import StoreUnavailableError
from gateway.storage.contact import Contact
from gateway.storage.store import Store, Unsubscribe

_log = logging.getLogger(__name__)


class News:
    """Publishes to one channel and listens to it, whenever the store can be reached."""

    def __init__(
        self,
        store: Store,
        channel: str,
        contact: Contact,
        receive: Callable[[Mapping[str, object]], None],
    ) -> None:
        """Call `receive` with each message in `channel`, including this worker's own."""
        self._store = store
        self._channel = channel
        self._contact = contact
        self._receive = receive
        self._unsent: list[bytes] = []
        self._unsubscribe: Unsubscribe | None = None

    async def tell(self, message: Mapping[str, object]) -> None:
        """Tell the other workers; if that fails, `upkeep` sends the message later.

        A worker that gets no message asks the store within a minute anyway.
        """
        self._unsent.append(json.dumps(message).encode())
        try:
            await self._send()
        except StoreUnavailableError as error:
            _log.warning("%s: will tell other workers later: %s", self._channel, error)

    async def upkeep(self) -> None:
        """Start listening to the other workers, if that failed before, and send what is pending.

        Raises:
            StoreUnavailableError: The store cannot be reached, or not everything was sent.
        """
        if self._unsubscribe is None:
            self._unsubscribe = await self._contact.listen(self._store, self._channel, self._heard)
        await self._send()

    def close(self) -> None:
        """Stop listening."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    async def _send(self) -> None:
        while self._unsent:
            message = self._unsent[0]
            await self._store.publish(self._channel, message)
            if message in self._unsent:
                self._unsent.remove(message)

    def _heard(self, message: bytes) -> None:
        self._receive(json.loads(message))
