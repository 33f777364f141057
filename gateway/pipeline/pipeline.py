"""The one path every request takes, top to bottom.

    read -> match -> authenticate -> authorize -> mutate -> (forward); then the record, always

Each stage takes what the stage above it made; no stage calls another.  Where memory knows all
that must be known, the whole path runs without waiting.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from gateway import responses
from gateway.authn import (
    Authenticated,
    NotPresented,
    Outcome,
    Rejected,
    authenticate_all,
    recall_all,
)
from gateway.authn.cross_site import is_cross_site
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.authz.access import decide
from gateway.authz.facts import Facts
from gateway.authz.foreign import decide_foreign
from gateway.endpoints.table import Endpoints
from gateway.endpoints.well_known import PREFIX as WELL_KNOWN
from gateway.endpoints.well_known import WellKnown
from gateway.errors import (
    GatewayError,
    InternalError,
    MethodRefusedError,
    UnknownHostError,
)
from gateway.forward.outbound import Outbound
from gateway.message import forwarded
from gateway.message.request import Request
from gateway.message.request_head import RequestHead
from gateway.message.response import FieldList, Response
from gateway.model import ANONYMOUS, Allow, Deny, Identity, SignIn, StepUp
from gateway.mutate.templates import is_sendable
from gateway.pipeline.admit import Passage, SessionTools
from gateway.pipeline.kept_form import sign_in_first
from gateway.pipeline.read import Hosts, Intake
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import Answer, Handler, Serve, Verdict
from gateway.record.audit import AuditWriter, Entry, Lines
from gateway.record.metrics import NO_ROUTE, Metrics
from gateway.responses import Admission
from gateway.routing.deprecation import Deprecation, client_name
from gateway.routing.route import (
    RESERVED,
    RESERVED_PREFIX,
    Route,
    is_preflight,
    names_well_known,
)
from gateway.routing.table import RouteTable

_log = logging.getLogger(__name__)

# TRACE would read back to a script what it may not see; CONNECT makes a tunnel to anywhere.
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
# So that clients who make up paths and hosts cannot fill the memory.
_REMEMBERED_ROUTES, _REMEMBERED_PATH_CHARS = 4096, 256
_REMEMBERED_USERS = 4096


@dataclass(frozen=True, slots=True)
class Tools:
    """What the pipeline is given besides the configuration.

    Attributes:
        monotonic: Seconds of a clock that never jumps.
        well_known: What is served outside the gateway's own prefix; None for nothing.
    """

    endpoints: Endpoints
    metrics: Metrics
    audit: AuditWriter
    sessions: SessionTools
    new_request_id: Callable[[], str]
    new_trace: Callable[[], str]
    monotonic: Callable[[], float]
    well_known: WellKnown | None = None


class Pipeline:
    """See the module."""

    def __init__(
        self,
        table: RouteTable,
        plans: Mapping[int, RoutePlan],
        hosts: Hosts,
        trusted: forwarded.Networks,
        tools: Tools,
    ) -> None:
        self._table = table
        self._plans = plans
        self._hosts = frozenset(hosts.public_urls)
        self._origins = frozenset(url.encode() for url in hosts.public_urls.values())
        self._tools = tools
        self._well_known = tools.well_known
        self._intake = Intake(hosts, trusted, tools.new_request_id, tools.monotonic)
        self._passage = Passage(tools.sessions, self._origins, tools.new_trace)
        self._metrics = tools.metrics
        self._monotonic = tools.monotonic
        self._lines = Lines()
        self._routes: dict[tuple[str, str, str], Route | None] = {}
        self._sendable: set[str] = set()

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See Decide."""
        return self._intake.read(head, peer, now)

    # Decide.

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See Decide."""
        try:
            verdict = self._begin(entry)
        except Exception as error:  # noqa: BLE001 - whatever fails in a decision, it is a deny
            return Answer(self._failed(entry, error))
        return verdict if isinstance(verdict, _VERDICTS) else self._wait(entry, verdict)

    async def _wait(self, entry: Entry, verdict: Awaitable[Verdict]) -> Verdict:
        try:
            return await verdict
        except Exception as error:  # noqa: BLE001 - whatever fails in a decision, it is a deny
            return Answer(self._failed(entry, error))

    def _begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        if request.method in _REFUSED_METHODS:
            raise MethodRefusedError(request.method)
        route = self._match(request)
        if route is RESERVED:
            return self._serve_own(entry)
        if request.host not in self._hosts:
            raise UnknownHostError(repr(request.host))
        if self._well_known is not None and request.target.path.startswith(WELL_KNOWN):
            handler = self._well_known.find(request)
            if handler is not None and (route is None or not names_well_known(route)):
                return self._serve(entry, handler)
        if route is None:
            return self._deny(entry, Deny("no-route", status=404))
        entry.route = route.name
        plan = self._plans[route.index]
        if plan.deprecation is not None:
            return self._begin_deprecated(entry, plan, plan.deprecation)
        return self._enter(entry, plan)

    def _enter(self, entry: Entry, plan: RoutePlan) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        if plan.access.word == "public":
            entry.decide("allow", "public")
            return self._passage.unasked(entry, plan)
        if not plan.access.looks_at_credentials or plan.access.word == "sign_in":
            return self._authorize(entry, plan, ANONYMOUS)
        if self._passes_preflight(plan, request):
            entry.decide("allow", "preflight")
            return self._passage.unasked(entry, plan)
        outcome = recall_all(request, plan.authenticators, plan.guarded)
        if outcome is None:
            return self._ask(entry, plan)
        return self._judge(entry, plan, outcome)

    def _begin_deprecated(
        self, entry: Entry, plan: RoutePlan, deprecation: Deprecation
    ) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        client = client_name(request.fields.all(b"user-agent"))
        self._metrics.count_deprecated(plan.route.name, client)
        if deprecation.is_over(request.received_at):
            return _announce(deprecation, self._deny(entry, Deny("gone", status=410)))
        verdict = self._enter(entry, plan)
        if isinstance(verdict, _VERDICTS):
            return _announce(deprecation, verdict)
        return _announce_later(deprecation, verdict)

    def still_allows(self, entry: Entry, now: float) -> bool:
        """Whether the tunnel that the request of `entry` opened would be let through at `now`.

        By whom it was opened is known: only what follows from it is decided again.
        """
        request, identity = entry.request, entry.identity
        try:
            route = self._match(request)
            if route is None or route is RESERVED or request.host not in self._hosts:
                return False
            plan = self._plans[route.index]
            if plan.to is None or self._is_gone(plan, now):
                return False
            if not identity.is_anonymous and identity.credential not in plan.admission.credentials:
                return False
            if identity.is_anonymous and self._passes_preflight(plan, request):
                return True
            if not _is_good_for(identity, plan.route):
                return False
            if identity.is_anonymous and self._own_part(plan, request) is not None:
                return isinstance(decide_foreign(plan.access, Facts(request, identity, now)), Allow)
            return isinstance(decide(plan.access, Facts(request, identity, now)), Allow)
        except Exception as error:  # noqa: BLE001 - whatever fails in a decision, it is a deny
            _log.info("%s: closed: %r", request.request_id, error)
            return False

    def _is_gone(self, plan: RoutePlan, now: float) -> bool:
        return plan.deprecation is not None and plan.deprecation.is_over(now)

    def _match(self, request: Request) -> Route | None:
        if request.method == "OPTIONS" or request.target.is_ambiguous:
            return self._table.match_readings(request)
        key = (request.host, request.method, request.target.path)
        try:
            return self._routes[key]
        except KeyError:
            route = self._table.match_readings(request)
            if request.host in self._hosts and len(key[2]) <= _REMEMBERED_PATH_CHARS:
                if len(self._routes) >= _REMEMBERED_ROUTES:
                    self._routes.clear()
                self._routes[key] = route
            return route

    def _serve_own(self, entry: Entry) -> Verdict:
        request = entry.request
        known = request.host in self._hosts
        if not known and not request.target.path.startswith(_HOSTLESS):
            raise UnknownHostError(repr(request.host))
        return self._serve(entry, self._tools.endpoints.find(request.method, request.target.path))

    def _serve(self, entry: Entry, handler: Handler) -> Serve:
        entry.route = RESERVED.name
        entry.decide("allow", "endpoint")
        return Serve(handler)

    def _passes_preflight(self, plan: RoutePlan, request: Request) -> bool:
        return plan.route.preflight == "pass" and is_preflight(request)

    async def _ask(self, entry: Entry, plan: RoutePlan) -> Verdict:
        """Judge the credentials by what the store or an issuer says."""
        outcome = await authenticate_all(entry.request, plan.authenticators, plan.guarded)
        verdict = self._judge(entry, plan, outcome)
        return verdict if isinstance(verdict, _VERDICTS) else await verdict

    def _judge(
        self, entry: Entry, plan: RoutePlan, outcome: Outcome
    ) -> Verdict | Awaitable[Verdict]:
        match outcome:
            case Authenticated(identity=identity):
                unfit = self._unfit(entry, plan, identity)
                if unfit is not None:
                    return self._deny(entry, unfit)
                return self._authorize(entry, plan, identity)
            case NotPresented():
                return self._authorize(entry, plan, ANONYMOUS)
            case Rejected():
                own = self._own_part(plan, entry.request)
                if own is not None:
                    return self._begin_foreign(entry, plan, own)
                return self._reject(entry, plan, outcome)

    def _unfit(self, entry: Entry, plan: RoutePlan, identity: Identity) -> Deny | None:
        """Why a good credential, which is noted, may not be used for this request."""
        entry.identity = identity
        self._count_authentication(identity.credential, "success")
        if identity.user not in self._sendable and not self._is_sendable(identity.user):
            # Told no user, an app would take the person for anonymous.
            return Deny("user-unusable")
        if not _is_good_for(identity, plan.route):
            return Deny("key-not-for-route")
        upgrade = entry.of is not None and bool(entry.of.upgrade)
        if identity.credential == "session" and is_cross_site(
            entry.request, self._origins, upgrade=upgrade
        ):
            return Deny("cross-site")
        return None

    def _is_sendable(self, user: str) -> bool:
        if not is_sendable(user):
            return False
        if len(self._sendable) >= _REMEMBERED_USERS:
            self._sendable.clear()
        self._sendable.add(user)
        return True

    # A credential that is not the gateway's, where the route leaves it to the app.

    def _own_part(self, plan: RoutePlan, request: Request) -> Request | None:
        """What of `request` is for the gateway to judge; None where all of it is."""
        return None if plan.foreign is None else plan.foreign.own_part(request, plan.guarded)

    def _begin_foreign(
        self, entry: Entry, plan: RoutePlan, own: Request
    ) -> Verdict | Awaitable[Verdict]:
        outcome = recall_all(own, plan.authenticators, plan.guarded)
        if outcome is None:
            return self._ask_foreign(entry, plan, own)
        return self._judge_foreign(entry, plan, own, outcome)

    async def _ask_foreign(self, entry: Entry, plan: RoutePlan, own: Request) -> Verdict:
        outcome = await authenticate_all(own, plan.authenticators, plan.guarded)
        verdict = self._judge_foreign(entry, plan, own, outcome)
        return verdict if isinstance(verdict, _VERDICTS) else await verdict

    def _judge_foreign(
        self, entry: Entry, plan: RoutePlan, own: Request, outcome: Outcome
    ) -> Verdict | Awaitable[Verdict]:
        """Let the request on without identity, unless what is ours in it is bad."""
        request = entry.request
        cleared: FieldList = ()
        if isinstance(outcome, Authenticated):
            unfit = self._unfit(entry, plan, outcome.identity)
            if unfit is not None:
                return self._deny(entry, unfit)
            # Two identities in one request would be for the app to choose from.
            entry.identity = ANONYMOUS
        if isinstance(outcome, Rejected):
            if not outcome.lapsed:
                return self._reject(entry, plan, outcome)
            self._count_authentication(outcome.kind, outcome.reason)
            cleared = (self._tools.sessions.clear(request),)
        decision = decide_foreign(plan.access, Facts(request, ANONYMOUS, request.received_at))
        if isinstance(decision, Deny):
            return self._deny(entry, decision, plan.admission)
        entry.decide("allow", decision.reason)
        kept = plan.less_authorization() if own.fields.has(AUTHORIZATION) else plan
        return self._passage.unasked(entry, kept, cleared)

    def _reject(
        self, entry: Entry, plan: RoutePlan, outcome: Rejected
    ) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        self._count_authentication(outcome.kind, outcome.reason)
        if outcome.detail:
            _log.info("%s: %s: %s", request.request_id, outcome.reason, outcome.detail)
        cleared = (self._tools.sessions.clear(request),) if outcome.clears_cookie else ()
        if outcome.lapsed and plan.access.word == "optional":
            return self._authorize(entry, plan, ANONYMOUS, cleared)
        if outcome.lapsed:
            entry.decide("sign_in", outcome.reason)
            refuse = partial(
                responses.sign_in, request, plan.admission, reason=outcome.reason, fields=cleared
            )
            return sign_in_first(entry, plan.admission, self._origins, refuse)
        if outcome.status != 401:  # noqa: PLR2004 - the others are 400 and 429
            return self._deny(entry, Deny(outcome.reason, outcome.detail, outcome.status))
        entry.decide("deny", outcome.reason)
        return Answer(
            responses.rejected(
                request, outcome.reason, plan.admission, presented=outcome.kind, fields=cleared
            )
        )

    def _authorize(
        self,
        entry: Entry,
        plan: RoutePlan,
        identity: Identity,
        added: tuple[tuple[str, str], ...] = (),
    ) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        decision = decide(plan.access, Facts(request, identity, request.received_at))
        match decision:
            case Allow():
                entry.decide("allow", decision.reason)
                return self._passage.open(entry, plan, identity, added)
            case Deny():
                return self._deny(entry, decision, plan.admission)
            case SignIn(reason=reason):
                entry.decide("sign_in", reason)
                if plan.access.word == "sign_in":
                    # It would start the next one on coming back to it.
                    return Answer(responses.sign_in(request, _ALWAYS, reason=reason, return_to="/"))
                refuse = partial(responses.sign_in, request, plan.admission, reason=reason)
                return sign_in_first(entry, plan.admission, self._origins, refuse)
            case StepUp(reason=reason):
                entry.decide("step_up", reason)
                refuse = partial(
                    responses.for_decision, request, decision, plan.admission, identity=identity
                )
                return sign_in_first(entry, plan.admission, self._origins, refuse)

    def _deny(
        self, entry: Entry, decision: Deny, admission: Admission = responses.SESSION_ONLY
    ) -> Answer:
        entry.decide("deny", decision.reason)
        return Answer(
            responses.for_decision(entry.request, decision, admission, identity=entry.identity)
        )

    # Answer and record.

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """See Decide."""
        try:
            return await serve.handler(entry.request, body)
        except Exception as error:  # noqa: BLE001 - one request's failure ends no other
            return self._failed(entry, error)

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """See Decide."""
        _log.info("%s: %s: %s", entry.request.request_id, error.reason, error)
        entry.note(error)
        return responses.for_error(entry.request, error, fields=error.fields)

    def _failed(self, entry: Entry, error: Exception) -> Response:
        if isinstance(error, GatewayError):
            return self.refuse(entry, error)
        _log.error("%s: a defect", entry.request.request_id, exc_info=error)
        return self.refuse(entry, InternalError(repr(error)))

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """See Decide."""
        entry = self._intake.nothing(peer, now, sent)
        return entry, self.refuse(entry, error)

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See Decide."""
        if entry.recorded:
            return
        entry.recorded = True
        metrics = self._metrics
        duration_s = self._monotonic() - entry.began_at
        route = entry.route or NO_ROUTE
        method = entry.request.method
        metrics.count_request(route, method, status, entry.decision, entry.reason, duration_s)
        if upstream is not None:
            metrics.upstream_seconds[upstream].observe(upstream_s)
        self._tools.audit.write(self._lines.line(entry, status, duration_s))

    def _count_authentication(self, credential: str, outcome: str) -> None:
        self._metrics.authentications[credential, outcome] += 1


_VERDICTS = (Answer, Serve, Outbound)
# Endpoints asked by machines, which may know the gateway by another name than browsers do.
_HOSTLESS = tuple(
    f"{RESERVED_PREFIX}/{name}"
    for name in (".well-known/", "auth", "backchannel-logout/", "token", "revoke", "introspect")
)
_ALWAYS = Admission(unauthenticated="sign_in")


def _is_good_for(identity: Identity, route: Route) -> bool:
    """Whether the credential may be used on `route`."""
    return identity.routes is None or route.name in identity.routes


def _announce(deprecation: Deprecation, verdict: Verdict) -> Verdict:
    """`verdict`, whose response says that the route is deprecated."""
    if isinstance(verdict, Answer):
        return Answer(verdict.response.adding(*deprecation.fields))
    if isinstance(verdict, Outbound):
        verdict.added += deprecation.lines
    return verdict


async def _announce_later(deprecation: Deprecation, verdict: Awaitable[Verdict]) -> Verdict:
    return _announce(deprecation, await verdict)
