"""How long a worker may use what it remembers of the store without asking again.

A message ends what is remembered within a second.  Messages may get lost: where the store notices,
everything is looked up before it is used again.  Where it does not, what is in use is also looked
up every `CHECK_S` in the background, and what was not for `MAX_UNCHECKED_S` is looked up before it
is used.

While the store cannot be asked, what is remembered may be used for the time of grace.  That counts
from when it was last sure: when messages stopped coming, or when the store last answered about it
if none came then either.
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
# While the store is down it is asked about the same thing this often.
RETRY_S = 5.0

_STILL = float("inf")
_LONG_AGO = float("-inf")


class Remembered(Protocol):
    """What a worker remembers of one value in the store; times in seconds since the epoch.

    Attributes:
        checked_at: It may be used for `MAX_UNCHECKED_S` from here on before the store is asked.
        sure_until: When it was last sure to be so; infinite while messages would tell otherwise.
    """

    checked_at: float
    sure_until: float


class Contact:
    """Hears what others say of the store's values, and rules on what a worker remembers of them.

    Attributes:
        hears: Whether messages come.
        lost_at: When they stopped, where they do not.
        doubts: How often all that is remembered was called in doubt.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        """Call `wake` whenever there may be much to look up."""
        self._grace_s = GRACE_S
        self.hears = False
        self.lost_at = clock()
        self.doubts = 0
        self._clock = clock
        self._wake = wake
        self._remembered: list[Callable[[], Iterable[Remembered]]] = []
        self._on_doubt: list[Callable[[], None]] = []

    def set_grace(self, grace_s: float) -> None:
        """Let what is remembered be used for `grace_s` seconds while the store cannot be asked."""
        self._grace_s = grace_s
        self._limit()

    def rule_on(self, remembered: Callable[[], Iterable[Remembered]]) -> None:
        """Rule on all that `remembered` gives, too."""
        self._remembered.append(remembered)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever messages may have been missed."""
        self._on_doubt.append(callback)

    async def listen(self, store: Store, channel: str, handler: Handler) -> Unsubscribe:
        """Call `handler` with each message in `channel` from now on.

        Raises:
            StoreUnavailableError: There is no contact yet.
        """
        unsubscribe = await store.subscribe(channel, handler, self._doubt, self._lose)
        self.hears = True
        return unsubscribe

    def answered(self, entry: Remembered, now: float) -> None:
        """The store said at `now` that `entry` is so."""
        entry.sure_until = _STILL if self.hears else now
        entry.checked_at = now if self.hears else self._checked_at(now)

    def goes_on(self, entry: Remembered, now: float) -> bool:
        """Whether `entry` may be used at `now`, though the store could not be asked just now.

        Then the store is asked about it again after some seconds.
        """
        entry.sure_until = min(entry.sure_until, now)
        left_s = self._grace_s - (now - entry.sure_until)
        if left_s <= 0:
            return False
        entry.checked_at = now - MAX_UNCHECKED_S + min(RETRY_S, left_s)
        return True

    def _lose(self) -> None:
        self.hears = False
        self.lost_at = self._clock()
        for entry in self._all():
            entry.sure_until = min(entry.sure_until, self.lost_at)
        self._limit()
        self._wake()

    def _doubt(self) -> None:
        """Have everything looked up before it is used again: some may be over unheard."""
        _log.info("what is remembered is looked up again: messages may have been missed")
        self.hears = True
        self.doubts += 1
        for entry in self._all():
            if entry.sure_until == _STILL:
                entry.sure_until = entry.checked_at
            entry.checked_at = _LONG_AGO
        for callback in self._on_doubt:
            callback()
        self._wake()

    def _limit(self) -> None:
        for entry in self._all():
            entry.checked_at = min(entry.checked_at, self._checked_at(entry.sure_until))

    def _all(self) -> Iterable[Remembered]:
        return chain.from_iterable(remembered() for remembered in self._remembered)

    def _checked_at(self, sure_until: float) -> float:
        """The `checked_at` of what was sure until then, so that it is used for no longer."""
        return sure_until - max(0.0, MAX_UNCHECKED_S - self._grace_s)
