"""Admit a request to its upstream: rate limits, signing out, cookies, the head that is sent."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from math import ceil

from gateway import responses
from gateway.authn import Authenticated, Outcome, Rejected
from gateway.authn.cross_site import is_cross_site
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
from gateway.sessions.session import Session

# RFC 9110, section 9.2.2.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class SessionTools:
    """What can be done with the session a request came with, besides judging it.

    Attributes:
        clear: Gives the field that clears the session cookie.
        end: Ends the session in the store, of any kind; gives the browser's, if it is one.
        leave: Gives the answer to a browser whose session has ended: on to the provider, if the
            last argument says so.
        signed_out: Gives the fields that make a browser forget the user who signed out.
        peek: Judges the session without counting as a use of it; None if it is not in memory, so
            that `look_up` must ask the store.
    """

    clear: Callable[[Request], tuple[str, str]]
    end: Callable[[Request, Identity], Awaitable[Session | None]]
    leave: Callable[[Request, Session | None, bool], Awaitable[Response]]
    signed_out: Callable[[Request, Identity], FieldList]
    peek: Callable[[Request], Outcome | None]
    look_up: Callable[[Request], Awaitable[Outcome]]


class Admitter:
    """See the module.  Awaitables raise GatewayError where the store cannot answer."""

    def __init__(
        self, sessions: SessionTools, origins: Collection[bytes], new_trace: Callable[[], str]
    ) -> None:
        self._sessions = sessions
        self._origins = origins
        self._new_trace = new_trace

    def admit_anonymous(
        self, entry: Entry, plan: RoutePlan, added: FieldList = ()
    ) -> Verdict | Awaitable[Verdict]:
        """Admit a request without identity: its credentials, if any, are not the gateway's.

        A session it came with still decides which of the app's cookies go on, so that a public
        route does not mix the cookies of two users.
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
            # A public route stays public while the store is down; cookies with an owner are held
            # back, since the owner is unknown.
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
        """Admit a request of `identity`; the client gets `added` with the answer."""
        to, request = plan.to, entry.request
        if to is None:
            raise InternalError("a route without an upstream")
        if plan.limiter is not None:
            wait_s = plan.limiter.wait_s(request, identity)
            if wait_s:
                return _hold_back(entry, wait_s, added)
        if to.logout_paths and to.signs_out(request.target.path) and request.method != "OPTIONS":
            return self._sign_out(entry, to, identity, added, owned)
        if owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._outbound(entry, to, identity, added, owned)

    async def _sign_out(
        self,
        entry: Entry,
        to: UpstreamPlan,
        identity: Identity,
        added: FieldList,
        owned: OwnedCookies | None,
    ) -> Verdict:
        """Sign the user out of the gateway too, then send the app its own request to sign out.

        The app's answer would lead through the provider's live session straight back in, so a
        browser is sent elsewhere, with the cookies that the app sets.
        """
        request, sessions = entry.request, self._sessions
        who = await self._who_signs_out(entry, identity)
        instead: Response | None = None
        if not who.is_anonymous:
            ended = await sessions.end(request, who)
            if ended is not None and to.logout_then != "app" and request.is_navigation:
                instead = await sessions.leave(request, ended, to.logout_then == "provider")
            added = (sessions.clear(request), *sessions.signed_out(request, who))
            # Cookies in the app's answer still belong to the user who signs out, and are cleared
            # with that user's others.
            owned = None if to.owners is None else to.owners.of(request, who)
        elif owned is None and to.owners is not None:
            owned = to.owners.of(request, identity)
        return self._outbound(entry, to, identity, added, owned, instead)

    async def _who_signs_out(self, entry: Entry, identity: Identity) -> Identity:
        """The identity whose session ends: on a public route, the session cookie's.

        Not for a page of another site, which could sign its visitors out.
        """
        upgrade = entry.framing is not None and bool(entry.framing.upgrade)
        if not identity.is_anonymous:
            return identity
        if is_cross_site(entry.request, self._origins, upgrade=upgrade):
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
    ) -> Outbound:
        request, framing = entry.request, entry.framing
        if framing is None:
            raise InternalError("bytes that are no request were let through")
        head = to.head(
            request,
            framing,
            proxy=entry.peer if entry.trusted else None,
            owned=owned,
            identity=to.identity.lines(identity, request.received_at),
            trace=outbound.trace_lines(request, self._new_trace, trusted=entry.trusted),
            by_token=identity.credential in STATED,
        )
        return Outbound(
            upstream=to.upstream,
            method=request.method,
            head=head,
            framing=framing,
            repeatable=request.method in _REPEATABLE,
            trailers=to.fields.trailers,
            owned=owned,
            added=_field_lines(added) if added else b"",
            instead=instead,
        )


def _hold_back(entry: Entry, wait_s: float, added: FieldList) -> Answer:
    over = Deny("rate-limited", status=429)
    entry.decide("deny", over.reason)
    # RFC 9110, section 10.2.3: whole seconds.
    fields = (("Retry-After", str(ceil(wait_s))), *added)
    return Answer(
        responses.for_decision(entry.request, over, identity=entry.identity, fields=fields)
    )


def _owner(outcome: Outcome) -> Identity | None:
    """The session's identity: anonymous if there is no session or it is over; None in doubt."""
    if isinstance(outcome, Authenticated):
        return outcome.identity
    return None if isinstance(outcome, Rejected) and not outcome.lapsed else ANONYMOUS


def _field_lines(fields: FieldList) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode()
