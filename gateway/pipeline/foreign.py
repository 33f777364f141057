"""Requests with credentials that are not the gateway's, on a route that leaves them to the app."""

from collections.abc import Awaitable

from gateway.authn import Authenticated, Outcome, Pending, Rejected, judge_all
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.authz.facts import Facts
from gateway.authz.foreign import decide_foreign
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import ANONYMOUS, Deny
from gateway.pipeline.admit import Admitter, SessionTools
from gateway.pipeline.decisions import Decisions, deny
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import VERDICTS, Verdict
from gateway.record.audit import Entry


class ForeignCredentials:
    """Decides on requests with foreign credentials."""

    def __init__(self, decisions: Decisions, admitter: Admitter, sessions: SessionTools) -> None:
        self._decisions = decisions
        self._admitter = admitter
        self._sessions = sessions

    def begin(self, entry: Entry, plan: RoutePlan, own: Request) -> Verdict | Awaitable[Verdict]:
        """Judge `own`, the part of the request that `own_part` leaves to the gateway."""
        return self._judge(entry, plan, own, judge_all(own, plan.authenticators, plan.guarded))

    async def _ask(self, entry: Entry, plan: RoutePlan, own: Request, pending: Pending) -> Verdict:
        verdict = self._judge(entry, plan, own, await pending.ask())
        return verdict if isinstance(verdict, VERDICTS) else await verdict

    def _judge(
        self, entry: Entry, plan: RoutePlan, own: Request, outcome: Outcome | Pending
    ) -> Verdict | Awaitable[Verdict]:
        """Admit the request without identity, unless it also has a bad credential of ours."""
        if isinstance(outcome, Pending):
            return self._ask(entry, plan, own, outcome)
        request = entry.request
        cleared: FieldList = ()
        if isinstance(outcome, Authenticated):
            refused = self._decisions.refuse_unfit(entry, plan, outcome.identity)
            if refused is not None:
                return refused
            # With two identities in one request, the app would have to choose.
            entry.identity = ANONYMOUS
        if isinstance(outcome, Rejected):
            if not outcome.lapsed:
                return self._decisions.reject(entry, plan, outcome)
            self._decisions.count_authentication(outcome.kind, outcome.reason)
            cleared = (self._sessions.clear(request),)
        decision = decide_foreign(plan.access, Facts(request, ANONYMOUS, request.received_at))
        if isinstance(decision, Deny):
            return deny(entry, decision, plan.admission)
        entry.decide("allow", decision.reason)
        kept = plan.less_authorization() if own.fields.has(AUTHORIZATION) else plan
        return self._admitter.admit_anonymous(entry, kept, cleared)


def own_part(plan: RoutePlan, request: Request) -> Request | None:
    """The part of `request` for the gateway to judge; None if that is all of it."""
    return None if plan.foreign is None else plan.foreign.own_part(request, plan.guarded)
