"""The condition protocol, and what conditions share."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

from gateway.authz.facts import Facts, Result, Unreadable
from gateway.model import Identity


class Check(Protocol):
    """A question about the facts."""

    def check(self, facts: Facts) -> Result:
        """Answer the question from `facts`."""


class Condition(Check, Protocol):
    """A question that a configuration may ask."""

    @classmethod
    def of(cls, value: Any) -> tuple["Condition", ...]:
        """The conditions for the configured `value`; all of them must hold."""


def unreadable_fact(identity: Identity, fact: str) -> Unreadable | None:
    """The result for a `fact` that is present but unreadable; None if it can be read.

    In `Identity.unreadable`, ``"*"`` stands for every fact.
    """
    if identity.unreadable and (fact in identity.unreadable or "*" in identity.unreadable):
        return Unreadable(f"{fact} cannot be read")
    return None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Base of the conditions that compare one fact with `values`."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values."""
        return (cls(frozenset(value)),)


def listed(values: frozenset[str]) -> str:
    """The expected `values` as text, for the detail of an `Unmet`."""
    return "any of " + ", ".join(sorted(map(repr, values)))
