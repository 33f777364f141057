"""The one path that every request takes, top to bottom.

    read -> match -> authenticate -> authorize -> mutate -> (forward); then the record, always

Each stage takes the result of the stage above it; no stage calls another.  If everything needed is
in memory, the whole path runs without waiting.
"""

from collections.abc import Awaitable, Mapping
from typing import Final

from gateway.authn import (
    Authenticated,
    NotPresented,
    Outcome,
    Pending,
    Rejected,
    judge_all,
)
from gateway.endpoints.sign_in import OAUTH2_PREFIX
from gateway.endpoints.well_known import PREFIX as WELL_KNOWN
from gateway.errors import GatewayError, MethodRefusedError, UnknownHostError
from gateway.message import forwarded
from gateway.message.public_url import origin_of
from gateway.message.request import Request
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.model import ANONYMOUS, Deny
from gateway.pipeline.admit import Admitter
from gateway.pipeline.announcement import announce, announce_later
from gateway.pipeline.cors import Cors
from gateway.pipeline.decisions import Decisions, answer_preflight, deny
from gateway.pipeline.foreign import ForeignCredentials, own_part
from gateway.pipeline.forward_auth import Asking
from gateway.pipeline.matching import Matcher
from gateway.pipeline.own_paths import OwnPaths, serve, serve_found
from gateway.pipeline.read import Hosts, RequestReader
from gateway.pipeline.refusals import Refusals
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.tools import Tools
from gateway.pipeline.tunnel_check import TunnelCheck, passes_preflight
from gateway.pipeline.verdict import VERDICTS, Answer, Serve, Verdict
from gateway.record.audit import Entry, Lines
from gateway.record.journal import audit_members
from gateway.record.outcomes import Outcomes
from gateway.routing.deprecation import Deprecation, client_name
from gateway.routing.route import RESERVED, Route, is_preflight, names_well_known
from gateway.routing.table import RouteTable
from gateway.routing.trial import RouteTrial, try_routes

# TRACE would show scripts fields that they may not read; CONNECT would open a tunnel to anywhere.
_REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
# Trying a route by itself takes some 50 µs, and requests wait meanwhile.
_MOST_TRIED = 50
# Names of this module, because others would be looked up in a dict each time (decision 0006).
_RESERVED: Final = RESERVED
_OAUTH2: Final = OAUTH2_PREFIX
_WELL_KNOWN: Final = WELL_KNOWN


class Pipeline:
    """Reads, decides and records requests; see RequestHandler."""

    def __init__(
        self,
        table: RouteTable,
        plans: Mapping[int, RoutePlan],
        hosts: Hosts,
        trusted: forwarded.Networks,
        tools: Tools,
    ) -> None:
        self._plans = dict(plans)
        self._table = table
        self._refusals = Refusals(plans)
        self._served = hosts
        self._hosts = frozenset(hosts.public_urls)
        self._matcher = Matcher(table, hosts.serves)
        origins = frozenset(origin_of(url).encode() for url in hosts.public_urls.values())
        self._tools = tools
        self._well_known = tools.well_known
        self._reader = RequestReader(hosts, trusted, tools.new_request_id, tools.monotonic)
        self._own = OwnPaths(hosts, tools.endpoints, tools.doctor)
        self._forward_auth = asking = tools.forward_auth
        self._compatible = tools.oauth2_proxy
        told = () if asking is None else asking.told
        self._admitter = Admitter(tools.sessions, origins, tools.trace_parent, told)
        self._decisions = Decisions(
            self._admitter, tools.sessions, tools.metrics, origins, tools.user_header
        )
        self._foreign = ForeignCredentials(self._decisions, self._admitter, tools.sessions)
        self._tunnels = TunnelCheck(
            self._matcher, hosts, plans, self._decisions, tools.knows_client
        )
        self._metrics = tools.metrics
        self._monotonic = tools.monotonic
        self._audit = tools.audit
        self._lines = Lines()
        self._outcomes = Outcomes(tools.metrics)

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See RequestHandler."""
        return self._reader.read(head, peer, now)

    # Judge and decide.

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See RequestHandler."""
        asking = None if self._forward_auth is None else self._asking(entry.request)
        if asking is not None:
            return self._answer(entry, asking)
        verdict: Verdict | Awaitable[Verdict]
        try:
            verdict = self._begin(entry)
        except Exception as error:  # noqa: BLE001 - any failure of a decision is a deny
            verdict = Answer(self._refusals.failed(entry, error))
        return verdict if isinstance(verdict, VERDICTS) else self._wait(entry, verdict)

    def _answer(self, entry: Entry, asking: Asking) -> Verdict | Awaitable[Verdict]:
        """Decide on the request that a proxy asks about, and will forward itself."""
        question = entry.request
        verdict: Verdict | Awaitable[Verdict] | None
        try:
            verdict = asking.read(entry, self._reader)
            if verdict is None:
                verdict = self._begin(entry) if asking.names_page else self._begin_page(entry)
                if not isinstance(verdict, VERDICTS):
                    return self._answer_later(entry, asking, verdict, question)
                verdict = asking.conclude(entry, verdict, question)
        except Exception as error:  # noqa: BLE001 - any failure of a decision is a deny
            verdict = Answer(self._refusals.failed(entry, error))
        return asking.reply(entry.request, verdict)

    async def _answer_later(
        self, entry: Entry, asking: Asking, waiting: Awaitable[Verdict], question: Request
    ) -> Verdict:
        try:
            verdict = asking.conclude(entry, await waiting, question)
        except Exception as error:  # noqa: BLE001 - any failure of a decision is a deny
            verdict = Answer(self._refusals.failed(entry, error))
        return asking.reply(entry.request, verdict)

    def _asking(self, request: Request) -> Asking | None:
        """What answers `request`, if that is a question about another one."""
        if self._forward_auth is not None and self._forward_auth.is_asked(request):
            return self._forward_auth
        if self._compatible is not None and self._compatible[0].is_asked(request):
            return self._compatible[0]
        return None

    async def _wait(self, entry: Entry, verdict: Awaitable[Verdict]) -> Verdict:
        try:
            return await verdict
        except Exception as error:  # noqa: BLE001 - any failure of a decision is a deny
            return Answer(self._refusals.failed(entry, error))

    def _begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        if request.method in _REFUSED_METHODS:
            raise MethodRefusedError(request.method)
        route = self._matcher.match(request)
        if route is _RESERVED:
            return self._own.begin(entry)
        if request.host not in self._hosts and not self._served.serves(request.host):
            raise UnknownHostError(repr(request.host))
        if self._compatible is not None and request.target.path.startswith(_OAUTH2):
            return serve_found(entry, self._compatible[1])
        if self._well_known is not None and request.target.path.startswith(_WELL_KNOWN):
            handler = self._well_known.find(request)
            if handler is not None and (route is None or not names_well_known(route)):
                return serve(entry, handler)
        return self._begin_on(entry, route)

    def _begin_page(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """As `_begin`, for a page of an app whatever its path."""
        request = entry.request
        if not self._served.serves(request.host):
            raise UnknownHostError(repr(request.host))
        return self._begin_on(entry, self._matcher.match(request))

    def _begin_on(self, entry: Entry, route: Route | None) -> Verdict | Awaitable[Verdict]:
        if route is None or route is _RESERVED:
            return deny(entry, Deny("no-route", status=404))
        entry.route = route.name
        plan = self._plans[route.index]
        if plan.deprecation is not None:
            return self._begin_deprecated(entry, plan, plan.deprecation)
        return self._enter(entry, plan)

    def _enter(self, entry: Entry, plan: RoutePlan) -> Verdict | Awaitable[Verdict]:
        # A proxy that only asks sends the app's answer itself: nothing can be added to it.
        if plan.cors is not None and not entry.is_question:
            return self._enter_by_scripts(entry, plan, plan.cors)
        return self._admit(entry, plan)

    def _enter_by_scripts(
        self, entry: Entry, plan: RoutePlan, cors: Cors
    ) -> Verdict | Awaitable[Verdict]:
        if is_preflight(entry.request):
            return answer_preflight(entry, cors)
        verdict = self._admit(entry, plan)
        if isinstance(verdict, VERDICTS):
            return cors.announce(verdict, entry.request)
        return cors.announce_later(verdict, entry.request)

    def _admit(self, entry: Entry, plan: RoutePlan) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        if plan.access.word == "public":
            entry.decide("allow", "public")
            return self._admitter.admit_anonymous(entry, plan)
        if not plan.access.looks_at_credentials or plan.access.word == "sign_in":
            return self._decisions.authorize(entry, plan, ANONYMOUS)
        if passes_preflight(plan, request):
            entry.decide("allow", "preflight")
            return self._admitter.admit_anonymous(entry, plan)
        return self._judge(entry, plan, judge_all(request, plan.authenticators, plan.guarded))

    def _begin_deprecated(
        self, entry: Entry, plan: RoutePlan, deprecation: Deprecation
    ) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        client = client_name(request.fields.all(b"user-agent"))
        self._metrics.count_deprecated(plan.route.name, client)
        if deprecation.is_over(request.received_at):
            return announce(deprecation, deny(entry, Deny("gone", status=410)))
        verdict = self._enter(entry, plan)
        if isinstance(verdict, VERDICTS):
            return announce(deprecation, verdict)
        return announce_later(deprecation, verdict)

    def still_allows(self, entry: Entry, now: float) -> bool:
        """See TunnelCheck."""
        return self._tunnels.still_allows(entry, now)

    def decide_again(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """Decide on a request that another configuration has read and serves; see Shadow.

        Raises:
            GatewayError: It would be refused for this reason.
        """
        return self._begin_page(entry) if entry.is_question else self._begin(entry)

    def peek(self, request: Request) -> Outcome | None:
        """What the session cookie of `request` proves; None if that is not in memory."""
        return self._tools.sessions.peek(request)

    def plan_of(self, name: str) -> RoutePlan | None:
        """The plan of the route `name`; None if there is none."""
        return next((it for it in self._plans.values() if it.route.name == name), None)

    def try_routes(self, request: Request) -> list[RouteTrial]:
        """Each route until one decides, and whether it matches; none of a very long list."""
        if len(self._table.routes) > _MOST_TRIED:
            return []
        return try_routes(self._table, request)

    async def _ask(self, entry: Entry, plan: RoutePlan, pending: Pending) -> Verdict:
        """Judge the credentials with the answer of the store or an issuer."""
        verdict = self._judge(entry, plan, await pending.ask())
        return verdict if isinstance(verdict, VERDICTS) else await verdict

    def _judge(
        self, entry: Entry, plan: RoutePlan, outcome: Outcome | Pending
    ) -> Verdict | Awaitable[Verdict]:
        match outcome:
            case Authenticated(identity=identity):
                refused = self._decisions.refuse_unfit(entry, plan, identity)
                if refused is not None:
                    return refused
                return self._decisions.authorize(entry, plan, identity)
            case NotPresented():
                return self._decisions.authorize(entry, plan, ANONYMOUS)
            case Pending():
                return self._ask(entry, plan, outcome)
            case Rejected():
                entry.rejected = outcome
                own = own_part(plan, entry.request)
                if own is not None:
                    return self._foreign.begin(entry, plan, own)
                return self._decisions.reject(entry, plan, outcome)

    # Answer and record.

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """See RequestHandler."""
        try:
            # From memory only, and before the endpoint may end the session.
            outcome = self._tools.sessions.peek(entry.request)
            if isinstance(outcome, Authenticated):
                entry.identity = outcome.identity
            response = await serve.handler(entry.request, body)
        except Exception as error:  # noqa: BLE001 - one failed request must not end others
            return self._refusals.failed(entry, error)
        finally:
            entry.more += audit_members(entry.request)
        entry.note_answer(response)
        return response

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """See RequestHandler."""
        return self._refusals.refuse(entry, error)

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """See RequestHandler."""
        entry = self._reader.nothing(peer, now, sent)
        return entry, self.refuse(entry, error)

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See RequestHandler."""
        if entry.recorded:
            return
        entry.recorded = True
        duration_s = self._monotonic() - entry.began_at
        key = entry.route, entry.request.method, status, entry.decision, entry.reason
        known = self._outcomes.get(key)
        known.answered.add(duration_s)
        if upstream is not None:
            self._metrics.upstream_seconds[upstream].observe(upstream_s)
        self._audit.write(self._lines.line(entry, known.words, duration_s))
