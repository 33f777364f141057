"""What is counted and written of requests that were answered alike, looked up at once."""

from typing import Final

from gateway.bounded import remember
from gateway.record.audit import Words
from gateway.record.metrics import NO_ROUTE, Answered, Metrics

# Clients can invent methods, so that there may be any number of outcomes.
_REMEMBERED: Final = 4096
# Route, method, status, decision and reason.
Key = tuple[str | None, str, int, str, str]


class Outcome:
    """Where requests of one outcome are counted, and their part of the audit line."""

    __slots__ = ("answered", "words")

    def __init__(self, answered: Answered, words: Words) -> None:
        self.answered = answered
        self.words = words


class Outcomes:
    """The outcomes seen so far."""

    __slots__ = ("_known", "_metrics")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: dict[Key, Outcome] = {}

    def get(self, key: Key) -> Outcome:
        """The outcome of `key`."""
        known = self._known.get(key)
        return self._add(key) if known is None else known

    def _add(self, key: Key) -> Outcome:
        route, method, status, decision, reason = key
        answered = self._metrics.answered(route or NO_ROUTE, method, status, decision, reason)
        outcome = Outcome(answered, Words(route, method, status, decision, reason))
        remember(self._known, key, outcome, _REMEMBERED)
        return outcome
