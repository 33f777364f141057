"""The apps behind the gateway, as somebody may open them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.message.request import Request
from gateway.model import Allow, Decision, Deny, Identity, StepUp


@dataclass(frozen=True, slots=True)
class Entry:
    """One app, judged for one person.

    Attributes:
        route: The route's name; ``""`` for the home page, which stands for all of them.
        name: What people see.
        url: Where it begins: a path, or a URL on another host.
        decision: What a request for it would come to.
        may_ask: Whether people may ask for access.
    """

    route: str
    name: str
    description: str
    url: str
    decision: Decision
    may_ask: bool = False

    @property
    def can_open(self) -> bool:
        """Whether the person may open it, perhaps after proving more."""
        return isinstance(self.decision, Allow | StepUp)

    @property
    def can_be_asked_for(self) -> bool:
        """Whether the person may not open it, and may ask for access."""
        return self.may_ask and isinstance(self.decision, Deny)


class Launcher(Protocol):
    """Knows the apps of one configuration."""

    def entries(self, request: Request, identity: Identity) -> Sequence[Entry]:
        """All apps, in the order of the file, judged as the browser session of `identity`."""

    def remedies(self, request: Request, identity: Identity, route: str) -> tuple[str, ...]:
        """What would have to change for `identity` to open the app of `route`."""
