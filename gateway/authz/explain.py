"""Why a decision is what it is, told from the very values it was made of."""

from dataclasses import dataclass

from gateway.authz.access import RULES, Access, Item, decide, weigh
from gateway.authz.facts import Broken, Facts, Met, Result, Unreadable
from gateway.model import Decision


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition found; None where it is for the app to judge."""

    label: str
    result: Result | None

    def __str__(self) -> str:
        if self.result is None:
            return f"for the app {self.label}"
        if isinstance(self.result, Met):
            return f"met         {self.label}"
        word = {Unreadable: "unreadable", Broken: "failed"}.get(type(self.result), "unmet")
        return f"{word:<11} {self.label} ({self.result.reason}: {self.result.detail})"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one item found; `where` is its place in the file, such as ``allow[0]``."""

    where: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and what led to it."""

    access: str
    decision: Decision
    trials: tuple[Trial, ...]

    def lines(self) -> list[str]:
        """The trials for people, in the order they count."""
        told = [f"access: {self.access}"]
        for trial in self.trials:
            told.append(f"{trial.where}:")
            told += [f"  {finding}" for finding in trial.findings]
        return told


def explain(access: Access, facts: Facts) -> Explanation:
    """What `decide` says about the same values, with every item judged."""
    if access.word != RULES:
        return Explanation(access.word, decide(access, facts), ())
    named = [(f"deny[{i}]", item) for i, item in enumerate(access.deny)]
    named += [(f"allow[{i}]", item) for i, item in enumerate(access.allow)]
    results = {id(item): item.judge(facts) for _, item in named}
    trials = tuple(Trial(where, findings_of(item, results[id(item)])) for where, item in named)
    if facts.identity.is_anonymous:
        return Explanation(access.word, decide(access, facts), trials)
    return Explanation(access.word, weigh(access, facts, lambda item: results[id(item)]), trials)


def findings_of(item: Item, results: list[Result]) -> tuple[Finding, ...]:
    """What the conditions of `item` found, each with its label."""
    if results and isinstance(results[0], Broken):
        return (Finding("; ".join(item.labels), results[0]),)
    return tuple(map(Finding, item.labels, results))
