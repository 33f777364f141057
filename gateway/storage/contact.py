"""How long a worker may use cached entries of the store without asking it again.

A message removes a changed entry from the cache within a second.  Messages may be lost.  If the
store notices the loss, every entry is looked up before it is used again.  In case it does not,
entries in use are re-checked in the background every `CHECK_S`, and an entry that was not checked
for `MAX_UNCHECKED_S` is looked up before it is used.

While the store is down, entries may be used for the grace period.  It counts from when an entry was
last known to be true: when messages stopped coming, or, if none came, when the store last answered.
"""

import logging
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Protocol

from gateway.storage.store import Clock, Handler, Store, Unsubscribe

_log = logging.getLogger(__name__)

CHECK_S = 30.0
MAX_UNCHECKED_S = 60.0
GRACE_S = 60.0
# How often the store is asked about the same entry while it is down.
RETRY_S = 5.0

_STILL = float("inf")
_LONG_AGO = float("-inf")


class Remembered(Protocol):
    """A cached entry of the store; times in seconds since the epoch.

    Attributes:
        trusted_from: For `MAX_UNCHECKED_S` from here on, it may be used without asking the store.
            Usually when it was last checked; earlier to have it looked up sooner.
        sure_until: When it was last known to be true; infinite while messages report changes.
    """

    trusted_from: float
    sure_until: float


class Contact:
    """Tracks whether messages arrive, and limits how long cached entries may be used.

    Attributes:
        hears: Whether messages arrive.
        lost_at: When messages stopped, if they do not arrive.
        doubts: How often messages may have been missed, so that all entries had to be re-checked.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        """Call `wake` whenever many entries may need a look-up."""
        self._grace_s = GRACE_S
        self.hears = False
        self.lost_at = clock()
        self.doubts = 0
        self._clock = clock
        self._wake = wake
        self._remembered: list[Callable[[], Iterable[Remembered]]] = []
        self._on_doubt: list[Callable[[], None]] = []

    def set_grace(self, grace_s: float) -> None:
        """Allow entries to be used for `grace_s` seconds while the store is down."""
        self._grace_s = grace_s
        self._limit()

    def rule_on(self, remembered: Callable[[], Iterable[Remembered]]) -> None:
        """Apply these rules to all entries that `remembered` returns, too."""
        self._remembered.append(remembered)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever messages may have been missed."""
        self._on_doubt.append(callback)

    async def listen(self, store: Store, channel: str, handler: Handler) -> Unsubscribe:
        """Call `handler` with each message in `channel` from now on.

        Raises:
            StoreUnavailableError: The store cannot be reached yet.
        """
        unsubscribe = await store.subscribe(channel, handler, self._doubt, self._lose)
        self.hears = True
        return unsubscribe

    def answered(self, entry: Remembered, now: float) -> None:
        """Note that the store confirmed `entry` at `now`."""
        entry.sure_until = _STILL if self.hears else now
        entry.trusted_from = now if self.hears else self._trusted_from(now)

    def grant_grace(self, entry: Remembered, now: float) -> bool:
        """Let `entry` be used for some more seconds, although the store just failed to answer.

        Returns whether it may be; not once its grace period is over.  The store is then asked
        about it again.
        """
        entry.sure_until = min(entry.sure_until, now)
        left_s = self._grace_s - (now - entry.sure_until)
        if left_s <= 0:
            return False
        entry.trusted_from = now - MAX_UNCHECKED_S + min(RETRY_S, left_s)
        return True

    def _lose(self) -> None:
        self.hears = False
        self.lost_at = self._clock()
        for entry in self._all():
            entry.sure_until = min(entry.sure_until, self.lost_at)
        self._limit()
        self._wake()

    def _doubt(self) -> None:
        """Have every entry looked up before its next use: a message may have been missed."""
        _log.info("re-checking all cached entries: messages may have been missed")
        self.hears = True
        self.doubts += 1
        for entry in self._all():
            if entry.sure_until == _STILL:
                entry.sure_until = entry.trusted_from
            entry.trusted_from = _LONG_AGO
        for callback in self._on_doubt:
            callback()
        self._wake()

    def _limit(self) -> None:
        for entry in self._all():
            entry.trusted_from = min(entry.trusted_from, self._trusted_from(entry.sure_until))

    def _all(self) -> Iterable[Remembered]:
        return chain.from_iterable(remembered() for remembered in self._remembered)

    def _trusted_from(self, sure_until: float) -> float:
        """The `trusted_from` that ends the use of an entry with the grace period."""
        return sure_until - max(0.0, MAX_UNCHECKED_S - self._grace_s)
