"""``account``: the page where users see their identity, sessions and API keys."""

from collections.abc import Sequence

from gateway import responses
from gateway.endpoints.account_proof import proof_of
from gateway.endpoints.account_section import Section, Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.administrators import Administrators
from gateway.endpoints.desk.desk import DESK_PATH
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.parameters import read_whole_form
from gateway.message.public_url import home_of, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session


class Account:
    """Handlers of ``account``.  It works without scripts, so its buttons are forms."""

    def __init__(
        self,
        deps: Deps,
        own: OwnSessions,
        sections: Sequence[Section],
        max_fields: int,
        administrators: Administrators,
    ) -> None:
        """Show `sections` in this order; no form of theirs has more than `max_fields`."""
        self._deps = deps
        self._own = own
        self._sections = sections
        self._max_fields = max_fields
        self._administrators = administrators

    async def show(self, request: Request, _body: bytes) -> Response:
        """The page; a user without a session signs in first."""
        session = await self._deps.session(request)
        if session is None:
            name = self._deps.cookies.session_name(request)
            fields = self._own.cleared(request) if request.cookies(name) else ()
            here = own_path(request, responses.ACCOUNT_PATH)
            return responses.sign_in(request, return_to=here, fields=fields)
        return await self._page(request, session)

    async def change(self, request: Request, body: bytes) -> Response:
        """``POST`` of one of the page's forms."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        here = own_path(request, responses.ACCOUNT_PATH)
        if session is None:
            return responses.redirect(request, responses.sign_in_location(request, here))
        form = read_whole_form(body, self._max_fields) or {}
        section = next((it for it in self._sections if it.takes(form.keys())), None)
        if section is None or await section.shown(request, session) is None:
            return responses.problem(request, 400, "invalid-request")
        answer = await section.act(request, session, form)
        if isinstance(answer, Told):
            return await self._page(request, session, section, answer)
        return answer or responses.redirect(request, here)

    async def _page(
        self,
        request: Request,
        session: Session,
        telling: Section | None = None,
        told: Told | None = None,
    ) -> Response:
        who, shown = session.identity, []
        for section in self._sections:
            values = await section.shown(request, session)
            if values is not None:
                told_here = told.values if told is not None and section is telling else {}
                shown.append((section.name, {**values, **told_here}))
        return responses.page(
            request,
            200 if told is None else told.status,
            "account",
            name=who.name or who.user,
            user=who.user,
            email=who.email,
            proof=proof_of(session),
            groups=who.groups,
            sections=shown,
            action=own_path(request, responses.ACCOUNT_PATH),
            home_url=home_of(request),
            desk_url=own_path(request, DESK_PATH)
            if self._administrators.is_one(request, who)
            else None,
        )
