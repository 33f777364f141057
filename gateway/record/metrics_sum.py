"""Adds up the metrics of several workers.

A snapshot is plain data, so that one process can send it to another.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from gateway.record.metrics import COUNTERS, HISTOGRAMS, UNPUBLISHED, Histogram, Metrics

Label = str | tuple[object, ...]

# How to combine a gauge of all workers.  Sessions are in the shared store, so every worker reports
# the same number; a reload succeeded only if every worker took it; all other gauges add up.
_COMBINED: Mapping[str, Callable[[Iterable[float]], float]] = {
    "gatepost_sessions_active": max,
    "gatepost_config_last_reload_success": min,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All metrics of one worker at one moment.

    Attributes:
        counters: Attribute of `Metrics` -> label values -> count.
        histograms: Attribute of `Metrics` -> label values -> counts by bucket, and seconds.
        gauges: Name and label values -> value.
    """

    counters: Mapping[str, Mapping[Label, int]] = field(default_factory=dict)
    histograms: Mapping[str, Mapping[Label, tuple[list[int], float]]] = field(default_factory=dict)
    gauges: Mapping[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: Metrics) -> Self:
        """The current values of `metrics`."""
        return cls(
            {name: dict(getattr(metrics, name)) for name in (*COUNTERS, *UNPUBLISHED)},
            {
                name: {
                    key: (list(it.counts), it.sum_s) for key, it in getattr(metrics, name).items()
                }
                for name in HISTOGRAMS
            },
            {key: read() for key, read in metrics.gauges.items()},
        )

    def without_gauges(self) -> "Snapshot":
        """The part that stays valid after the worker has ended."""
        return Snapshot(self.counters, self.histograms)


def add(snapshots: Iterable[Snapshot]) -> Metrics:
    """The sum of all `snapshots`."""
    total = Metrics()
    gauges: dict[tuple[str, tuple[str, ...]], list[float]] = {}
    for each in snapshots:
        _add_counts(total, each)
        for gauge, value in each.gauges.items():
            gauges.setdefault(gauge, []).append(value)
    for gauge, values in gauges.items():
        total.gauges[gauge] = partial(_COMBINED.get(gauge[0], sum), values)
    return total


def _add_counts(total: Metrics, each: Snapshot) -> None:
    for name, counts in each.counters.items():
        counter = getattr(total, name)
        for key, count in counts.items():
            counter[key] += count
    for name, found in each.histograms.items():
        histograms = getattr(total, name)
        for key, (buckets, seconds) in found.items():
            histogram: Histogram = histograms[key]
            for index, count in enumerate(buckets):
                histogram.counts[index] += count
            histogram.sum_s += seconds
