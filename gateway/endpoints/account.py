"""``account``: the page where people see who they are here, and end their sessions."""

from datetime import UTC, datetime

from gateway import responses
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import LOGOUT_PATH, Logout
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.parameters import read_form
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Session

ACCOUNT_PATH = "/_gatepost/account"


class Account:
    """Handlers of ``account``; it works without scripts, so its buttons are forms."""

    def __init__(self, deps: Deps, logout: Logout, own: OwnSessions) -> None:
        self._deps = deps
        self._logout = logout
        self._own = own

    async def show(self, request: Request, _body: bytes) -> Response:
        """The page; who is not signed in signs in first."""
        session = await self._deps.session(request)
        if session is None:
            name = self._deps.cookies.session_name(request)
            fields = self._own.cleared(request) if request.cookies(name) else ()
            return responses.sign_in(request, return_to=ACCOUNT_PATH, fields=fields)
        who = session.identity
        return responses.page(
            request,
            200,
            "account",
            name=who.name or who.user,
            user=who.user,
            email=who.email,
            provider=session.provider,
            groups=who.groups,
            sessions=[self._row(info, session) for info in await self._own.of(session)],
            action=ACCOUNT_PATH,
            logout_url=LOGOUT_PATH,
            home_url="/",
        )

    async def change(self, request: Request, body: bytes) -> Response:
        """``POST`` of one of the page's forms: ``end=ID`` ends a session, ``end=all`` every one."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        if session is None:
            return responses.redirect(request, responses.sign_in_location(request, ACCOUNT_PATH))
        which = read_form(body.decode("ascii", "replace")).get("end", "")
        if which == "all":
            await self._own.end_all(session)
        else:
            # One that is already over is what was wanted.
            await self._own.end(session, which)
        if which in ("all", session.session_id):
            return await self._logout.leave(request, session)
        return responses.redirect(request, ACCOUNT_PATH)

    def _row(self, info: SessionInfo, session: Session) -> dict[str, object]:
        current = info.session_id == session.session_id
        seen_at = self._deps.clock() if current else info.last_seen_at
        return {
            "id": info.session_id,
            "current": current,
            "device": info.device or "unknown",
            "ip": info.ip,
            "provider": info.provider,
            "created": _time(info.created_at),
            "last_seen": _time(seen_at),
        }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
