"""Re-checks values in the store that stay in use without any request.

A tunnel makes no requests once it is open.  Without this re-check the gateway would not notice that
the tunnel's credential has expired, that the message about its end was lost, or that the store has
been down for so long that new requests would be refused.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from gateway.errors import StoreUnavailableError
from gateway.storage.contact import MAX_UNCHECKED_S, Contact
from gateway.storage.store import Clock


@dataclass(slots=True, eq=False)
class _Watched:
    """A watched value; see Remembered.

    Attributes:
        good_until: When to check again at the latest.
    """

    trusted_from: float
    sure_until: float
    good_until: float = float("inf")


class Watch:
    """Checks each value once a minute, and after every gap in the messages.

    Attributes:
        names: Returns the values to watch now.
    """

    def __init__(
        self,
        contact: Contact,
        clock: Clock,
        look: Callable[[str], Awaitable[float]],
        interrupt: Callable[[str], None],
    ) -> None:
        """Watch nothing until `names` is set.

        Args:
            contact: The worker's contact with the store.
            clock: Seconds since the epoch.
            look: Asks the store about one value and acts on the answer; returns until when the
                value is good, as far as it can tell.
            interrupt: Stops the use of a value whose grace period is over.
        """
        self.names: Callable[[], Iterable[str]] = tuple
        self._contact = contact
        self._clock = clock
        self._look = look
        self._interrupt = interrupt
        self._watched: dict[str, _Watched] = {}
        contact.rule_on(self._watched.values)

    def doubt(self) -> None:
        """Check everything again in the next run."""
        for entry in self._watched.values():
            entry.trusted_from = float("-inf")

    async def run_once(self) -> None:
        """Check what is due.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        names, contact = set(self.names()), self._contact
        # A newly watched value was confirmed just now, or allowed by the grace period.
        sure_until = self._clock() if contact.hears else contact.lost_at
        for name in self._watched.keys() - names:
            del self._watched[name]
        for name in names - self._watched.keys():
            self._watched[name] = _Watched(trusted_from=float("-inf"), sure_until=sure_until)
        try:
            for name, entry in list(self._watched.items()):
                if self._is_due(entry):
                    await self._look_at(name, entry)
        except StoreUnavailableError:
            for name, entry in list(self._watched.items()):
                if not contact.grant_grace(entry, self._clock()):
                    self._interrupt(name)
            raise

    def _is_due(self, entry: _Watched) -> bool:
        now = self._clock()
        # If the clock was set back, the next check must not be delayed for long.
        return now >= entry.good_until or not 0 <= now - entry.trusted_from < MAX_UNCHECKED_S

    async def _look_at(self, name: str, entry: _Watched) -> None:
        doubts, now = self._contact.doubts, self._clock()
        entry.good_until = await self._look(name)
        if doubts == self._contact.doubts:
            self._contact.answered(entry, now)
