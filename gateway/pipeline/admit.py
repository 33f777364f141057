"""Admits a request to its upstream: rate limit, sign-out, cookies, and the head to send."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from gateway import responses
from gateway.authn import Authenticated, Outcome, Rejected
from gateway.authn.cross_site import is_cross_site
from gateway.bounded import remember
from gateway.errors import GatewayError, InternalError
from gateway.forward.outbound import Outbound
from gateway.kinds import STATED
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.model import ANONYMOUS, Deny, Identity
from gateway.mutate import outbound
from gateway.mutate.owners import CookieOwners, OwnedCookies
from gateway.pipeline.route_plan import RoutePlan, UpstreamPlan
from gateway.pipeline.verdict import Answer, Verdict
from gateway.record.audit import Entry
from gateway.responses.permission import go_ahead_lines
from gateway.sessions.session import Session

# RFC 9110, section 9.2.2.
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_REMEMBERED_ANSWERS = 2048


@dataclass(frozen=True, slots=True)
class SessionTools:
    """Operations on the session of a request, besides judging it.

    Attributes:
        clear: Returns the field that clears the session cookie.
        end: Ends the session, of any kind, in the store; returns it if it is a browser's.
        leave: Returns the response for a browser whose session has ended; it leads to the provider
            if the last argument is true.
        signed_out: Returns the fields that make a browser forget the user who signed out.
        peek: Judges the session without counting as a use; None if it is not in memory, and
            `look_up` must ask the store.
        look_up: As `peek`, but asks the store.
    """

    clear: Callable[[Request], tuple[str, str]]
    end: Callable[[Request, Identity], Awaitable[Session | None]]
    leave: Callable[[Request, Session | None, bool], Awaitable[Response]]
    signed_out: Callable[[Request, Identity], FieldList]
    peek: Callable[[Request], Outcome | None]
    look_up: Callable[[Request], Awaitable[Outcome]]


class Admitter:
    """Admits requests.  Awaitables raise GatewayError if the store cannot answer."""

    def __init__(
        self,
        sessions: SessionTools,
        origins: Collection[bytes],
        trace_parent: Callable[[str | None], str],
        told: Collection[str] = (),
    ) -> None:
        """`told` names the fields of every answer that lets a proxy forward the request itself."""
        self._told = told
        # The identity's field lines -> the answer to a question that adds nothing to them.
        self._answers: dict[bytes, Answer] = {}
        self._sessions = sessions
        self._origins = origins
        self._trace_parent = trace_parent

    def admit_anonymous(
        self, entry: Entry, plan: RoutePlan, added: FieldList = ()
    ) -> Verdict | Awaitable[Verdict]:
        """Admit a request without identity; its credentials, if any, are not the gateway's.

        A session cookie still decides which of the app's cookies are sent, so that a public route
        does not mix the cookies of two users.
        """
        to = plan.to
        if to is None or to.owners is None or not entry.request.fields.has(b"cookie"):
            return self.admit(entry, plan, ANONYMOUS, added)
        outcome = self._sessions.peek(entry.request)
        if outcome is None:
            return self._admit_anonymous_later(entry, plan, to.owners, added)
        owned = to.owners.of(entry.request, _owner(outcome))
        return self.admit(entry, plan, ANONYMOUS, added, owned)

    async def _admit_anonymous_later(
        self, entry: Entry, plan: RoutePlan, owners: CookieOwners, added: FieldList
    ) -> Verdict:
        try:
            owner = _owner(await self._sessions.look_up(entry.request))
        except GatewayError:
            # A public route works while the store is down.  The owner is unknown, so no cookies
            # that have an owner are sent.
            owner = None
        owned = owners.of(entry.request, owner)
        verdict = self.admit(entry, plan, ANONYMOUS, added, owned)
        return await verdict if isinstance(verdict, Awaitable) else verdict

    def admit(
        self,
        entry: Entry,
        plan: RoutePlan,
        identity: Identity,
        added: FieldList = (),
        owned: OwnedCookies | None = None,
    ) -> Verdict | Awaitable[Verdict]:
        """Admit a request of `identity`; `added` are fields for the response."""
        to, request = plan.to, entry.request
        if to is None:
            raise InternalError("a route without an upstream")
        counted: FieldList = ()
        if plan.limiter is not None:
            found = plan.limiter.count(request, identity)
            counted = found.fields
            if found.wait_s:
                return _hold_back(entry, found.wait_s, (*counted, *added))
        if to.logout_paths and to.signs_out(request.target.path) and request.method != "OPTIONS":
            return self._sign_out(entry, to, identity, added, owned)
        if owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._outbound(entry, to, identity, added, owned, counted=counted)

    async def _sign_out(
        self,
        entry: Entry,
        to: UpstreamPlan,
        identity: Identity,
        added: FieldList,
        owned: OwnedCookies | None,
    ) -> Verdict:
        """Sign the user out of the gateway, then send the app its sign-out request.

        The app's response could lead through the provider's live session straight back in.  So a
        browser gets the response of `leave` instead, with the cookies that the app sets.
        """
        request, sessions = entry.request, self._sessions
        if not entry.is_question:
            to.target(request)  # What cannot be sent is refused before the session ends.
        who = await self._who_signs_out(entry, identity)
        instead: Response | None = None
        if not who.is_anonymous:
            ended = await sessions.end(request, who)
            leaves = ended is not None and to.logout_then != "app" and request.is_navigation
            # A proxy that only asks sends either the request or our response: the app's sign-out
            # counts more, because its session would outlive ours.
            if leaves and not entry.is_question:
                instead = await sessions.leave(request, ended, to.logout_then == "provider")
            added = (sessions.clear(request), *sessions.signed_out(request, who))
            # Cookies in the app's response still belong to the user who signs out, and are cleared
            # with that user's other cookies.
            owned = None if to.owners is None else to.owners.of(request, who)
        elif owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._outbound(entry, to, identity, added, owned, instead, once=True)

    async def _who_signs_out(self, entry: Entry, identity: Identity) -> Identity:
        """The identity whose session ends; on a public route, that of the session cookie.

        The cookie does not count in a request from another site, which could sign visitors out.
        """
        if not identity.is_anonymous:
            return identity
        if is_cross_site(entry.request, self._origins, upgrade=entry.asks_for_upgrade):
            return identity
        return _owner(await self._sessions.look_up(entry.request)) or ANONYMOUS

    def _outbound(
        self,
        entry: Entry,
        to: UpstreamPlan,
        identity: Identity,
        added: FieldList,
        owned: OwnedCookies | None,
        instead: Response | None = None,
        *,
        counted: FieldList = (),
        once: bool = False,
    ) -> Answer | Outbound:
        request, framing = entry.request, entry.framing
        if entry.is_question:
            lines = to.identity.lines(identity, request.received_at)
            answer = self._go_ahead(lines)
            more = (*counted, *added) if counted or added else ()
            return Answer(answer.response.adding(*more)) if more else answer
        if framing is None:
            raise InternalError("bytes that are not a request were admitted")
        head = to.head(
            request,
            framing,
            proxy=entry.peer if entry.trusted else None,
            owned=owned,
            identity=to.identity.lines(identity, request.received_at),
            trace=outbound.trace_lines(request, self._trace_parent, trusted=entry.trusted),
            by_token=identity.credential in STATED,
        )
        return Outbound(
            upstream=to.upstream,
            method=request.method,
            head=head,
            framing=framing,
            rules=to.answers,
            public_url=request.public_url,
            repeatable=request.method in _REPEATABLE,
            trailers=to.fields.trailers,
            owned=to.cookies_of(request, owned),
            added=_field_lines(added) if added else b"",
            counted=_field_lines(counted) if counted else b"",
            instead=instead,
            once=once,
        )

    def _go_ahead(self, lines: bytes) -> Answer:
        known = self._answers.get(lines)
        if known is None:
            known = Answer(Response(200, lines=go_ahead_lines(lines, self._told)))
            remember(self._answers, lines, known, _REMEMBERED_ANSWERS)
        return known


def _hold_back(entry: Entry, wait_s: int, added: FieldList) -> Answer:
    over = Deny("rate-limited", status=429)
    entry.decide("deny", over.reason)
    # RFC 9110, section 10.2.3: whole seconds.
    fields = (("Retry-After", str(wait_s)), *added)
    return Answer(
        responses.for_decision(entry.request, over, identity=entry.identity, fields=fields)
    )


def _owner(outcome: Outcome) -> Identity | None:
    """The session's identity: anonymous if there is no session or it has ended; None if unknown."""
    if isinstance(outcome, Authenticated):
        return outcome.identity
    return None if isinstance(outcome, Rejected) and not outcome.lapsed else ANONYMOUS


def _field_lines(fields: FieldList) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode()
