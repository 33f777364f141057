"""The sections of the desk that only show: what the gateway does, and why."""

from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.explain import ExplainSection
from gateway.endpoints.desk.overview import OverviewSection
from gateway.endpoints.desk.refusals import RefusalsSection
from gateway.endpoints.desk.reloads import ReloadsSection
from gateway.endpoints.desk.route_counts import RoutesSection
from gateway.endpoints.desk.section import Section
from gateway.endpoints.desk.shadows import ShadowsSection


def first_of_watch(deps: Deps) -> list[Section]:
    """What the desk opens with."""
    watch = deps.watch
    return [] if watch is None else [OverviewSection(watch, deps.clock).section()]


def rest_of_watch(deps: Deps) -> list[Section]:
    """All others, in the order of the navigation."""
    watch, find = deps.watch, deps.find_refusal
    explain = [] if find is None else [ExplainSection(find, watch).section()]
    if watch is None:
        return explain
    return [
        RoutesSection(watch).section(),
        RefusalsSection(watch).section(),
        *explain,
        ShadowsSection(watch).section(),
        ReloadsSection(watch).section(),
    ]
