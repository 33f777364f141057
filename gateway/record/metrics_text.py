"""`metrics` in the Prometheus text format; imported at the first scrape."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.record.metrics import BOUNDS, COUNTERS, GAUGES, HISTOGRAMS, Histogram, Metrics


def collect(metrics: Metrics) -> Iterable[Metric]:
    """One family for each metric, with or without samples."""
    for attribute, (name, text, labels) in COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=labels)
        for key, value in list(getattr(metrics, attribute).items()):
            counter.add_metric([str(part) for part in key], value)
        yield counter
    for attribute, (name, text, labels) in HISTOGRAMS.items():
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for key, value in list(getattr(metrics, attribute).items()):
            names = [key] if isinstance(key, str) else list(key)
            histogram.add_metric(names, _buckets(value), value.sum_s)
        yield histogram
    for name, (text, labels) in GAUGES.items():
        gauge = GaugeMetricFamily(name, text, labels=labels)
        for (of, values), read in list(metrics.gauges.items()):
            if of == name:
                gauge.add_metric(list(values), read())
        yield gauge


def exposition(metrics: Metrics) -> bytes:
    """The text format, version 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(metrics))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return collect(self._metrics)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    total, found = 0, []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), histogram.counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
