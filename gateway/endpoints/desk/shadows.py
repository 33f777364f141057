"""The desk's section for what is tried in shadow: what it would decide differently."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from gateway.endpoints.desk.section import Asked, Page, Section
from gateway.endpoints.watch import Watch
from gateway.message.response import Response
from gateway.record.report import GatewayReport
from gateway.record.watched import Difference
from gateway.settings.schema import Settings
from gateway.settings.shadow import shadow_names

_EXAMPLES: Final = 50
_GROUP: Final = (
    *("member", "route", "decision", "reason"),
    *("shadow_route", "shadow_decision", "shadow_reason"),
)


class ShadowsSection:
    """Shows the differences by what decided and what would have."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def section(self) -> Section:
        """The section."""
        return Section(
            "shadows", Page("desk-shadows", self._shown), calls={"GET shadows": self._told}
        )

    async def _shown(self, _asked: Asked) -> Mapping[str, object]:
        return shadows_of(self._watch.settings, await self._watch.report())

    async def _told(self, asked: Asked) -> Response:
        return asked.answer(200, shadows_of(self._watch.settings, await self._watch.report()))


def shadows_of(settings: Settings, report: GatewayReport) -> dict[str, Any]:
    """What is in shadow, how often it differs and how, and the last examples."""
    counts = report.numbers.shadow_changes
    groups = [
        {**dict(zip(_GROUP, key, strict=True)), "count": count} for key, count in counts.items()
    ]
    return {
        "since": int(report.started_at),
        "whole": report.is_whole,
        "routes": sorted(shadow_names(settings)),
        "file": settings.shadow is not None,
        "differences": sorted(groups, key=lambda it: -int(it["count"])),
        "examples": [_described(it) for it in report.differences[:_EXAMPLES]],
    }


def _described(difference: Difference) -> dict[str, Any]:
    about = asdict(difference)
    return {"time": int(about.pop("at")), **about}
