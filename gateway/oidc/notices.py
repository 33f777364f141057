"""Logs each warning about a provider once, because it recurs for every user of a provider."""

import logging

_log = logging.getLogger(__name__)


class Notices:
    """The warnings already logged about one provider."""

    def __init__(self, who: str) -> None:
        """Warn about `who`, the provider's name in the log."""
        self._who = who
        self._said: set[str] = set()

    def __call__(self, claim: str, fault: str) -> None:
        """Warn if this is the first `fault` of `claim`, named as in the configuration."""
        self.say(claim, f"claim {claim!r}: {fault}")

    def say(self, topic: str, text: str) -> None:
        """Warn if this is the first warning about `topic`."""
        if topic not in self._said:
            self._said.add(topic)
            _log.warning("%s: %s", self._who, text)
