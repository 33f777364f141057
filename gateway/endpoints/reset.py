"""``reset``: sets a new password by a link, from a mail or ``gatepost accounts reset-password``."""

import logging

from gateway import responses
from gateway.credentials.local import Local
from gateway.credentials.local_accounts import UnknownResetError
from gateway.credentials.passwords import PasswordRefusedError
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import act_by_link
from gateway.endpoints.parameters import read_form, read_whole_form
from gateway.errors import GatewayError
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response

_log = logging.getLogger(__name__)

_FIELDS = frozenset({"token", "password"})


class Reset:
    """Handlers of the link."""

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._local = local

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET reset?token=``: the form; uses nothing up, because mail scanners follow links."""
        token = read_form(request.target.query).get("token", "")
        return await self._weighed(request, token, None)

    async def change(self, request: Request, body: bytes) -> Response:
        """``POST``: set the password, and end all sessions of the account."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if form.keys() != _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        return await self._weighed(request, form["token"], form["password"])

    async def _weighed(self, request: Request, token: str, password: str | None) -> Response:
        tokens = self._local.tokens
        wait_s = tokens.take(request.client, self._deps.clock())
        if wait_s:
            return too_many_tries(request, wait_s)
        try:
            user = await self._local.accounts.reset_user(token)
        except UnknownResetError:
            raise
        except GatewayError:
            tokens.give_back(request.client)
            raise
        if password is None:
            tokens.give_back(request.client)
            return self._page(request, 200, token, user)
        try:
            async with act_by_link(self._deps, request, user, "password.reset"):
                account = await self._local.accounts.reset(token, password)
        except PasswordRefusedError as error:
            # It stays counted: judging a password takes one of few threads.
            return self._page(request, error.status, token, user, str(error))
        tokens.give_back(request.client)
        await self._deps.all_sessions.end_all_of(account.subjects)
        _log.info("user %r has a new password", user, extra={"request_id": request.request_id})
        return responses.redirect(request, own_path(request, responses.SIGN_IN_PATH))

    def _page(
        self, request: Request, status: int, token: str, user: str, problem: str | None = None
    ) -> Response:
        if problem is not None and not request.is_navigation:
            return responses.problem(request, status, PasswordRefusedError.reason, detail=problem)
        return responses.page(
            request,
            status,
            "reset",
            problem=problem,
            action=own_path(request, responses.RESET_PATH),
            token=token,
            username=user,
        )
