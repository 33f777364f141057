"""Explains the outcome of a dry run: the routes tried, the conditions, the decision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from gateway.assembly.dry_run import Decided, DryRun, open_dry_run
from gateway.assembly.pretence import FOREIGN, Pretence, asked_of
from gateway.authz.explain import Trial, try_items
from gateway.authz.facts import Facts
from gateway.authz.foreign import FOREIGN_CREDENTIAL, try_foreign
from gateway.authz.remedy import Remedy, is_by_rules, remedies
from gateway.forward.outbound import Outbound
from gateway.pages.reasons import reason_for
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import Answer
from gateway.routing.route import RESERVED, Route
from gateway.routing.table import build_table
from gateway.routing.trial import RouteTrial, try_routes
from gateway.settings.document import Path
from gateway.settings.scalars import format_duration, printable
from gateway.settings.schema import RouteSettings, Settings
from gateway.settings.shadow import all_enforced, only_deciding, shadow_names

# Response fields that tell the client what to do.
_TOLD_FIELDS = ("Location", "Retry-After")
_NO_MESSAGE = "the rules read the message: name it with --mcp-tool, or with another --mcp-method"
_MARKS = {"met": "+", "unmet": "-", "unreadable": "?", "failed": "!", "for the app": " "}
_ITEM_MARKS = {"holds": "+", "does not hold": "-", "cannot be told": "?"}


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
        shadow: What a route that is not enforced would decide; None if there is none for it.
    """

    decided: Decided
    place_of: Callable[[Path], str]
    readings: tuple[str, ...] = ()
    routes: tuple[RouteTrial, ...] = ()
    route: Route | None = None
    items: tuple[Trial, ...] = ()
    shadow: "Explanation | None" = None

    @property
    def decision(self) -> str:
        """``allow``, ``deny``, ``sign_in`` or ``step_up``; an error counts as ``deny``."""
        return word_of(self.decided.entry.decision)

    def remedies(self) -> list[Remedy]:
        """What would change the decision; empty if nothing in the request would."""
        entry, verdict = self.decided.entry, self.decided.verdict
        if self.decision == "allow":
            return list(remedies(self.items, allowed=True)) if entry.reason == "allowed" else []
        if self.decision == "sign_in":
            named = remedies(self.items, allowed=False, anonymous=True)
            return list(named) or [Remedy("", "would be decided anew after signing in")]
        if is_by_rules(self.items, entry.reason):
            return list(remedies(self.items, allowed=False))
        if entry.reason in ("denied", "gone"):
            return [Remedy("", "nothing in the request would: the route refuses everyone")]
        if entry.reason == "mcp-unreadable":
            # The options alone make the body here.
            return [Remedy("", _NO_MESSAGE)]
        status = verdict.response.status if isinstance(verdict, Answer) else HTTPStatus.FORBIDDEN
        return [Remedy("", reason_for(entry.reason, status).advice)]

    def lines(self) -> Iterator[str]:
        """For people.  The last line is the decision; escapes keep the request from forging one."""
        return map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        entry = self.decided.entry
        for reading in self.readings[1:]:
            yield f"some servers read the path as {reading!r}"
        for trial in self.routes:
            mark = "+" if trial.covers else "-"
            yield f"{mark} route {trial.route.name}: {self._said(trial)}"
        yield from self._rules()
        if self.shadow is not None:
            would = self.shadow.decided.entry
            name = would.route or "-"
            yield f"not enforced: {self.shadow.decision} reason: {would.reason} route: {name}"
            yield from self.shadow._rules()  # noqa: SLF001 - of the same class
        yield from (f"{name.replace('_', ' ')}: {value}" for name, value in self._outcome())
        yield from (f"to change it: {str(it).strip()}" for it in self.remedies())
        yield f"decision: {self.decision} reason: {entry.reason} route: {entry.route or '-'}"

    def _rules(self) -> Iterator[str]:
        """What `route` says, and what came of it."""
        if self.route is not None:
            yield from (f"    {name}: {value}" for name, value in _settings_of(self.route))
            for item in self.items:
                defined = self._defined(item)
                where = f"{item.where} ({defined})" if defined else item.where
                yield f"    {_ITEM_MARKS[item.state]} {where}: {item.state}"
                for finding in item.findings:
                    yield f"        {_MARKS[finding.word]} {finding}"

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
                {"where": item.where, "defined": self._defined(item), **finding.as_json()}
                for item in self.items
                for finding in item.findings
            ],
            "to_change_it": [
                {"where": it.where or None, "text": it.text} for it in self.remedies()
            ],
            "shadow": None if self.shadow is None else self.shadow.as_json(),
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


def word_of(decision: str) -> str:
    """A decision of the audit in one of four words: whatever fails is not let through."""
    return "deny" if decision == "error" else decision


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
        PretenceError: An option is not valid.
    """
    decided = await dry_run.decide(asked_of(settings, pretence, now))
    request, plan = decided.entry.request, decided.plan
    if decided.entry.framing is None:
        # The bytes are not a readable request, so no route applies.
        return Explanation(decided, place_of)
    table = build_table(
        settings.enforced_routes, next(iter(settings.upstreams)), settings.ignoring_case
    )
    readings, tried = tuple(request.target.readings), tuple(try_routes(table, request))
    found = next((it.route for it in tried if it.covers and it.route is not RESERVED), None)
    if plan is None or found is None or found.name != plan.route.name:
        return Explanation(decided, place_of, readings, tried)
    items = _items(plan, decided, pretence)
    return Explanation(decided, place_of, readings, tried, plan.route, items)


async def explain_all(
    settings: Settings,
    pretence: Pretence,
    now: float,
    place_of: Callable[[Path], str] = lambda path: "",
) -> Explanation:
    """As `explain`, with what a route that is not enforced would decide.

    Raises:
        PretenceError: An option is not valid.
    """
    async with open_dry_run(settings) as dry_run:
        told = await explain(settings, dry_run, pretence, now, place_of)
    other = all_enforced(settings)
    if other is None:
        return told
    async with open_dry_run(only_deciding(other)) as dry_run:
        shadow = await explain(other, dry_run, pretence, now, place_of)
    return replace(told, shadow=shadow if is_of(shadow, settings) else None)


def is_of(shadow: Explanation, settings: Settings) -> bool:
    """Whether a route that `settings` do not enforce would have decided as `shadow`."""
    return shadow.decided.entry.route in shadow_names(settings)


def _items(plan: RoutePlan, decided: Decided, pretence: Pretence) -> tuple[Trial, ...]:
    """The results of the rules of `plan` for the identity that the pipeline found.

    Its conditions are witnesses: what the decision evaluated is not evaluated again.  Empty if the
    credential was refused, because then the rules are not evaluated.
    """
    entry = decided.entry
    facts = Facts(entry.request, entry.identity, entry.request.received_at)
    is_foreign = pretence.kind == FOREIGN or entry.reason == FOREIGN_CREDENTIAL
    if plan.foreign is not None and is_foreign:
        return try_foreign(plan.access, facts)
    if pretence.kind is None or not entry.identity.is_anonymous:
        return try_items(plan.access, facts)
    return ()


def _settings_of(route: Route) -> Iterator[tuple[str, str]]:
    """The settings of a matching route, as in the file."""
    settings = route.settings
    if route.hosts:
        yield "host", ", ".join(sorted(route.hosts))
    if route.ignores_case:
        yield "path_case", "ignore"
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
    if settings.challenges:
        yield "challenges", ", ".join(settings.challenges)
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
