"""The desk's section for the last refusals, each of which leads to its explanation."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from gateway.endpoints.desk.section import Asked, BadCallError, Page, Section
from gateway.endpoints.watch import Watch
from gateway.message.response import Response
from gateway.record.report import GatewayReport

_SHOWN: Final = 100
_MOST: Final = 1000


class RefusalsSection:
    """Shows what workers have in memory, newest first."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def section(self) -> Section:
        """The section."""
        return Section(
            "refusals", Page("desk-refusals", self._shown), calls={"GET refusals": self._told}
        )

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        query, report = asked.query, await self._watch.report()
        route, user = query.get("route", ""), query.get("user", "")
        names = [it.name for it in self._watch.settings.enforced_routes]
        return {
            "rows": refusals_of(report, route, user, _SHOWN),
            "route": route,
            "routes": names if route in ("", *names) else [*names, route],
            "user": user,
            "whole": report.is_whole,
        }

    async def _told(self, asked: Asked) -> Response:
        query, report = asked.query, await self._watch.report()
        limit = query.get("limit", str(_SHOWN))
        if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= _MOST):
            raise BadCallError(f"limit is a number from 1 to {_MOST}")
        found = refusals_of(report, query.get("route", ""), query.get("user", ""), int(limit))
        return asked.answer(200, {"whole": report.is_whole, "items": found})


def refusals_of(report: GatewayReport, route: str, user: str, limit: int) -> list[dict[str, Any]]:
    """The last refusals, newest first; those of `route` and `user`, unless these are empty."""
    found = (
        it
        for it in report.refusals
        if route in ("", it.route or "none") and user in ("", it.user or "")
    )
    return [_described(asdict(it)) for it, _ in zip(found, range(limit), strict=False)]


def _described(refusal: dict[str, Any]) -> dict[str, Any]:
    return {"time": int(refusal.pop("at")), **refusal}
