"""What would change a decision that a route's rules made.  Pure.

It follows from the results that the decision was made by, and evaluates nothing again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.authz.access import DENIED_BY_RULE
from gateway.authz.explain import Finding, Trial
from gateway.authz.facts import Broken, Met, Unmet, Unreadable
from gateway.settings.scalars import format_duration


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would change the decision; `where` is the item's place, such as ``allow[0]``."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where} {self.text}"


def remedies(
    trials: Sequence[Trial], *, allowed: bool, anonymous: bool = False
) -> tuple[Remedy, ...]:
    """What would change the decision that follows from `trials`.

    If it is `allowed`, that is each `deny` that would refuse.  Otherwise it is each `deny` that
    refuses, and what each `allow` misses: from the `anonymous`, a sign-in before all else.
    """
    deny = [it for it in trials if it.where.startswith("deny")]
    if allowed:
        return tuple(Remedy(it.where, f"would refuse with {_labels(it)}") for it in deny)
    allow = [it for it in trials if it.where.startswith("allow")]
    return (*_refusing(deny, anonymous=anonymous), *_missing(allow, anonymous=anonymous))


def is_by_rules(trials: Sequence[Trial], reason: str) -> bool:
    """Whether `reason` is one that the rules of `trials` refuse for."""
    found = (getattr(it.result, "reason", None) for trial in trials for it in trial.findings)
    return bool(trials) and (reason == DENIED_BY_RULE or reason in found)


def _refusing(deny: Sequence[Trial], *, anonymous: bool) -> Iterator[Remedy]:
    # Nobody knows yet what is true of the person.
    if anonymous:
        return
    for trial in deny:
        if not any(isinstance(it.result, Unmet) for it in trial.findings):
            yield Remedy(trial.where, "refuses, whatever allow says")


def _missing(allow: Sequence[Trial], *, anonymous: bool) -> Iterator[Remedy]:
    for trial in allow:
        missing = [
            it for it in trial.findings if it.result is not None and not isinstance(it.result, Met)
        ]
        if any(isinstance(it.result, Broken) for it in missing):
            yield Remedy(trial.where, "cannot be evaluated")
        elif missing or anonymous:
            yield Remedy(trial.where, f"would pass {_wanted(missing, anonymous=anonymous)}")


def _wanted(missing: Sequence[Finding], *, anonymous: bool) -> str:
    proofs = ["signing in"] if anonymous else list(filter(None, map(_new_proof, missing)))
    facts = [_fact(it) for it in missing if anonymous or not _new_proof(it)]
    after = f"after {' and '.join(proofs)}" if proofs else ""
    return " ".join(filter(None, (after, f"with {' and '.join(facts)}" if facts else "")))


def _new_proof(finding: Finding) -> str:
    """The new sign-in that would meet the condition; ``""`` if none would."""
    result = finding.result
    if not isinstance(result, Unmet) or result.step_up is None:
        return ""
    wanted = result.step_up
    if wanted.acr or wanted.amr:
        return f"signing in again with {finding.label}"
    return f"signing in again within {format_duration(wanted.max_age_s or 0)}"


def _fact(finding: Finding) -> str:
    unread = isinstance(finding.result, Unreadable)
    return f"{finding.label}, which cannot be read now" if unread else finding.label


def _labels(trial: Trial) -> str:
    open_now = [it for it in trial.findings if isinstance(it.result, Unmet)]
    return " and ".join(it.label for it in open_now or trial.findings)
