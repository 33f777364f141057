"""What a configuration changes for the requests of an audit log, in groups."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.assembly.explanation import word_of
from gateway.cli.recorded import Recorded
from gateway.cli.replay import Again
from gateway.settings.scalars import printable


@dataclass(frozen=True, slots=True)
class Group:
    """What requests that change alike have in common; `after` has several where it depends."""

    before: str
    reason_before: str
    route_before: str | None
    after: tuple[str, ...]
    reason: str
    route: str | None
    open: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether the record holds all that the decision depends on."""
        return len(self.after) == 1

    def __str__(self) -> str:
        before = f"{self.before} ({self.reason_before}) by {self.route_before or '-'}"
        after = " or ".join(self.after)
        why = f" ({self.reason})" if self.is_sure else ""
        on = f", depends on {', '.join(self.open)}" if self.open else ""
        return f"{before} -> {after}{why} by {self.route or '-'}{on}"


class Review:
    """Counts what was read, and groups what changes.

    Attributes:
        unread: Lines that are none of the audit.
    """

    def __init__(self) -> None:
        self.unread = 0
        self._same = 0
        self._left: Counter[str] = Counter()
        self._groups: Counter[Group] = Counter()
        self._samples: dict[Group, Recorded] = {}

    def leave(self, why: str) -> None:
        """Count a request that cannot be decided again."""
        self._left[why] += 1

    def add(self, record: Recorded, again: Again) -> None:
        """Count a request that was decided again."""
        before = word_of(record.decision)
        if again.decisions == (before,) and again.route == record.route:
            self._same += 1
            return
        sure = len(again.decisions) == 1
        group = Group(
            before,
            record.reason,
            record.route,
            again.decisions,
            again.reason if sure else "",
            again.route,
            again.open if not sure else (),
        )
        self._groups[group] += 1
        self._samples.setdefault(group, record)

    def lines(self) -> Iterator[str]:
        """For people."""
        return map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        changed, depending = self._counts()
        for title, is_sure in (("changes", True), ("depends", False)):
            for group, count in self._groups.most_common():
                if group.is_sure is is_sure:
                    it = self._samples[group]
                    yield f"{title} {count}: {group}"
                    yield f"    such as {it.method} {it.path} of {it.user or '-'}, {it.request_id}"
        for why, count in self._left.most_common():
            yield f"left out {count}: {why}"
        yield (
            f"requests: {self._same} the same, {changed} changed,"
            f" {depending} depend on what the audit does not hold,"
            f" {self._left.total()} left out"
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        changed, depending = self._counts()
        return {
            "same": self._same,
            "changed": changed,
            "depending": depending,
            "left_out": dict(self._left),
            "unread_lines": self.unread,
            "changes": [self._as_json(it, n) for it, n in self._groups.most_common() if it.is_sure],
            "depends": [
                self._as_json(it, n) for it, n in self._groups.most_common() if not it.is_sure
            ],
        }

    def _as_json(self, group: Group, count: int) -> dict[str, Any]:
        sample = self._samples[group]
        return {
            "count": count,
            "before": {
                "decision": group.before,
                "reason": group.reason_before,
                "route": group.route_before,
            },
            "after": {
                "decisions": list(group.after),
                "reason": group.reason or None,
                "route": group.route,
            },
            "depends_on": list(group.open),
            "sample": {
                "request_id": sample.request_id,
                "user": sample.user,
                "method": sample.method,
                "path": sample.path,
            },
        }

    def _counts(self) -> tuple[int, int]:
        changed = sum(count for group, count in self._groups.items() if group.is_sure)
        return changed, self._groups.total() - changed
