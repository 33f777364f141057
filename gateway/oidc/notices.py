"""Warnings about claims, each once: a provider says the same of thousands of people."""

import logging

_log = logging.getLogger(__name__)


class Notices:
    """What was said about the claims of one provider."""

    def __init__(self, who: str) -> None:
        """Warn about `who`, the provider as the log names it."""
        self._who = who
        self._said: set[str] = set()

    def __call__(self, claim: str, fault: str) -> None:
        """Warn the first time that `claim`, as the configuration names it, has a `fault`."""
        if claim not in self._said:
            self._said.add(claim)
            _log.warning("%s: claim %r: %s", self._who, claim, fault)
