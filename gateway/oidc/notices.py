"""Logs each warning about claims once, because it recurs for every user of a provider."""

import logging

_log = logging.getLogger(__name__)


class Notices:
    """The warnings already logged about one provider's claims."""

    def __init__(self, who: str) -> None:
        """Warn about `who`, the provider's name in the log."""
        self._who = who
        self._said: set[str] = set()

    def __call__(self, claim: str, fault: str) -> None:
        """Warn if this is the first `fault` of `claim`, named as in the configuration."""
        if claim not in self._said:
            self._said.add(claim)
            _log.warning("%s: claim %r: %s", self._who, claim, fault)
