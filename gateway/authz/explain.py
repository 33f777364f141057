"""Reports the result of each condition.  The decision itself is made in `access`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.authz.access import Access, Item
from gateway.authz.facts import Broken, Facts, Met, Result, Unreadable

if TYPE_CHECKING:
    from gateway.settings.document import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one condition; None if the app judges it."""

    label: str
    result: Result | None

    @property
    def word(self) -> str:
        """The result in one word: met, unmet, unreadable, failed, or for the app."""
        if self.result is None:
            return "for the app"
        known = {Met: "met", Unreadable: "unreadable", Broken: "failed"}
        return known.get(type(self.result), "unmet")

    def as_json(self) -> dict[str, str | None]:
        """For programs."""
        return {
            "condition": self.label,
            "result": self.word,
            "reason": getattr(self.result, "reason", None),
            "detail": getattr(self.result, "detail", None),
        }

    def __str__(self) -> str:
        why = ""
        if self.result is not None and not isinstance(self.result, Met):
            why = f" ({self.result.reason}: {self.result.detail})"
        return f"{self.word:<11} {self.label}{why}"


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of one item.

    `where` is its place in the file, such as ``allow[0]`` or ``allow[0] staff[1]``; `origin` is the
    path of its definition if it is an item of a named condition.
    """

    where: str
    findings: tuple[Finding, ...]
    origin: "Path" = ()

    @property
    def state(self) -> str:
        """Whether all conditions hold; what the app judges may hold."""
        words = {it.word for it in self.findings}
        if "unmet" in words:
            return "does not hold"
        return "cannot be told" if words & {"unreadable", "failed"} else "holds"


def findings_of(item: Item, facts: Facts) -> tuple[Finding, ...]:
    """The results of the conditions of `item`, each with its label."""
    results = item.judge(facts)
    if results and isinstance(results[0], Broken):
        return (Finding("; ".join(item.labels), results[0]),)
    return tuple(map(Finding, item.labels, results))


def try_items(
    access: Access,
    facts: Facts,
    of_allow: Callable[[Item, Facts], tuple[Finding, ...]] = findings_of,
) -> tuple[Trial, ...]:
    """The results of each item of `access`, in order of evaluation; empty if `access` is a word."""
    deny = [
        Trial(f"deny{item.where}", findings_of(item, facts), item.origin)
        for item in access.deny
        if item.where
    ]
    allow = [
        Trial(f"allow{item.where}", of_allow(item, facts), item.origin) for item in access.allow
    ]
    return (*deny, *allow)
