"""What the conditions of rules find, each told by itself.  The decision is not made here."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.authz.access import Access, Item
from gateway.authz.facts import Broken, Facts, Met, Result, Unreadable


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition found; None where it is for the app to judge."""

    label: str
    result: Result | None

    @property
    def word(self) -> str:
        """What came of it: met, unmet, unreadable, failed, or for the app."""
        if self.result is None:
            return "for the app"
        known = {Met: "met", Unreadable: "unreadable", Broken: "failed"}
        return known.get(type(self.result), "unmet")

    def __str__(self) -> str:
        why = ""
        if self.result is not None and not isinstance(self.result, Met):
            why = f" ({self.result.reason}: {self.result.detail})"
        return f"{self.word:<11} {self.label}{why}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one item found; `where` is its place in the file, such as ``allow[0]``."""

    where: str
    findings: tuple[Finding, ...]


def findings_of(item: Item, facts: Facts) -> tuple[Finding, ...]:
    """What the conditions of `item` find, each with its label."""
    results = item.judge(facts)
    if results and isinstance(results[0], Broken):
        return (Finding("; ".join(item.labels), results[0]),)
    return tuple(map(Finding, item.labels, results))


def try_items(
    access: Access,
    facts: Facts,
    of_allow: Callable[[Item, Facts], tuple[Finding, ...]] = findings_of,
) -> tuple[Trial, ...]:
    """What each item of `access` finds, in the order they count; none where `access` is a word."""
    deny = [Trial(f"deny[{i}]", findings_of(item, facts)) for i, item in enumerate(access.deny)]
    allow = [Trial(f"allow[{i}]", of_allow(item, facts)) for i, item in enumerate(access.allow)]
    return (*deny, *allow)
