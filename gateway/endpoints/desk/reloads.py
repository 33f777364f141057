"""The desk's section for the configuration: its last reload, and what that has changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.endpoints.desk.section import Asked, Page, Section
from gateway.endpoints.watch import Watch
from gateway.message.response import Response
from gateway.record.report import Change, GatewayReport


class ReloadsSection:
    """Shows when the configuration was read, why that failed, and what has changed."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def section(self) -> Section:
        """The section."""
        return Section(
            "configuration",
            Page("desk-configuration", self._shown),
            calls={"GET configuration": self._told},
        )

    async def _shown(self, _asked: Asked) -> Mapping[str, object]:
        return configuration_of(await self._watch.report())

    async def _told(self, asked: Asked) -> Response:
        return asked.answer(200, configuration_of(await self._watch.report()))


def configuration_of(report: GatewayReport) -> dict[str, Any]:
    """The last reload, and the last one that has changed something; None if there was none."""
    reloads = report.reloads
    return {
        "started_at": int(report.started_at),
        "last_reload": None
        if reloads.at is None
        else {
            "time": int(reloads.at),
            "success": reloads.succeeded,
            "problems": reloads.problems,
        },
        "last_change": None if reloads.change is None else _described(reloads.change),
    }


def _described(change: Change) -> dict[str, Any]:
    return {
        "time": int(change.at),
        "settings": [
            {"setting": it.path, **{name: asdict(it)[name] for name in ("old", "new")}}
            | {"hidden": it.is_hidden}
            for it in change.settings
        ],
        "moved": {name: other or None for name, other in change.moved.items()},
        "needs_restart": change.restart,
    }
