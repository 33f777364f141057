"""Explains each request that is refused, for those who administer the gateway.

It stands around the pipeline, so that without `admins` a request passes nothing of it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping

from gateway.authz.explain import Trial, try_items
from gateway.authz.facts import Facts
from gateway.authz.remedy import is_by_rules, remedies
from gateway.pipeline.around import AroundPipeline
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import RequestHandler
from gateway.record.audit import Entry, cut_path
from gateway.routing.trial import RouteTrial

_log = logging.getLogger(__name__)

_REFUSED = frozenset({"deny", "step_up"})

Document = Mapping[str, object]


class RefusedPipeline(AroundPipeline):
    """See RequestHandler."""

    def __init__(
        self,
        handler: RequestHandler,
        pipeline: Pipeline,
        note: Callable[[str, Callable[[], Document]], None],
        refused: Callable[[Entry, int], None],
    ) -> None:
        """Pass on to `handler`, in which `pipeline` decides; `note` keeps what is told.

        `note` takes the request's id, and makes the explanation if it keeps it.  `refused` gets
        each refusal, with its status.
        """
        super().__init__(handler)
        self._decides = pipeline
        self._note = note
        self._refused = refused

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See RequestHandler."""
        if entry.decision in _REFUSED and not entry.recorded:
            self._refused(entry, status)
            self._note(entry.request.request_id, lambda: self._explained(entry, status))
        self._pipeline.finish(entry, status, upstream, upstream_s)

    def _explained(self, entry: Entry, status: int) -> Document:
        try:
            plan = self._decides.plan_of(entry.route or "")
            tried = () if entry.framing is None else self._decides.try_routes(entry.request)
            return explanation_of(entry, status, tried, plan)
        except Exception:  # noqa: BLE001 - what is told must never decide what happens
            _log.exception("a refused request is not explained")
            return {"request_id": entry.request.request_id}


def explanation_of(
    entry: Entry, status: int, tried: Iterable[RouteTrial], plan: RoutePlan | None
) -> Document:
    """Why the request of `entry` was refused, without its query, fields and credentials.

    `plan` is that of the route that decided; None if no route did.
    """
    request, identity = entry.request, entry.identity
    items: tuple[Trial, ...] = ()
    if plan is not None and not identity.is_anonymous:
        items = try_items(plan.access, Facts(request, identity, request.received_at))
    by_rules = is_by_rules(items, entry.reason)
    # As the audit has it: the rest may be a session id or a code.
    path = cut_path(request.target.path)
    return {
        "request_id": request.request_id,
        "time": int(request.received_at),
        "method": request.method,
        "host": request.host,
        "path": path,
        "ip": request.client,
        "status": status,
        "decision": entry.decision,
        "reason": entry.reason,
        "route": entry.route,
        "user": identity.user or None,
        "provider": identity.provider or None,
        "credential": identity.credential,
        "routes": [
            {
                "route": it.route.name,
                "covers": list(map(cut_path, it.covers)),
                "why_not": it.why_not.replace(request.target.path, path) or None,
            }
            for it in tried
        ],
        "conditions": [
            {"where": item.where, **finding.as_json()}
            for item in items
            for finding in item.findings
        ],
        "to_change_it": [
            {"where": it.where, "text": it.text}
            for it in (remedies(items, allowed=False) if by_rules else ())
        ],
    }
