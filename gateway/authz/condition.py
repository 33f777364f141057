"""What a policy condition is, and what conditions share."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

from gateway.authz.facts import Facts, Result, Unreadable
from gateway.model import Identity


class Condition(Protocol):
    """One question about the facts."""

    @classmethod
    def of(cls, value: Any) -> tuple["Condition", ...]:
        """The conditions that the configured `value` stands for."""

    def check(self, facts: Facts) -> Result:
        """Answer it."""


def unreadable_fact(identity: Identity, fact: str) -> Unreadable | None:
    """What a condition on `fact` makes of one that is there and cannot be read; None where it can.

    In `Identity.unreadable` ``"*"`` stands for every fact.
    """
    if identity.unreadable and (fact in identity.unreadable or "*" in identity.unreadable):
        return Unreadable(f"{fact} cannot be read")
    return None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What the conditions share that compare one fact with `values`."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values."""
        return (cls(frozenset(value)),)


def listed(values: frozenset[str]) -> str:
    """The wanted `values` in words, for the details of an `Unmet`."""
    return "any of " + ", ".join(sorted(map(repr, values)))
