"""An expression that may be used: parsed, and checked against the facts."""

from dataclasses import dataclass, field
from typing import Self

from gateway.expressions.check import names_in, problems_of
from gateway.expressions.kinds import FACTS
from gateway.expressions.parse import parse
from gateway.expressions.problem import ExpressionError
from gateway.expressions.tokens import tokens_of
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
        """For messages, on one line; without the texts that fields are compared with."""
        text = _without_values(self.text) if "headers" in self.names else self.text
        return " ".join(text.split())

    @property
    def names(self) -> frozenset[str]:
        """The facts it reads."""
        return names_in(self.tree)

    @property
    def asks_who(self) -> bool:
        """Whether it reads facts that depend on the identity."""
        return any(FACTS[name].of_identity for name in self.names)


def _without_values(text: str) -> str:
    """`text` without its literals, but for the names of fields and claims.

    People compare a field with a shared secret, and messages go to the log and to the desk.
    """
    tokens = tokens_of(text)
    for at in reversed(range(len(tokens) - 1)):
        before = [str(it.value) for it in tokens[max(0, at - 2) : at]]
        after = [str(it.value) for it in tokens[at + 1 : at + 3]]
        is_name = before in (["headers", "["], ["claims", "["]) or after == ["in", "headers"]
        if tokens[at].kind == "text" and not is_name:
            text = f'{text[: tokens[at].start]}"…"{text[tokens[at].end :]}'
    return text
