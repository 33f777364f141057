"""Who listens to which channel, in this process."""

import logging

from gateway.storage.store import Handler, Unsubscribe

_log = logging.getLogger(__name__)


class Subscribers:
    """Handlers by channel."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[object, Handler]] = {}

    def add(self, channel: str, handler: Handler) -> Unsubscribe:
        """Call `handler` from now on; calling the result ends that, and may be repeated."""
        handlers = self._handlers.setdefault(channel, {})
        token = object()
        handlers[token] = handler

        def unsubscribe() -> None:
            handlers.pop(token, None)

        return unsubscribe

    def deliver(self, channel: str, message: bytes) -> None:
        """Call the handlers of `channel`; what one raises is logged, the others go on."""
        for handler in tuple(self._handlers.get(channel, {}).values()):
            try:
                handler(message)
            except Exception:  # noqa: BLE001 - logged, with all there is to know
                _log.exception("a subscriber failed")
