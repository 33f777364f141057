"""Who may use the administrator's desk: whoever meets any item of `admins`."""

from dataclasses import dataclass
from typing import Final

from gateway import responses
from gateway.authn import Authenticated, NotPresented, Outcome, Rejected
from gateway.authz.access import RULES, Access, decide
from gateway.authz.facts import Facts
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import require_fresh
from gateway.endpoints.origin import is_same_origin
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Allow, Deny, Identity, SignIn, StepUp
from gateway.record.journal import Actor
from gateway.sessions.session import Session

# What a key or a token needs besides its owner being an administrator.
SCOPE: Final = "gatepost:admin"
# How recent a sign-in must be to give somebody access; taking access away never waits for one.
FRESH_S = 900.0
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Administrator:
    """An administrator; `session` is None for one who came with a key or a token."""

    identity: Identity
    session: Session | None
    actor: Actor

    def require_fresh(self, now: float) -> None:
        """Require a sign-in of the last quarter of an hour.

        A key or a token needs none: its scope was given to it for this.

        Raises:
            SignInTooOldError: It was longer ago.
        """
        if self.session is not None:
            require_fresh(self.session, now, FRESH_S)


class Administrators:
    """Finds the administrator behind a request, or the response that refuses it."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._access = Access(RULES, allow=deps.admins)

    async def by_session(self, request: Request) -> Administrator | Response:
        """Who asks for a page: only a session opens one.

        A form must come from a page of the same origin.
        """
        outcome = await self._outcome(request)
        if isinstance(outcome, Authenticated) and outcome.identity.credential != "session":
            outcome = NotPresented()
        return await self._judge(request, outcome)

    async def by_any(self, request: Request) -> Administrator | Response:
        """Who calls: by a session, or by a key or a token with the scope `SCOPE`."""
        return await self._judge(request, await self._outcome(request))

    def is_one(self, request: Request, identity: Identity) -> bool:
        """Whether `identity` is an administrator's, perhaps after a new sign-in."""
        return isinstance(self._decide(request, identity), Allow | StepUp)

    async def _judge(self, request: Request, outcome: Outcome) -> Administrator | Response:
        if not isinstance(outcome, Authenticated):
            return self._nobody(request, outcome)
        identity, session = outcome.identity, None
        if _is_foreign(request, identity):
            return responses.problem(request, 403, "cross-site").about(identity)
        if identity.credential == "session":
            session = await self._deps.session(request)
            if session is None or session.session_id != identity.session_id:
                # It ended just now.
                return self._nobody(request, NotPresented())
        refused = self._refusal(request, identity)
        if refused is not None:
            return refused.about(identity)
        return Administrator(identity, session, Actor.of(identity, request))

    def _refusal(self, request: Request, identity: Identity) -> Response | None:
        deps = self._deps
        if identity.resources:
            # A client that may call an MCP server may not act for the person elsewhere.
            return responses.rejected(
                request, "token-not-for-resource", deps.admission, presented="token"
            )
        if identity.credential != "session" and SCOPE not in identity.scopes:
            missing = Deny("scope-missing", SCOPE)
            return responses.for_decision(request, missing, deps.admission, identity=identity)
        if identity.routes is not None:
            return responses.problem(request, 403, "key-not-for-route")
        decision = self._decide(request, identity)
        match decision:
            case Allow():
                return None
            case StepUp():
                return responses.for_decision(request, decision, deps.admission, identity=identity)
            case Deny() | SignIn():
                who = identity if identity.credential == "session" else None
                return responses.problem(request, 403, "not-an-administrator", who=who)

    def _decide(self, request: Request, identity: Identity) -> Allow | Deny | SignIn | StepUp:
        if not self._access.allow:
            # Without an item, `decide` would let everybody in.
            return Deny("not-an-administrator")
        return decide(self._access, Facts(request, identity, self._deps.clock()))

    async def _outcome(self, request: Request) -> Outcome:
        if self._deps.identify is not None:
            return await self._deps.identify(request)
        session = await self._deps.session(request)
        return NotPresented() if session is None else Authenticated(session.identity)

    def _nobody(self, request: Request, outcome: Outcome) -> Response:
        deps = self._deps
        if isinstance(outcome, Rejected) and not outcome.clears_cookie:
            return responses.rejected(
                request,
                outcome.reason,
                deps.admission,
                presented=outcome.kind,
                status=outcome.status,
            )
        had_one = bool(request.cookies(deps.cookies.session_name(request)))
        fields = (deps.cookies.no_session_cookie(request),) if had_one else ()
        reason = "session-expired" if had_one else "sign-in-required"
        # The body of a form would be lost, so that only says what to do.
        return responses.sign_in(request, deps.admission, reason=reason, fields=fields)


def _is_foreign(request: Request, identity: Identity) -> bool:
    """Whether another site's page may have caused a request that changes something."""
    if request.method in _SAFE:
        return False
    if identity.credential == "session":
        return not is_same_origin(request)
    # Browsers repeat the password of Basic, which may be a key.  Programs send neither field.
    named = any(request.fields.has(it) for it in (b"origin", b"sec-fetch-site"))
    return named and not is_same_origin(request)
