"""The account page's section for the apps that the user may open, or ask for."""

from collections.abc import Mapping, Set

from gateway import responses
from gateway.accounts.access_requests import AccessRequest, TooManyAccessRequestsError
from gateway.authserver.consents import person_of
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.launching import Entry, Launcher
from gateway.endpoints.own_act import own_act
from gateway.mail.letters import Letters
from gateway.mail.outbox import only
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Deny, StepUp
from gateway.sessions.session import Session

_ASK = "ask_access"


class LauncherSection:
    """Lists the apps, and takes requests for access."""

    name = "launcher"

    def __init__(self, deps: Deps, launcher: Launcher) -> None:
        self._deps = deps
        self._launcher = launcher

    async def shown(self, request: Request, session: Session) -> Mapping[str, object]:
        """The apps that may be opened, and those that may be asked for."""
        entries = self._launcher.entries(request, session.identity)
        wanted = [it for it in entries if it.can_be_asked_for]
        asked: dict[str, AccessRequest] = {}
        if wanted and self._deps.access_requests is not None:
            mine = await self._deps.access_requests.of(person_of(session.identity))
            asked = {it.route: it for it in mine}
        return {
            "rows": [_row(it) for it in entries if it.can_open],
            "wanted": [_wanted(it, asked.get(it.route)) for it in wanted],
            "refused": None,
        }

    def takes(self, fields: Set[str]) -> bool:
        """``ask_access``: the name of a route."""
        return fields == {_ASK}

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | Told | None:
        """Keep the request, and tell the administrators."""
        requests, who = self._deps.access_requests, session.identity
        entries = self._launcher.entries(request, who)
        entry = next((it for it in entries if it.route == form[_ASK]), None)
        if requests is None or entry is None or not entry.may_ask:
            return Told(400, {"refused": "unknown"})
        if not isinstance(entry.decision, Deny):
            return Told(200, {"refused": "open"})
        wanted = AccessRequest(
            person=person_of(who),
            user=who.user,
            name=who.name,
            email=who.email,
            route=entry.route,
            app=entry.name,
            url=entry.url,
            reason=entry.decision.reason,
            missing=self._launcher.remedies(request, who, entry.route),
            asked_at=self._deps.clock(),
        )
        try:
            if await requests.is_new(wanted):
                about = {"target_id": wanted.request_id, "name": wanted.app}
                async with own_act(self._deps, request, session, "access.ask", **about):
                    await requests.keep(wanted)
                self._tell(wanted)
        except TooManyAccessRequestsError as error:
            return Told(error.status, {"refused": "too-many"})
        here = own_path(request, responses.ACCOUNT_PATH)
        return responses.redirect(request, f"{here}#{self.name}")

    def _tell(self, wanted: AccessRequest) -> None:
        outbox = self._deps.outbox
        if outbox is None or outbox.smtp is None:
            return
        letters = Letters(outbox.host)
        where = f"{outbox.public_url}{responses.ACCESS_REQUESTS_PATH}"
        for to in outbox.smtp.notify:
            outbox.post(only(letters.access_asked(to, wanted.user, wanted.app, where)))


def _row(entry: Entry) -> dict[str, object]:
    return {
        "route": entry.route,
        "name": entry.name,
        "description": entry.description,
        "url": entry.url,
        "asks_for_more": isinstance(entry.decision, StepUp),
    }


def _wanted(entry: Entry, asked: AccessRequest | None) -> dict[str, object]:
    return {
        "route": entry.route,
        "name": entry.name,
        "description": entry.description,
        "state": None if asked is None else asked.state,
        "asked_at": None if asked is None else asked.asked_at,
    }
