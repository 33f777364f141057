"""The condition `when`: an expression over all facts holds."""

from dataclasses import dataclass
from typing import Self

from gateway.authz.facts import MET, Facts, Result, Unmet
from gateway.authz.when.build import build
from gateway.authz.when.facts import WHEN_UNMET
from gateway.authz.when.node import Faults, Node
from gateway.expressions.expression import Expression


@dataclass(frozen=True, slots=True)
class When:
    """The expression is true.

    Attributes:
        asks_who: Whether it reads facts of the identity.
        node: The compiled expression.
        nameless: The same for a request whose identity only the app can tell.
    """

    asks_who: bool
    node: Node
    nameless: Node
    unmet: Unmet
    faults: Faults

    @classmethod
    def of(cls, value: Expression) -> tuple[Self, ...]:
        """One condition."""
        faults = Faults(str(value), "is not true or false")
        unmet = Unmet(WHEN_UNMET, f"{str(value)!r} is false")
        node, nameless = build(value), build(value, knows_who=False)
        return (cls(value.asks_who, node, nameless, unmet, faults),)

    def check(self, facts: Facts) -> Result:
        """False and missing facts leave it unmet; a fact that cannot be read is unreadable."""
        node = self.nameless if facts.identity.credential == "anonymous" else self.node
        found = node.value(facts, None)
        if found is True:
            return MET
        if found is False:
            return self.unmet
        return self.faults.of(found).result
