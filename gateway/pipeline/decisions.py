"""Decides on a request whose credentials are known: deny it, require sign-in, or admit it."""

import logging
from collections.abc import Awaitable
from functools import partial
from operator import attrgetter

from gateway import responses
from gateway.authn import Rejected
from gateway.authn.cross_site import is_cross_site
from gateway.authz.access import decide
from gateway.authz.facts import Facts
from gateway.authz.message_conditions import NOT_READ
from gateway.bounded import remember
from gateway.kinds import AMBIENT
from gateway.message.public_url import home_of, origin_of
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import ANONYMOUS, Allow, Deny, Identity, SignIn, StepUp
from gateway.mutate.templates import is_sendable
from gateway.pipeline.admit import Admitter, SessionTools
from gateway.pipeline.cors import Cors
from gateway.pipeline.kept_form import sign_in_first
from gateway.pipeline.messages import is_seen, judge_messages, read_body, read_without_body
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import Answer, Verdict
from gateway.record.audit import Entry
from gateway.record.metrics import Metrics
from gateway.responses import Admission
from gateway.routing.route import Route

_log = logging.getLogger(__name__)

_REMEMBERED_USERS = 4096
_ALWAYS = Admission(unauthenticated="sign_in")
_FOR_ANOTHER_RESOURCE = Rejected("token-not-for-resource", kind="token")


class Decisions:
    """Makes decisions, and notes them in the request's entry."""

    def __init__(
        self,
        admitter: Admitter,
        sessions: SessionTools,
        metrics: Metrics,
        origins: frozenset[bytes],
        user_header: str,
    ) -> None:
        """Apps get an identity's attribute `user_header` as the user."""
        self._admitter = admitter
        self._sessions = sessions
        self._metrics = metrics
        self._origins = origins
        self._sendable: dict[str, None] = {}
        self._user = None if user_header == "user" else attrgetter(user_header)

    def refuse_unfit(
        self, entry: Entry, plan: RoutePlan, identity: Identity
    ) -> Verdict | Awaitable[Verdict] | None:
        """Refuse a valid credential that may not be used for this request, or return None.

        Notes its identity.
        """
        entry.identity = identity
        self.count_authentication(identity.credential, "success")
        user = identity.user if self._user is None else self._user(identity) or ""
        if user not in self._sendable and not self._is_sendable(user):
            # Without a user field, the app would treat the person as anonymous.
            return deny(entry, Deny("user-unusable"))
        if not is_good_for(identity, plan.route, entry.request):
            if identity.credential == "token":
                # RFC 8707, section 3: a client must be able to get a better one.
                return self.reject(entry, plan, _FOR_ANOTHER_RESOURCE)
            return deny(entry, Deny("key-not-for-route"))
        return deny(entry, Deny("cross-site")) if self.is_foreign(entry, plan, identity) else None

    def is_foreign(self, entry: Entry, plan: RoutePlan, identity: Identity) -> bool:
        """Whether a page that the route does not trust uses a credential that browsers add."""
        if identity.credential not in AMBIENT:
            return False
        if not is_cross_site(entry.request, self._origins, upgrade=entry.asks_for_upgrade):
            return False
        return plan.cors is None or not plan.cors.trusts(entry.request)

    def _is_sendable(self, user: str) -> bool:
        if not is_sendable(user):
            return False
        remember(self._sendable, user, None, _REMEMBERED_USERS)
        return True

    def reject(
        self, entry: Entry, plan: RoutePlan, outcome: Rejected
    ) -> Verdict | Awaitable[Verdict]:
        """Refuse a bad credential; if it has only lapsed, ask to sign in or go on without it."""
        request = entry.request
        self.count_authentication(outcome.kind, outcome.reason)
        if outcome.detail:
            _log.info(
                "%s: %s", outcome.reason, outcome.detail, extra={"request_id": request.request_id}
            )
        cleared = (self._sessions.clear(request),) if outcome.clears_cookie else ()
        if outcome.lapsed and plan.access.word == "optional":
            return self.authorize(entry, plan, ANONYMOUS, cleared)
        if outcome.lapsed:
            entry.decide("sign_in", outcome.reason)
            refuse = partial(
                responses.sign_in, request, plan.admission, reason=outcome.reason, fields=cleared
            )
            return sign_in_first(entry, plan.admission, self._origins, refuse)
        if outcome.status != 401:  # noqa: PLR2004 - the others are 400 and 429
            return deny(entry, Deny(outcome.reason, outcome.detail, outcome.status))
        entry.decide("deny", outcome.reason)
        return Answer(
            responses.rejected(
                request, outcome.reason, plan.admission, presented=outcome.kind, fields=cleared
            )
        )

    def authorize(
        self,
        entry: Entry,
        plan: RoutePlan,
        identity: Identity,
        added: FieldList = (),
    ) -> Verdict | Awaitable[Verdict]:
        """Decide by the route's rules; `added` are fields for the app's response."""
        request = entry.request
        decision = decide(plan.access, Facts(request, identity, request.received_at))
        match decision:
            case Allow():
                entry.decide("allow", decision.reason)
                return self._admitter.admit(entry, plan, identity, added)
            case Deny():
                if decision.reason == NOT_READ and is_seen(entry):
                    return self._read_first(entry, plan, identity, added)
                return deny(entry, decision, plan.admission)
            case SignIn(reason=reason):
                entry.decide("sign_in", reason)
                if plan.access.word == "sign_in":
                    # Returning to this route would start the next sign-in.
                    home = home_of(request)
                    return Answer(
                        responses.sign_in(request, _ALWAYS, reason=reason, return_to=home)
                    )
                refuse = partial(responses.sign_in, request, plan.admission, reason=reason)
                return sign_in_first(entry, plan.admission, self._origins, refuse)
            case StepUp(reason=reason):
                entry.decide("step_up", reason)
                refuse = partial(
                    responses.for_decision, request, decision, plan.admission, identity=identity
                )
                return sign_in_first(entry, plan.admission, self._origins, refuse)

    def _read_first(
        self, entry: Entry, plan: RoutePlan, identity: Identity, added: FieldList
    ) -> Verdict | Awaitable[Verdict]:
        """As `authorize`, by rules about the message, which has not been read yet."""
        if not read_without_body(entry):
            return self._authorize_later(entry, plan, identity, added)
        judge_messages(entry, plan.access, identity)
        return self.authorize(entry, plan, identity, added)

    async def _authorize_later(
        self, entry: Entry, plan: RoutePlan, identity: Identity, added: FieldList
    ) -> Verdict:
        await read_body(entry)
        judge_messages(entry, plan.access, identity)
        verdict = self.authorize(entry, plan, identity, added)
        return await verdict if isinstance(verdict, Awaitable) else verdict

    def count_authentication(self, credential: str, outcome: str) -> None:
        """Count one judged credential in the metrics."""
        self._metrics.count_authentication(credential, outcome)


def deny(entry: Entry, decision: Deny, admission: Admission = responses.SESSION_ONLY) -> Answer:
    """Refuse a request for the reason that `decision` gives."""
    entry.decide("deny", decision.reason)
    return Answer(
        responses.for_decision(entry.request, decision, admission, identity=entry.identity)
    )


def answer_preflight(entry: Entry, cors: Cors) -> Answer:
    """Answer a CORS preflight in place of the app."""
    response = cors.answer_preflight(entry.request)
    if response is None:
        return deny(entry, Deny("origin-not-allowed"))
    entry.decide("allow", "preflight")
    return Answer(response)


def is_good_for(identity: Identity, route: Route, request: Request) -> bool:
    """Whether the credential may be used for `request` on `route`."""
    if identity.routes is None:
        # MCP, Access Token Usage: only tokens that were asked for with the server as resource.
        return not (route.is_mcp and identity.credential == "token")
    if identity.resources:
        # One route may serve many hosts, and each is a resource of its own.
        origin = origin_of(request.public_url) + "/"
        if not any(it.startswith(origin) for it in identity.resources):
            return False
    return route.name in identity.routes
