"""What a policy may know, and what a condition makes of it."""

from dataclasses import dataclass

from gateway.message.request import Request
from gateway.model import Identity, StepUp


@dataclass(slots=True)
class Facts:
    """All a policy may know.  `now` is seconds since the epoch.

    Never changed; not frozen, since one is made for each request and that costs time.
    """

    request: Request
    identity: Identity
    now: float


@dataclass(frozen=True, slots=True)
class Met:
    """The condition holds."""


@dataclass(slots=True, unsafe_hash=True)
class Unmet:
    """The condition does not hold, or what it asks about is missing.  Never changed.

    Attributes:
        reason: Public, stable, kebab-case.
        detail: For the log and `explain`; quotes what was found.
        step_up: What to ask the provider for where proving the identity anew would help.
    """

    reason: str
    detail: str = ""
    step_up: StepUp | None = None


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
