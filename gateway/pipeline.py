"""The one path every request takes, top to bottom.

    read -> match -> authenticate -> authorize -> mutate -> (forward); then the record, always

Each stage takes what the stage above it made; no stage calls another.  Where memory knows all
that must be known, the whole path runs without waiting; else it waits once, in `_ask`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import ceil

from gateway import audit, responses
from gateway.audit import AuditWriter, Entry
from gateway.authn import (
    Authenticated,
    NotPresented,
    Outcome,
    Rejected,
    authenticate_all,
    recall_all,
)
from gateway.authz.access import decide
from gateway.authz.facts import Facts
from gateway.endpoints.table import Endpoints
from gateway.errors import (
    GatewayError,
    InternalError,
    MalformedRequestError,
    MethodRefusedError,
    UnknownHostError,
)
from gateway.forward.exchange import Outbound
from gateway.message import forwarded
from gateway.message.fields import Fields
from gateway.message.head import RequestHead, canonical_host
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.target import Target, parse_target, split_absolute_form
from gateway.metrics import NO_ROUTE, Metrics
from gateway.model import ANONYMOUS, Allow, Deny, Identity, SignIn, StepUp
from gateway.mutate import outbound
from gateway.mutate.owners import CookieOwners, OwnedCookies
from gateway.plan import RoutePlan, UpstreamPlan
from gateway.responses import Admission
from gateway.routing.deprecation import Deprecation, client_name
from gateway.routing.route import RESERVED, RESERVED_PREFIX, Route, is_preflight
from gateway.routing.table import RouteTable
from gateway.verdict import Answer, Serve, Verdict

_log = logging.getLogger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# RFC 9110, section 9.2.2.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# TRACE would read back to a script what it may not see; CONNECT makes a tunnel to anywhere.
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
_REMEMBERED_ROUTES = 4096
_NOTHING = Target(b"", "", "", ("",))


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which hosts are served: host -> public URL; hosts that only routes name -> the first one."""

    public_urls: Mapping[str, str]
    first: str


@dataclass(frozen=True, slots=True)
class Tools:
    """What the pipeline is given besides the configuration.

    Attributes:
        clear_session: The field that clears the session cookie.
        signed_out: The fields by which a browser forgets whoever signed out.
        peek_session: Whose session a request came with, without counting as a use of it; None
            where that is not in memory, so that `look_up_session` has to tell.
    """

    endpoints: Endpoints
    metrics: Metrics
    audit: AuditWriter
    new_request_id: Callable[[], str]
    new_trace: Callable[[], str]
    monotonic: Callable[[], float]
    clear_session: Callable[[Request], tuple[str, str]]
    end_session: Callable[[Request], Awaitable[None]]
    signed_out: Callable[[Request, Identity], FieldList]
    peek_session: Callable[[Request], Outcome | None]
    look_up_session: Callable[[Request], Awaitable[Outcome]]


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
        self._hosts = hosts
        self._public_urls = hosts.public_urls
        self._origins = frozenset(url.encode() for url in hosts.public_urls.values())
        self._trusted = trusted
        self._tools = tools
        self._new_request_id = tools.new_request_id
        self._new_trace = tools.new_trace
        self._monotonic = tools.monotonic
        self._metrics = tools.metrics
        self._times = audit.Timestamps()
        self._routes: dict[tuple[str, str, str], Route | None] = {}

    # Parse.

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See Decide."""
        of = head.of
        trusted = bool(self._trusted) and forwarded.is_trusted(peer, self._trusted)
        host, raw = of.host, head.target
        if not raw.startswith(b"/"):
            host, raw = _from_absolute_form(host, raw)
        client, request_id = peer, None
        if trusted:
            client = forwarded.client_address(peer, of.fields, self._trusted)
            request_id = forwarded.request_id_of(of.fields)
            host = _forwarded_host(of.fields) or host
        request = Request(
            method=head.method,
            target=parse_target(raw),
            fields=of.fields,
            host=host,
            public_url=self._public_urls.get(host, self._hosts.first),
            client=client,
            request_id=request_id or self._new_request_id(),
            received_at=now,
            http_1_0=head.http_1_0,
        )
        return Entry(request, of, peer=peer, trusted=trusted, began_at=self._monotonic())

    # Decide.

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See Decide."""
        try:
            return self._begin(entry)
        except Exception as error:  # noqa: BLE001 - whatever fails in a decision, it is a deny
            return Answer(self._failed(entry, error))

    def _begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        if request.method in _REFUSED_METHODS:
            raise MethodRefusedError(request.method)
        route = self._match(request)
        if route is RESERVED:
            return self._serve_own(entry)
        if request.host not in self._public_urls:
            raise UnknownHostError(repr(request.host))
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
            return self._forward_unasked(entry, plan)
        if not plan.access.looks_at_credentials or plan.access.word == "sign_in":
            return self._authorize(entry, plan, ANONYMOUS)
        if self._passes_preflight(plan, request):
            return self._forward_unasked(entry, plan)
        outcome = recall_all(request, plan.authenticators)
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
            if route is None or route is RESERVED or request.host not in self._public_urls:
                return False
            plan = self._plans[route.index]
            if plan.to is None or self._is_gone(plan, now):
                return False
            if not identity.is_anonymous and identity.credential not in plan.admission.credentials:
                return False
            if identity.is_anonymous and self._passes_preflight(plan, request):
                return True
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
            if len(self._routes) >= _REMEMBERED_ROUTES:
                self._routes.clear()
            route = self._routes[key] = self._table.match_readings(request)
            return route

    def _serve_own(self, entry: Entry) -> Verdict:
        request = entry.request
        known = request.host in self._public_urls
        if not known and not request.target.path.startswith(_HOSTLESS):
            raise UnknownHostError(repr(request.host))
        entry.route = RESERVED.name
        entry.decide("allow", "endpoint")
        return Serve(self._tools.endpoints.find(request.method, request.target.path))

    def _passes_preflight(self, plan: RoutePlan, request: Request) -> bool:
        return plan.route.preflight == "pass" and is_preflight(request)

    async def _ask(self, entry: Entry, plan: RoutePlan) -> Verdict:
        """Judge the credentials by what the store or an issuer says."""
        try:
            outcome = await authenticate_all(entry.request, plan.authenticators)
            verdict = self._judge(entry, plan, outcome)
            return verdict if isinstance(verdict, _VERDICTS) else await verdict
        except Exception as error:  # noqa: BLE001 - whatever fails in a decision, it is a deny
            return Answer(self._failed(entry, error))

    def _judge(
        self, entry: Entry, plan: RoutePlan, outcome: Outcome
    ) -> Verdict | Awaitable[Verdict]:
        match outcome:
            case Authenticated(identity=identity):
                entry.identity = identity
                self._count_authentication(identity.credential, "success")
                if identity.credential == "session" and self._is_cross_site(entry.request, entry):
                    return self._deny(entry, Deny("cross-site"))
                return self._authorize(entry, plan, identity)
            case NotPresented():
                return self._authorize(entry, plan, ANONYMOUS)
            case Rejected():
                return self._reject(entry, plan, outcome)

    def _reject(
        self, entry: Entry, plan: RoutePlan, outcome: Rejected
    ) -> Verdict | Awaitable[Verdict]:
        request = entry.request
        self._count_authentication("session" if outcome.lapsed else "other", outcome.reason)
        cleared = (self._tools.clear_session(request),) if outcome.clears_cookie else ()
        if outcome.lapsed and plan.access.word == "optional":
            return self._authorize(entry, plan, ANONYMOUS, cleared)
        if outcome.lapsed:
            entry.decide("sign_in", outcome.reason)
            return Answer(
                responses.sign_in(request, plan.admission, reason=outcome.reason, fields=cleared)
            )
        if outcome.status != 401:  # noqa: PLR2004 - the only other one is 400
            return self._deny(entry, Deny(outcome.reason, outcome.detail, outcome.status))
        entry.decide("deny", outcome.reason)
        return Answer(
            responses.rejected(
                request, outcome.reason, plan.admission, presented="bearer", fields=cleared
            )
        )

    def _is_cross_site(self, request: Request, entry: Entry) -> bool:
        """Whether a page of another origin had the browser send this with the user's session."""
        if request.method in _SAFE and not (entry.of is not None and entry.of.upgrade):
            return False
        fields = request.fields
        if b"cross-site" in fields.all(b"sec-fetch-site"):
            return True
        return any(origin not in self._origins for origin in fields.all(b"origin"))

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
                return self._forward(entry, plan, identity, added)
            case Deny():
                return self._deny(entry, decision)
            case SignIn(reason=reason):
                entry.decide("sign_in", reason)
                # A path that starts a sign-in would start the next one on coming back to it.
                where = "/" if plan.access.word == "sign_in" else None
                admission = _ALWAYS if plan.access.word == "sign_in" else plan.admission
                return Answer(responses.sign_in(request, admission, reason=reason, return_to=where))
            case StepUp(reason=reason):
                entry.decide("step_up", reason)
                return Answer(
                    responses.for_decision(request, decision, plan.admission, identity=identity)
                )

    def _deny(self, entry: Entry, decision: Deny) -> Answer:
        entry.decide("deny", decision.reason)
        return Answer(responses.for_decision(entry.request, decision, identity=entry.identity))

    # Mutate.

    def _forward_unasked(self, entry: Entry, plan: RoutePlan) -> Verdict | Awaitable[Verdict]:
        """Let a request through whose credentials nobody looks at.

        Whose session it came with still says which of the app's cookies go on.
        """
        entry.decide("allow", plan.access.word if plan.access.word == "public" else "preflight")
        to = plan.to
        if to is None or to.owners is None or not entry.request.fields.has(b"cookie"):
            return self._forward(entry, plan, ANONYMOUS)
        outcome = self._tools.peek_session(entry.request)
        if outcome is None:
            return self._forward_owned(entry, plan, to.owners)
        owned = to.owners.of(entry.request, _owner(outcome))
        return self._forward(entry, plan, ANONYMOUS, owned=owned)

    async def _forward_owned(self, entry: Entry, plan: RoutePlan, owners: CookieOwners) -> Verdict:
        try:
            owner = _owner(await self._tools.look_up_session(entry.request))
        except GatewayError:
            # Public is public though the store is down; cookies that have an owner are withheld.
            owner = None
        owned = owners.of(entry.request, owner)
        verdict = self._forward(entry, plan, ANONYMOUS, owned=owned)
        return verdict if isinstance(verdict, _VERDICTS) else await verdict

    def _forward(
        self,
        entry: Entry,
        plan: RoutePlan,
        identity: Identity,
        added: tuple[tuple[str, str], ...] = (),
        owned: OwnedCookies | None = None,
    ) -> Verdict | Awaitable[Verdict]:
        to, request, of = plan.to, entry.request, entry.of
        if to is None or of is None:
            return Answer(self.refuse(entry, InternalError("a route without an upstream")))
        if plan.limiter is not None:
            wait_s = plan.limiter.wait_s(request, identity)
            if wait_s:
                return self._hold_back(entry, wait_s, added)
        if request.target.path in to.logout_paths and request.method != "OPTIONS":
            return self._forward_logout(entry, to, identity, added, owned)
        if owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._forward_to(entry, to, identity, added, owned)

    def _hold_back(
        self, entry: Entry, wait_s: float, added: tuple[tuple[str, str], ...]
    ) -> Verdict:
        over = Deny("rate-limited", status=429)
        entry.decide("deny", over.reason)
        # RFC 9110, section 10.2.3: whole seconds.
        fields = (("Retry-After", str(ceil(wait_s))), *added)
        return Answer(
            responses.for_decision(entry.request, over, identity=entry.identity, fields=fields)
        )

    async def _forward_logout(
        self,
        entry: Entry,
        to: UpstreamPlan,
        identity: Identity,
        added: tuple[tuple[str, str], ...],
        owned: OwnedCookies | None,
    ) -> Verdict:
        """The app signs its user out: so does the gateway, and then the app is told."""
        request, tools = entry.request, self._tools
        try:
            who = await self._who_signs_out(entry, identity)
            if not who.is_anonymous:
                await tools.end_session(request)
                added = (tools.clear_session(request), *tools.signed_out(request, who))
                # What the app sets now is still for whoever signs out, and goes with the rest.
                owned = None if to.owners is None else to.owners.of(request, who)
        except GatewayError as error:
            return Answer(self.refuse(entry, error))
        if owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._forward_to(entry, to, identity, added, owned)

    async def _who_signs_out(self, entry: Entry, identity: Identity) -> Identity:
        """Whose session ends: on a public route, where nobody was asked, the cookie tells."""
        if not identity.is_anonymous or self._is_cross_site(entry.request, entry):
            return identity
        return _owner(await self._tools.look_up_session(entry.request)) or ANONYMOUS

    def _forward_to(
        self,
        entry: Entry,
        to: UpstreamPlan,
        identity: Identity,
        added: tuple[tuple[str, str], ...],
        owned: OwnedCookies | None,
    ) -> Verdict:
        request, of = entry.request, entry.of
        assert of is not None  # noqa: S101 - the callers have looked
        head = to.head(
            request,
            of,
            proxy=entry.peer if entry.trusted else None,
            owned=owned,
            identity=to.identity.lines(identity, request.received_at),
            trace=outbound.trace_lines(request, self._new_trace, trusted=entry.trusted),
        )
        return Outbound(
            upstream=to.upstream,
            method=request.method,
            head=head,
            of=of,
            repeatable=request.method in _REPEATABLE,
            trailers=to.fields.trailers,
            owned=owned,
            added=_field_lines(added) if added else b"",
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
        return responses.for_error(entry.request, error)

    def _failed(self, entry: Entry, error: Exception) -> Response:
        if isinstance(error, GatewayError):
            return self.refuse(entry, error)
        _log.error("%s: a defect", entry.request.request_id, exc_info=error)
        return self.refuse(entry, InternalError(repr(error)))

    def refuse_early(self, error: GatewayError, peer: str, now: float) -> tuple[Entry, Response]:
        """See Decide."""
        request = Request(
            method="",
            target=_NOTHING,
            fields=Fields(()),
            host="",
            public_url=self._hosts.first,
            client=peer,
            request_id=self._tools.new_request_id(),
            received_at=now,
        )
        entry = Entry(request, None, peer=peer, trusted=False, began_at=self._tools.monotonic())
        entry.note(error)
        _log.info("%s: %s: %s", request.request_id, error.reason, error)
        return entry, responses.early_problem(error.status, error.reason, request.request_id)

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
        self._tools.audit.write(audit.line(entry, status, duration_s, self._times))

    def _count_authentication(self, credential: str, outcome: str) -> None:
        self._metrics.authentications[credential, outcome] += 1


_VERDICTS = (Answer, Serve, Outbound)
# Endpoints asked by machines, which may know the gateway by another name than browsers do.
_HOSTLESS = tuple(
    f"{RESERVED_PREFIX}/{name}"
    for name in (".well-known/", "auth", "backchannel-logout/", "token", "revoke", "introspect")
)
_ALWAYS = Admission(unauthenticated="sign_in")


def _announce(deprecation: Deprecation, verdict: Verdict) -> Verdict:
    """`verdict`, whose response says that the route is deprecated."""
    if isinstance(verdict, Answer):
        return Answer(verdict.response.adding(*deprecation.fields))
    if isinstance(verdict, Outbound):
        verdict.added += deprecation.lines
    return verdict


async def _announce_later(deprecation: Deprecation, verdict: Awaitable[Verdict]) -> Verdict:
    return _announce(deprecation, await verdict)


def _owner(outcome: Outcome) -> Identity | None:
    """Whose session it is: nobody's where there is none or it is over; None where in doubt."""
    if isinstance(outcome, Authenticated):
        return outcome.identity
    return None if isinstance(outcome, Rejected) and not outcome.lapsed else ANONYMOUS


def _field_lines(fields: tuple[tuple[str, str], ...]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode()


def _from_absolute_form(host: str, raw: bytes) -> tuple[str, bytes]:
    """Host and origin-form target of an absolute-form one (RFC 9112, section 3.2.2)."""
    found = split_absolute_form(raw)
    if found is None:
        raise MalformedRequestError(f"not an origin-form target: {raw[:200]!r}")
    authority, target = found
    named = canonical_host(authority.encode())
    if named is None or (host and named != host):
        raise MalformedRequestError(f"target for {authority!r}, Host {host!r}")
    return named, target


def _forwarded_host(fields: Fields) -> str | None:
    given = forwarded.forwarded_host(fields)
    return None if given is None else canonical_host(given.encode())
