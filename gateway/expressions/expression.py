"""An expression that may be used: parsed, and checked against the facts."""

from dataclasses import dataclass, field
from typing import Self

from gateway.expressions.check import names_in, problems_of
from gateway.expressions.kinds import FACTS
from gateway.expressions.parse import parse
from gateway.expressions.problem import ExpressionError
from gateway.expressions.tree import Node


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression without mistakes; two are equal if their texts are."""

    text: str
    tree: Node = field(repr=False, compare=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse and check `text`.

        Raises:
            ExpressionError: There are mistakes.
        """
        tree = parse(text)
        problems = problems_of(tree, text)
        if problems:
            raise ExpressionError(*problems)
        return cls(text, tree)

    def __str__(self) -> str:
        return " ".join(self.text.split())

    @property
    def names(self) -> frozenset[str]:
        """The facts it reads."""
        return names_in(self.tree)

    @property
    def asks_who(self) -> bool:
        """Whether it reads facts that depend on the identity."""
        return any(FACTS[name].of_identity for name in self.names)
