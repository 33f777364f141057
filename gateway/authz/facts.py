"""What a policy may know, and what a condition makes of it."""

from dataclasses import dataclass

from gateway.message.request import Request
from gateway.model import Identity, StepUp


class Facts:
    """All a policy may know.  `now` is seconds since the epoch.  Never changed."""

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
    """The condition does not hold, or what it asks about is missing.  Never changed.

    Attributes:
        reason: Public, stable, kebab-case.
        detail: For the log and `explain`; quotes what was found.
        step_up: What to ask the provider for where proving the identity anew would help.
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
    """What the condition asks about is there, or should be, and cannot be read.

    It satisfies no `allow` and meets a `deny`.
    """

    detail: str
    reason: str = "fact-unreadable"


@dataclass(frozen=True, slots=True)
class Broken:
    """The condition failed itself; the decision is a deny."""

    detail: str
    reason: str = "decision-failed"


Result = Met | Unmet | Unreadable | Broken

MET = Met()
