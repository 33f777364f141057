"""Receives what other processes publish, over a connection that is reopened when it is lost."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.errors import StoreUnavailableError
from gateway.storage.store import Handler, OnGap, OnLoss, Unsubscribe
from gateway.storage.subscribers import Subscribers

_log = logging.getLogger(__name__)

# How long `subscribe` waits for a connection.
_PATIENCE_S = 2.0
_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 1.0


class Subscription(Protocol):
    """A connection on which messages arrive from the moment it is open."""

    async def next_message(self) -> bytes:
        """The next message, as packed by `pack_message`.

        Raises:
            StoreUnavailableError: The connection was lost.
        """

    async def aclose(self) -> None:
        """Close the connection; never raises."""


def pack_message(channel: str, message: bytes) -> bytes:
    """Pack both into one string: a server's channel carries all channels of the store."""
    name = channel.encode()
    return struct.pack(">H", len(name)) + name + message


def unpack_message(packed: bytes) -> tuple[str, bytes]:
    """The inverse of `pack_message`.

    Raises:
        ValueError: `packed` was not made by `pack_message`.
    """
    end = 2 + int.from_bytes(packed[:2], "big")
    if len(packed) < end or len(packed) < 2:  # noqa: PLR2004 - the length itself
        raise ValueError("too short")
    return packed[2:end].decode(), packed[end:]


class Listener:
    """Delivers messages of a subscription to subscribers; opens a new one when it is lost.

    Messages published in between are not received.  Subscribers are told of the loss, and of the
    gap once a new subscription is open.
    """

    def __init__(self, open_subscription: Callable[[], Awaitable[Subscription]]) -> None:
        self._open_subscription = open_subscription
        self._subscribers = Subscribers()
        self._is_hearing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble = "no answer"

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """Add a subscriber once messages arrive.

        Raises:
            StoreUnavailableError: There was no connection within two seconds.
        """
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._is_hearing.wait()
        except TimeoutError:
            raise StoreUnavailableError(f"subscribe: {self._trouble}") from None
        return self._subscribers.add(channel, handler, on_gap, on_loss)

    async def aclose(self) -> None:
        """Stop listening; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                subscription = await self._open_subscription()
                try:
                    self._is_hearing.set()
                    delay_s = _FIRST_DELAY_S
                    # On the first connection, callers still wait above and have not subscribed yet.
                    self._subscribers.missed()
                    await self._deliver(subscription)
                finally:
                    self._is_hearing.clear()
                    self._subscribers.lost()
                    await subscription.aclose()
            except StoreUnavailableError as error:
                if str(error) != self._trouble:
                    _log.warning("no messages from other processes: %s", error)
                self._trouble = str(error)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def _deliver(self, subscription: Subscription) -> None:
        while True:
            packed = await subscription.next_message()
            try:
                channel, message = unpack_message(packed)
            except ValueError:
                _log.warning("ignored a message of %d bytes in an unknown format", len(packed))
                continue
            self._subscribers.deliver(channel, message)
