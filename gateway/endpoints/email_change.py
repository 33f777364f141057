"""``email``: confirms a new e-mail address by the link that was mailed to it."""

import logging
from dataclasses import replace

from gateway import responses
from gateway.credentials.email_change import Changed, EmailChanges, UnknownEmailLinkError
from gateway.endpoints.deps import Deps
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import own_act
from gateway.endpoints.parameters import read_form, read_whole_form
from gateway.mail.letters import Letters
from gateway.mail.outbox import Outbox, only
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session, with_tokens

_log = logging.getLogger(__name__)

_FIELDS = frozenset({"token"})


class EmailChange:
    """Handlers of the link.

    Only for a browser that is signed in to the account: whoever asks for another person's address
    could otherwise have that person confirm it, and would have it verified.
    """

    def __init__(self, deps: Deps, changes: EmailChanges, outbox: Outbox) -> None:
        self._deps = deps
        self._changes = changes
        self._outbox = outbox

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET email?token=``: asks for confirmation; uses nothing up."""
        session = await self._deps.session(request)
        if session is None:
            return responses.sign_in(request)
        token = read_form(request.target.query).get("token", "")
        email = await self._changes.look(token, _account_id(session))
        return responses.page(
            request,
            200,
            "email",
            action=own_path(request, responses.EMAIL_PATH),
            token=token,
            email=email,
            user=session.identity.user,
        )

    async def confirm(self, request: Request, body: bytes) -> Response:
        """``POST``: make the address the account's, and end its other sessions."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if form.keys() != _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        session = await self._deps.session(request)
        here = own_path(request, responses.ACCOUNT_PATH)
        if session is None:
            return responses.redirect(request, responses.sign_in_location(request, here))
        async with own_act(self._deps, request, session, "email.change") as acting:
            changed = await self._changes.confirm(form["token"], _account_id(session))
            acting.target = replace(acting.target, name=changed.account.email or "")
        _log.info(
            "user %r has a new address",
            session.identity.user,
            extra={"request_id": request.request_id},
        )
        await self._deps.all_sessions.end_others_of(changed.account.subjects, session.session_id)
        await self._follow(request, session, changed)
        if changed.old:
            letters = Letters(self._outbox.host)
            self._outbox.post(only(letters.address_changed(changed.old, session.identity.user)))
        return responses.redirect(request, here)

    async def _follow(self, request: Request, session: Session, changed: Changed) -> None:
        """Have the session that goes on tell apps the new address."""
        local = changed.account.local
        if local is None or session.local_account_id is None:
            return
        identity = replace(session.as_proven, email=local.email)
        successor = with_tokens(session, identity, session.tokens)
        for cookie in self._deps.session_cookies(request):
            if await self._deps.sessions.replace(cookie, session, successor):
                return
        # Rather none than one with the old address.
        await self._deps.sessions.end(session)


def _account_id(session: Session) -> str:
    account_id = session.identity.account_id
    if account_id is None:
        raise UnknownEmailLinkError("the session has no account")
    return account_id
