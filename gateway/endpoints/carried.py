"""What a browser carries for the gateway from one request to the next: sealed, for an hour."""

import base64
import binascii
import json
from dataclasses import dataclass

from gateway.endpoints.deps import Deps

# How long a person may take to sign in, or to answer a question.
_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Carried:
    """What came back.

    Attributes:
        at: When it was given to the browser, in seconds since the epoch.
    """

    text: str
    at: float


class Carrier:
    """Seals texts for one purpose, so that none is taken for another."""

    def __init__(self, deps: Deps, purpose: str) -> None:
        self._deps = deps
        self._purpose = purpose

    def seal(self, text: str, context: bytes) -> str:
        """`text`, for URLs and forms; opens with the same `context` only."""
        data = json.dumps([self._deps.clock(), text]).encode()
        sealed = self._deps.sessions.sealer.seal(self._purpose, data, context=context)
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, context: bytes) -> Carried | None:
        """What was sealed; None for anything else, and after an hour."""
        try:
            data = base64.urlsafe_b64decode(sealed.encode("ascii"))
        except (binascii.Error, ValueError):
            return None
        opened = self._deps.sessions.sealer.open_sealed(self._purpose, data, context=context)
        if opened is None:
            return None
        at, text = json.loads(opened)
        return Carried(text, at) if abs(self._deps.clock() - at) < _WAIT_S else None
