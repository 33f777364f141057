"""``invitation``: an invited person chooses a user name and a password."""

import logging
from dataclasses import replace

from gateway import responses
from gateway.accounts.errors import UserTakenError
from gateway.accounts.owner import fold_user
from gateway.credentials.invitations import (
    Invitations,
    UnknownInvitationError,
    suggested_user,
)
from gateway.credentials.local import Local
from gateway.credentials.passwords import (
    MAX_NAME_CHARACTERS,
    PasswordRefusedError,
    UserNameRefusedError,
)
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.new_session import begin_session
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import act_by_link
from gateway.endpoints.parameters import read_form, read_whole_form
from gateway.errors import GatewayError
from gateway.message.public_url import home_of, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.wording import phrase

_log = logging.getLogger(__name__)

_FIELDS = frozenset({"token", "username", "password"})


class InvitationPage:
    """Handlers of the link from ``gatepost accounts invite``."""

    def __init__(self, deps: Deps, local: Local, invitations: Invitations) -> None:
        self._deps = deps
        self._local = local
        self._invitations = invitations

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET invitation?token=``: the form; uses nothing up, as mail scanners follow links."""
        return await self._weighed(request, read_form(request.target.query))

    async def take_up(self, request: Request, body: bytes) -> Response:
        """``POST``: get the account, and sign in."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if form.keys() != _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        return await self._weighed(request, form)

    async def _weighed(self, request: Request, form: dict[str, str]) -> Response:
        """Answer, and count a wrong token of the client's address."""
        tokens, token = self._local.tokens, form.get("token", "")
        wait_s = tokens.take(request.client, self._deps.clock())
        if wait_s:
            return too_many_tries(request, wait_s)
        try:
            email = (await self._invitations.look(token)).email
        except UnknownInvitationError:
            raise
        except GatewayError:
            tokens.give_back(request.client)
            raise
        if "password" not in form:
            tokens.give_back(request.client)
            return _page(request, 200, token, email, suggested_user(email))
        # What is refused stays counted: judging a password takes one of few threads.
        return await self._join(request, token, email, form)

    async def _join(
        self, request: Request, token: str, email: str, form: dict[str, str]
    ) -> Response:
        user, password = form["username"].strip(), form["password"]
        try:
            await self._refuse_name_with_keys(user)
            async with act_by_link(
                self._deps, request, user, "invitation.take-up", name=email
            ) as acting:
                user = await self._invitations.take_up(token, user, password)
                acting.target = replace(acting.target, user=user)
        except (UserTakenError, UserNameRefusedError, PasswordRefusedError) as error:
            told = (
                phrase("This user name belongs to another account.")
                if isinstance(error, UserTakenError)
                else str(error)
            )
            if not request.is_navigation:
                return responses.problem(request, error.status, error.reason, detail=told)
            return _page(request, error.status, token, email, user, told)
        self._local.tokens.give_back(request.client)
        _log.info("user %r took up an invitation", user, extra={"request_id": request.request_id})
        identity = await self._local.accounts.sign_in(user, password, self._deps.clock())
        return await begin_session(self._deps, request, identity, home_of(request))

    async def _refuse_name_with_keys(self, user: str) -> None:
        # Apps take both for one user, and whoever has the name sees and revokes its keys.
        if self._deps.keys is None:
            return
        keys, rules = self._deps.keys
        name = user[:MAX_NAME_CHARACTERS]
        of_file = {fold_user(it.user) for it in rules.static}
        if fold_user(name) in of_file or await keys.list_for(name):
            raise UserTakenError(f"user {user!r} has API keys")


def _page(
    request: Request, status: int, token: str, email: str, user: str, problem: str | None = None
) -> Response:
    return responses.page(
        request,
        status,
        "invitation",
        problem=problem,
        action=own_path(request, responses.INVITATION_PATH),
        token=token,
        email=email,
        username=user,
    )
