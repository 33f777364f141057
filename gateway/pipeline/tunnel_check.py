"""Decides again on the requests that opened tunnels, when the configuration changes."""

import logging
from collections.abc import Callable, Mapping

from gateway.authz.access import decide
from gateway.authz.facts import Facts
from gateway.authz.foreign import decide_foreign
from gateway.message.request import Request
from gateway.model import Allow
from gateway.pipeline.decisions import Decisions, is_good_for
from gateway.pipeline.foreign import own_part
from gateway.pipeline.matching import Matcher
from gateway.pipeline.read import Hosts
from gateway.pipeline.route_plan import RoutePlan
from gateway.record.audit import Entry
from gateway.routing.route import RESERVED, is_preflight

_log = logging.getLogger(__name__)


class TunnelCheck:
    """Judges by the rules of one configuration."""

    def __init__(
        self,
        matcher: Matcher,
        hosts: Hosts,
        plans: Mapping[int, RoutePlan],
        decisions: Decisions,
        knows_client: Callable[[str], bool],
    ) -> None:
        self._matcher = matcher
        self._served = hosts
        self._plans = plans
        self._decisions = decisions
        self._knows_client = knows_client

    def still_allows(self, entry: Entry, now: float) -> bool:
        """Whether the tunnel that the request of `entry` opened would still be allowed at `now`.

        The identity is already known, so only the decision that follows from it is repeated.
        """
        request, identity = entry.request, entry.identity
        try:
            route = self._matcher.match(request)
            if route is None or route is RESERVED or not self._served.serves(request.host):
                return False
            plan = self._plans[route.index]
            if plan.to is None or _is_gone(plan, now):
                return False
            if identity.client is not None and not self._knows_client(identity.client):
                return False
            if not identity.is_anonymous and identity.credential not in plan.admission.credentials:
                return False
            if identity.is_anonymous and passes_preflight(plan, request):
                return True
            if not is_good_for(identity, plan.route, request):
                return False
            if self._decisions.is_foreign(entry, plan, identity):
                return False
            if identity.is_anonymous and own_part(plan, request) is not None:
                return isinstance(decide_foreign(plan.access, Facts(request, identity, now)), Allow)
            return isinstance(decide(plan.access, Facts(request, identity, now)), Allow)
        except Exception as error:  # noqa: BLE001 - any failure of a decision is a deny
            _log.info("closing the tunnel: %r", error, extra={"request_id": request.request_id})
            return False


def passes_preflight(plan: RoutePlan, request: Request) -> bool:
    """Whether `request` is a preflight that the app is to answer."""
    return plan.route.preflight == "pass" and is_preflight(request)


def _is_gone(plan: RoutePlan, now: float) -> bool:
    return plan.deprecation is not None and plan.deprecation.is_over(now)
