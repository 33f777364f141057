"""The subscribers of each channel in this process."""

import logging
from collections.abc import Callable
from functools import partial

from gateway.storage.store import Handler, OnGap, OnLoss, Unsubscribe

_log = logging.getLogger(__name__)


class Subscribers:
    """Handlers by channel."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[object, Handler]] = {}
        self._on_gap: dict[object, OnGap] = {}
        self._on_loss: dict[object, OnLoss] = {}

    def add(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """Call all of them from now on, until the result is called, which is safe to repeat."""
        handlers = self._handlers.setdefault(channel, {})
        token = object()
        handlers[token] = handler
        if on_gap is not None:
            self._on_gap[token] = on_gap
        if on_loss is not None:
            self._on_loss[token] = on_loss

        def unsubscribe() -> None:
            handlers.pop(token, None)
            self._on_gap.pop(token, None)
            self._on_loss.pop(token, None)

        return unsubscribe

    def deliver(self, channel: str, message: bytes) -> None:
        """Call the handlers of `channel`; an exception is logged, and the others still run."""
        for handler in tuple(self._handlers.get(channel, {}).values()):
            _call(partial(handler, message))

    def lost(self) -> None:
        """Tell all subscribers that messages have stopped arriving."""
        for on_loss in tuple(self._on_loss.values()):
            _call(on_loss)

    def missed(self) -> None:
        """Tell all subscribers that they may have missed messages."""
        for on_gap in tuple(self._on_gap.values()):
            _call(on_gap)


def _call(subscriber: Callable[[], None]) -> None:
    try:
        subscriber()
    except Exception:  # noqa: BLE001 - logged with its traceback
        _log.exception("a subscriber failed")
