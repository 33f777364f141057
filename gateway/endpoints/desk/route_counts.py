"""The desk's section for the routes: what each covers, who may pass, and what came of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.authz.access import compile_items
from gateway.endpoints.desk.section import Asked, Page, Section
from gateway.endpoints.watch import Watch
from gateway.message.response import Response
from gateway.record.report import GatewayReport
from gateway.settings.access import Access, Entry, Named
from gateway.settings.routes import RouteSettings
from gateway.settings.schema import Settings

_REFUSED = frozenset({"deny", "step_up", "error"})


class RoutesSection:
    """Shows the routes in the order in which they are tried."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def section(self) -> Section:
        """The section."""
        return Section("routes", Page("desk-routes", self._shown), calls={"GET routes": self._told})

    async def _shown(self, _asked: Asked) -> Mapping[str, object]:
        return routes_of(self._watch.settings, await self._watch.report())

    async def _told(self, asked: Asked) -> Response:
        return asked.answer(200, routes_of(self._watch.settings, await self._watch.report()))


def routes_of(settings: Settings, report: GatewayReport) -> dict[str, Any]:
    """Each route of `settings`, then what else was counted: by no route, or by one that is gone."""
    numbers = report.numbers
    served, shadowed = _decisions(numbers.decisions), _decisions(numbers.shadow_decisions)
    deprecated = Counter[str]()
    for (name, _), count in numbers.deprecated_requests.items():
        deprecated[name] += count
    routes = []
    for route in settings.routes:
        counts = served.pop(route.name, {}) if route.enforce else shadowed.get(route.name, {})
        about = {**_about(route, settings), **_counted(counts)}
        routes.append({**about, "deprecated_requests": deprecated[route.name]})
    others = [{"name": name, **_counted(counts)} for name, counts in served.items()]
    return {
        "since": int(report.started_at),
        "whole": report.is_whole,
        "routes": routes,
        "others": sorted(others, key=lambda it: str(it["name"])),
    }


def _decisions(
    counts: Mapping[tuple[str, str, str], int],
) -> dict[str, dict[tuple[str, str], int]]:
    """Counts by route, then by decision and reason."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for (route, decision, reason), count in counts.items():
        found.setdefault(route, {})[decision, reason] = count
    return found


def _counted(counts: Mapping[tuple[str, str], int]) -> dict[str, object]:
    decisions, refusals = Counter[str](), Counter[str]()
    for (decision, reason), count in counts.items():
        decisions[decision] += count
        if decision in _REFUSED:
            refusals[reason] += count
    return {
        "requests": decisions.total(),
        "decisions": dict(decisions.most_common()),
        "refusals": dict(refusals.most_common()),
    }


def _about(route: RouteSettings, settings: Settings) -> dict[str, object]:
    deprecated = route.deprecated
    return {
        "name": route.name,
        "hosts": route.host,
        "methods": route.methods,
        "paths": route.path,
        "prefixes": route.prefix,
        "regex": route.regex,
        "access": access_of(route.access),
        "credentials": route.credentials,
        "upstream": route.upstream if route.upstream in settings.upstreams else None,
        "enforced": route.enforce,
        "deprecated": None
        if deprecated is None
        else {
            "since": deprecated.since.isoformat(),
            "sunset": None if deprecated.sunset is None else deprecated.sunset.isoformat(),
        },
    }


def access_of(access: Access) -> str | dict[str, list[str]]:
    """The keyword, or the items of `allow` and `deny`, each in words."""
    if isinstance(access, str):
        return access
    return {"allow": list(_items(access.allow)), "deny": list(_items(access.deny))}


def _items(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Named):
            yield entry.name
        else:
            (item,) = compile_items((entry,), _no_country)
            yield "; ".join(item.labels)


def _no_country(_ip: str) -> str | None:
    return None
