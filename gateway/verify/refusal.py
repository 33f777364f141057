"""How both middlewares answer a request that is not let through."""

import logging
from dataclasses import dataclass

from gateway.verify.assertion import InvalidAssertionError
from gateway.verify.keys import KeysUnavailableError

REFUSALS = (InvalidAssertionError, KeysUnavailableError)

_log = logging.getLogger("gateway.verify")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer; the reason stays in the log."""

    status: int
    phrase: str
    body: bytes
    challenge: str | None = None

    def fields(self) -> list[tuple[str, str]]:
        """The header fields of the answer."""
        fields = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
        ]
        # RFC 9110, section 15.5.2: a 401 has a challenge.
        return [*fields, ("WWW-Authenticate", self.challenge)] if self.challenge else fields


_INVALID = Refusal(401, "Unauthorized", b"No valid identity assertion.\n", "Gatepost")
_UNAVAILABLE = Refusal(503, "Service Unavailable", b"Identity cannot be verified right now.\n")


def refusal_of(error: Exception) -> Refusal:
    """The answer to a request whose verification ended with `error`, which is logged."""
    # The message can quote what a client sent, so control characters stay escaped.
    _log.info("request refused: %r", str(error))
    return _INVALID if isinstance(error, InvalidAssertionError) else _UNAVAILABLE


def only_one(values: list[str]) -> str | None:
    """The field's value; None if it was not sent.

    Raises:
        InvalidAssertionError: It was sent more than once.
    """
    if len(values) > 1:
        raise InvalidAssertionError("the assertion is there more than once")
    return values[0] if values else None
