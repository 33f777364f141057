"""What a gateway knows of itself: of each worker, and of all of them.

Plain data, so that one process can send it to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from gateway.record.metrics import Metrics
from gateway.record.metrics_sum import Snapshot, add
from gateway.record.watched import Difference, Refusal
from gateway.settings.setting_changes import SettingChange, without_secrets

State = Literal["works", "fails", "unknown"]


@dataclass(frozen=True, slots=True)
class Part:
    """How one part of the surroundings was the last time that a worker used it.

    Attributes:
        kind: ``store``, ``provider``, ``upstream``, ``mail`` or ``directory``.
        name: In the configuration; of the store, what it is.
        state: ``unknown`` if it was not used yet.
        detail: Why it fails.
        more: Further facts, by name: numbers of seconds or milliseconds, and times.
    """

    kind: str
    name: str
    state: State
    detail: str = ""
    more: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One worker.

    Attributes:
        is_silent: Whether it did not answer: `numbers` are the last that it told, and there is
            nothing else.
    """

    pid: int
    started_at: float
    numbers: Snapshot = field(default_factory=Snapshot)
    refusals: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
    parts: tuple[Part, ...] = ()
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What the last reload that changed settings has changed.

    Attributes:
        at: Seconds since the epoch.
        settings: Those that differ.
        moved: Route -> the route that it now comes after; ``""`` for none.
        restart: The settings that take effect only with a restart.
    """

    at: float
    settings: tuple[SettingChange, ...]
    moved: Mapping[str, str]
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reloads:
    """How the configuration was read again.

    Attributes:
        at: When it was read the last time, in seconds since the epoch; None if only at the start.
        problems: Why that failed, a line for each: ``file:line:column: path: what is wrong``.
        succeeded: Whether it did not fail.
        change: None if no reload has changed anything.
    """

    at: float | None = None
    succeeded: bool = True
    problems: tuple[str, ...] = ()
    change: Change | None = None

    def failed(self, at: float, problems: tuple[str, ...]) -> Self:
        """As it is after a reload at `at` that failed."""
        told = tuple(map(without_secrets, problems))
        return replace(self, at=at, succeeded=False, problems=told)

    def worked(self, at: float, change: Change | None) -> Self:
        """As it is after a reload at `at` that changed this; None for nothing."""
        return replace(self, at=at, succeeded=True, problems=(), change=change or self.change)


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """All workers of a gateway.

    Attributes:
        build: ``compiled`` or ``interpreted``.
        retired: What workers counted that have ended.
        wanted: How many workers there should be.
    """

    version: str
    build: str
    started_at: float
    workers: tuple[WorkerReport, ...]
    wanted: int = 1
    retired: Snapshot = field(default_factory=Snapshot)
    reloads: Reloads = field(default_factory=Reloads)

    @property
    def is_whole(self) -> bool:
        """Whether every worker has answered."""
        return sum(not it.is_silent for it in self.workers) == self.wanted

    @property
    def numbers(self) -> Metrics:
        """What all workers have counted since the start."""
        return add([self.retired, *(it.numbers for it in self.workers)])

    @property
    def refusals(self) -> list[Refusal]:
        """The last refusals, the newest first."""
        found = (it for worker in self.workers for it in worker.refusals)
        return sorted(found, key=lambda it: it.at, reverse=True)

    @property
    def differences(self) -> list[Difference]:
        """The last differences, the newest first."""
        found = (it for worker in self.workers for it in worker.differences)
        return sorted(found, key=lambda it: it.at, reverse=True)
