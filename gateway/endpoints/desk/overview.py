"""The desk's first page: whether everything works, and the last refusals."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.endpoints.desk.refusals import refusals_of
from gateway.endpoints.desk.section import Asked, Page, Section
from gateway.endpoints.watch import Watch
from gateway.message.response import Response
from gateway.record.report import GatewayReport, Part
from gateway.storage.store import Clock

_SHOWN: Final = 5
# How a fact that several workers tell differently is told of all of them.
_OF_ALL: Mapping[str, Callable[[Iterable[float]], float]] = {
    "latency_ms": max,
    "metadata_at": max,
    "keys_at": max,
    "sent_at": max,
}
_WORST_FIRST: Final = ("fails", "works", "unknown")


class OverviewSection:
    """Shows the parts that the gateway depends on, and what they did the last time."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock

    def section(self) -> Section:
        """The section."""
        return Section(
            "overview", Page("desk-overview", self._shown), calls={"GET health": self._told}
        )

    async def _shown(self, _asked: Asked) -> Mapping[str, object]:
        report = await self._watch.report()
        return {
            "health": health_of(report, self._clock()),
            "rows": refusals_of(report, "", "", _SHOWN),
        }

    async def _told(self, asked: Asked) -> Response:
        return asked.answer(200, health_of(await self._watch.report(), self._clock()))


def health_of(report: GatewayReport, now: float) -> dict[str, Any]:
    """Every part as it is for the worst of the workers."""
    grouped: dict[tuple[str, str], list[Part]] = {}
    for worker in report.workers:
        for part in worker.parts:
            grouped.setdefault((part.kind, part.name), []).append(part)
    parts = [_of_all(them) for them in grouped.values()]
    reloads = report.reloads
    return {
        "version": report.version,
        "build": report.build,
        "started_at": int(report.started_at),
        "uptime_s": max(0, int(now - report.started_at)),
        "whole": report.is_whole,
        "workers": {
            "wanted": report.wanted,
            "this": os.getpid(),
            "answering": sum(not it.is_silent for it in report.workers),
            "processes": [
                {
                    "pid": it.pid,
                    "started_at": None if it.is_silent else int(it.started_at),
                    "silent": it.is_silent,
                }
                for it in report.workers
            ],
        },
        "reload_succeeded": reloads.succeeded,
        "healthy": report.is_whole and reloads.succeeded and not any(map(_fails, parts)),
        "parts": parts,
    }


def _fails(part: Mapping[str, object]) -> bool:
    return part["state"] == "fails"


def _of_all(parts: list[Part]) -> dict[str, Any]:
    worst = min(parts, key=lambda it: _WORST_FIRST.index(it.state))
    facts = {name: [it.more.get(name) for it in parts] for name in dict(worst.more)}
    return {
        "kind": worst.kind,
        "name": worst.name,
        "state": worst.state,
        "detail": worst.detail or None,
        "failing_workers": sum(it.state == "fails" for it in parts),
        **{name: _combined(name, values) for name, values in facts.items()},
    }


def _combined(name: str, values: Iterable[float | None]) -> float | None:
    known = [it for it in values if it is not None]
    if not known:
        return None
    found = _OF_ALL.get(name, sum)(known)
    return round(found, 1) if name == "latency_ms" else int(found)
