"""The input of a policy, and the possible results of a condition."""

from dataclasses import dataclass
from typing import Final

from gateway.message.request import Request
from gateway.model import Identity, StepUp


class Facts:
    """Everything a policy may read.  `now` is seconds since the epoch.  Never modified."""

    __slots__ = ("identity", "now", "request")

    def __init__(self, request: Request, identity: Identity, now: float) -> None:
        self.request = request
        self.identity = identity
        self.now = now


@dataclass(frozen=True, slots=True)
class Met:
    """The condition holds."""


@dataclass(slots=True, init=False, unsafe_hash=True)
class Unmet:
    """The condition does not hold, or its fact is missing.  Never modified.

    Attributes:
        reason: Public, stable, kebab-case.
        detail: For the log and `explain`; quotes the value found.
        step_up: What to ask the provider for, if a new proof of identity would help.
    """

    reason: str
    detail: str
    step_up: StepUp | None

    def __init__(self, reason: str, detail: str = "", step_up: StepUp | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.step_up = step_up


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The condition's fact is present, or should be, but cannot be read.

    It satisfies no `allow` and meets every `deny`.
    """

    detail: str
    reason: str = "fact-unreadable"


@dataclass(frozen=True, slots=True)
class Broken:
    """The condition itself failed; the decision is a deny."""

    detail: str
    reason: str = "decision-failed"


Result = Met | Unmet | Unreadable | Broken

MET: Final = Met()
