"""The account page's section for sessions."""

from collections.abc import Callable, Mapping, Set

from gateway import responses
from gateway.authz.request_conditions import CountryOf
from gateway.endpoints.logout import Logout
from gateway.endpoints.own_sessions import OwnSessions
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.device import UNKNOWN, shown_device
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Session
from gateway.storage.store import Clock


class SessionSection:
    """Lists and ends the user's sessions."""

    name = "sessions"

    def __init__(
        self, own: OwnSessions, logout: Logout, clock: Clock, country_of: CountryOf | None
    ) -> None:
        self._own = own
        self._country_of = country_of
        self._logout = logout
        self._clock = clock

    async def shown(self, request: Request, session: Session) -> Mapping[str, object]:
        """The sessions, most recently used first."""
        names = self._own.names(await self._own.given(session))
        rows = [self._row(info, session, names) for info in await self._own.of(session)]
        return {"rows": rows, "logout_url": own_path(request, responses.LOGOUT_PATH)}

    def takes(self, fields: Set[str]) -> bool:
        """``end``: the id of a session, or ``all``."""
        return fields == {"end"}

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | None:
        """End a session, or all of them."""
        which = form["end"]
        if which == "all":
            await self._own.end_all(request, session)
        else:
            # If it has already ended, the result is as requested.
            await self._own.end(request, session, which)
        if which in ("all", session.session_id):
            return await self._logout.leave(request, session)
        return None

    def _row(
        self, info: SessionInfo, session: Session, names: Callable[[str], str]
    ) -> dict[str, object]:
        current = info.session_id == session.session_id
        seen_at = self._clock() if current else info.last_seen_at
        return {
            "id": info.session_id,
            "current": current,
            # Many programs send no User-Agent: then the app is all there is to tell.
            "device": None if info.device in ("", UNKNOWN) else shown_device(info.device),
            "client": None if info.client is None else names(info.client),
            "ip": info.ip,
            "country": None if self._country_of is None else self._country_of(info.ip),
            "created": info.created_at,
            "last_seen": seen_at,
        }
