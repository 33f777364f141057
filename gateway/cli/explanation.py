"""Explains the outcome of a dry run: the routes tried, the conditions, the decision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from gateway.assembly.dry_run import Decided, DryRun
from gateway.authz.access import compile_access
from gateway.authz.explain import Finding, Trial, try_items
from gateway.authz.facts import Facts
from gateway.authz.foreign import FOREIGN_CREDENTIAL, try_foreign
from gateway.authz.request_conditions import CountryOf
from gateway.cli.pretence import FOREIGN, Pretence, asked_of
from gateway.forward.outbound import Outbound
from gateway.pages.reasons import reason_for
from gateway.pipeline.verdict import Answer
from gateway.routing.route import RESERVED, Route
from gateway.routing.table import build_table
from gateway.routing.trial import RouteTrial, try_routes
from gateway.settings.countries import countries_of
from gateway.settings.document import Path
from gateway.settings.scalars import format_duration, printable
from gateway.settings.schema import AccessRules, RouteSettings, Settings

# Response fields that tell the client what to do.
_TOLD_FIELDS = ("Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happens to a request, and why.

    Attributes:
        decided: The pipeline's outcome; the rest explains it.
        readings: All ways in which servers read the path; ours is the first.
        routes: The routes tried.
        route: The route that decided; None if none did.
        items: The results of the rules of `route`; empty if they were not evaluated.
        place_of: The place of a setting in the files, see `Loaded.place`.
    """

    decided: Decided
    readings: tuple[str, ...]
    routes: tuple[RouteTrial, ...]
    route: Route | None
    items: tuple[Trial, ...]
    place_of: Callable[[Path], str]

    @property
    def decision(self) -> str:
        """``allow``, ``deny``, ``sign_in`` or ``step_up``; an error counts as ``deny``."""
        decision = self.decided.entry.decision
        return "deny" if decision == "error" else decision

    def lines(self) -> Iterator[str]:
        """For people.  The last line is the decision; escapes keep the request from forging one."""
        return map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        entry = self.decided.entry
        for reading in self.readings[1:]:
            yield f"some servers read the path as {reading!r}"
        for trial in self.routes:
            yield f"route {trial.route.name}: {self._said(trial)}"
        if self.route is not None:
            yield from (f"  {name}: {value}" for name, value in _settings_of(self.route))
            for item in self.items:
                defined = self._defined(item)
                yield f"  {item.where} ({defined}):" if defined else f"  {item.where}:"
                yield from (f"    {finding}" for finding in item.findings)
        yield from (f"{name.replace('_', ' ')}: {value}" for name, value in self._outcome())
        yield f"decision: {self.decision} reason: {entry.reason} route: {entry.route or '-'}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        entry = self.decided.entry
        return {
            "decision": self.decision,
            "reason": entry.reason,
            "route": entry.route,
            **dict(self._outcome()),
            "readings": list(self.readings),
            "routes": [
                {"route": it.route.name, "covers": list(it.covers), "why_not": it.why_not or None}
                for it in self.routes
            ],
            "settings": {} if self.route is None else dict(_settings_of(self.route)),
            "conditions": [
                {"where": item.where, "defined": self._defined(item), **_finding(finding)}
                for item in self.items
                for finding in item.findings
            ],
        }

    def _defined(self, item: Trial) -> str | None:
        """Where the item of a named condition is defined; None for other items."""
        return self.place_of(item.origin) if item.origin else None

    def _said(self, trial: RouteTrial) -> str:
        if not trial.covers:
            return trial.why_not
        if len(trial.covers) == len(self.readings):
            return "matches the request"
        return f"matches as {', '.join(map(repr, trial.covers))}"

    def _outcome(self) -> Iterator[tuple[str, str]]:
        """What the gateway does, and why if it does not forward the request."""
        verdict = self.decided.verdict
        if isinstance(verdict, Outbound):
            yield "goes_to", verdict.upstream.name
            sent = verdict.head.split(b" ", 2)[1]
            if sent != self.decided.entry.request.target.raw:
                yield "sent_as", sent.decode("latin-1")
        elif isinstance(verdict, Answer):
            status = HTTPStatus(verdict.response.status)
            yield "answer", f"{status} {status.phrase}"
            for name, value in verdict.response.fields:
                if name in _TOLD_FIELDS:
                    yield name.lower().replace("-", "_"), value
            if status >= HTTPStatus.MULTIPLE_CHOICES:
                yield "because", reason_for(self.decided.entry.reason, status).explanation
        else:
            yield "answer", "an endpoint of the gateway's own"


async def explain(
    settings: Settings,
    dry_run: DryRun,
    pretence: Pretence,
    now: float,
    place_of: Callable[[Path], str] = lambda path: "",
) -> Explanation:
    """Explain the request of `pretence`, sent at `now` unless it names a time.

    `place_of` gives the place of a setting in the files.

    Raises:
        click.UsageError: An option is not valid.
    """
    decided = await dry_run.decide(asked_of(settings, pretence, now))
    request, name = decided.entry.request, decided.entry.route
    if decided.entry.framing is None:
        # The bytes are not a readable request, so no route applies.
        return Explanation(decided, (), (), None, (), place_of)
    table = build_table(settings.routes, next(iter(settings.upstreams)), settings.ignoring_case)
    tried = tuple(try_routes(table, request))
    found = next((it.route for it in tried if it.covers and it.route is not RESERVED), None)
    route = found if found is not None and found.name == name else None
    country_of = countries_of(settings.country_file)
    items = () if route is None else _items(route, decided, pretence, country_of)
    return Explanation(decided, tuple(request.target.readings), tried, route, items, place_of)


def _items(
    route: Route, decided: Decided, pretence: Pretence, country_of: CountryOf | None
) -> tuple[Trial, ...]:
    """The results of the rules of `route` for the identity that the pipeline found.

    Empty if the credential was refused, because then the rules are not evaluated.
    """
    entry, access = decided.entry, route.access
    assert isinstance(access, str | AccessRules)  # noqa: S101 - the schema ensures it
    facts = Facts(entry.request, entry.identity, entry.request.received_at)
    compiled = compile_access(access, country_of)
    passes = route.settings is not None and route.settings.passes_foreign
    if passes and (pretence.kind == FOREIGN or entry.reason == FOREIGN_CREDENTIAL):
        return try_foreign(compiled, facts)
    if pretence.kind is None or not entry.identity.is_anonymous:
        return try_items(compiled, facts)
    return ()


def _settings_of(route: Route) -> Iterator[tuple[str, str]]:
    """The settings of a matching route, as in the file."""
    settings = route.settings
    if settings is not None:
        yield from _restrictions(settings)
    yield "access", route.access if isinstance(route.access, str) else "rules"


def _restrictions(settings: RouteSettings) -> Iterator[tuple[str, str]]:
    if settings.credentials:
        yield "credentials", ", ".join(settings.credentials)
    for name in ("unauthenticated", "foreign_credentials", "preflight"):
        value = getattr(settings, name)
        if value != RouteSettings.model_fields[name].default:
            yield name, value
    for name in ("strip_prefix", "add_prefix"):
        if value := getattr(settings, name):
            yield name, value
    if settings.cors is not None:
        yield "cors", ", ".join(settings.cors.origins)
    limit, deprecated = settings.rate_limit, settings.deprecated
    if limit is not None:
        yield "rate_limit", f"{limit.requests} per {format_duration(limit.per)} by {limit.by}"
    if deprecated is not None:
        until = "" if deprecated.sunset is None else f", gone from {deprecated.sunset}"
        yield "deprecated", f"since {deprecated.since}{until}"


def _finding(finding: Finding) -> dict[str, str | None]:
    result = finding.result
    return {
        "condition": finding.label,
        "result": finding.word,
        "reason": getattr(result, "reason", None),
        "detail": getattr(result, "detail", None),
    }
