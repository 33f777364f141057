"""Which routes, and which items of their rules, the policy tests decide by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.assembly.explanation import Explanation
from gateway.authz.access import DENIED_BY_RULE
from gateway.authz.explain import Trial
from gateway.authz.facts import Met, Unmet
from gateway.settings.access import placed
from gateway.settings.document import Path, Problem
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings

# The reasons of decisions that an item of `allow` makes; then one of `deny`.
_BY_ALLOW = frozenset({"allowed", "foreign-credential"})


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the policy the tests decide by.

    Attributes:
        routes: All of them, by name.
        items: All items of `allow` and `deny`, by their path in the configuration.
        tested_routes: Those that decided a test.
        tested_items: Those that decided a test.
    """

    routes: dict[str, Path]
    items: dict[Path, str]
    tested_routes: frozenset[str]
    tested_items: frozenset[Path]

    def left(self) -> Iterator[Problem]:
        """What no test decides by."""
        for name, path in self.routes.items():
            if name not in self.tested_routes:
                yield Problem(path, f"no test reaches route {quote(name)}", rule="untested-route")
        for path, route in self.items.items():
            if path not in self.tested_items and route in self.tested_routes:
                message = f"no test of route {quote(route)} is decided by this"
                yield Problem(path, message, rule="untested-condition")

    def summary(self) -> str:
        """The counts, on one line."""
        routes = f"{len(self.tested_routes)} of {len(self.routes)} routes"
        items = f"{len(self.tested_items)} of {len(self.items)} items of allow and deny"
        return f"tests decide by {routes} and {items}"


def coverage_of(settings: Settings, explained: Iterable[Explanation]) -> Coverage:
    """What of the rules of `settings` the requests that were `explained` are decided by."""
    routes: dict[str, Path] = {}
    items: dict[Path, str] = {}
    for index, route in enumerate(settings.routes):
        if not route.enforce:
            continue
        path: Path = ("routes", index)
        routes[route.name] = path
        if not isinstance(route.access, str):
            for word, listed in (("allow", route.access.allow), ("deny", route.access.deny)):
                for item in placed(listed, (*path, "access", word)):
                    # An item of a named condition is tested if any route is decided by it.
                    items.setdefault(item.path, route.name)
    tested_routes, tested_items = set(), set()
    for it in explained:
        if it.route is None:
            continue
        tested_routes.add(it.route.name)
        trial = decisive(it)
        if trial is not None:
            word, _, place = trial.where.partition("]")[0].partition("[")
            own = (*routes[it.route.name], "access", word)
            tested_items.add(trial.origin or (*own, int(place)))
    return Coverage(routes, items, frozenset(tested_routes), frozenset(tested_items))


def decisive(explanation: Explanation) -> Trial | None:
    """The item of `allow` or `deny` that made the decision; None if none did.

    An item of `allow` does if it lets the request in, or if it would after a step-up.
    """
    decision, reason = explanation.decision, explanation.decided.entry.reason
    for trial in explanation.items:
        is_deny = trial.where.startswith("deny")
        if is_deny and decision == "deny" and _refuses(trial, reason):
            return trial
        if not is_deny and decision == "allow" and reason in _BY_ALLOW and _admits(trial):
            return trial
        if not is_deny and decision == "step_up" and _steps_up(trial, reason):
            return trial
    return None


def _refuses(trial: Trial, reason: str) -> bool:
    results = [it.result for it in trial.findings]
    if any(isinstance(it, Unmet) for it in results):
        return False
    # Without such a reason, something refused the request before its rules were asked.
    return reason == DENIED_BY_RULE or any(getattr(it, "reason", "") == reason for it in results)


def _admits(trial: Trial) -> bool:
    return all(it.result is None or isinstance(it.result, Met) for it in trial.findings)


def _steps_up(trial: Trial, reason: str) -> bool:
    failed = [it.result for it in trial.findings if not isinstance(it.result, Met)]
    if not failed or getattr(failed[0], "reason", "") != reason:
        return False
    return all(isinstance(it, Unmet) and it.step_up is not None for it in failed)
