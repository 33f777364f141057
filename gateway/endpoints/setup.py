"""``setup``: makes the first administrator, while there is none."""

import logging

from gateway import responses
from gateway.accounts.errors import UserTakenError
from gateway.credentials.first_run import WrongSetupTokenError
from gateway.credentials.local import Local, make_first_administrator
from gateway.credentials.local_accounts import NewPerson
from gateway.credentials.passwords import PasswordRefusedError, UserNameRefusedError
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.new_session import begin_session
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import act_by_link
from gateway.endpoints.parameters import read_whole_form
from gateway.errors import GatewayError
from gateway.message.public_url import home_of, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.wording import phrase

_log = logging.getLogger(__name__)

_FIELDS = frozenset({"token", "username", "email", "password"})


class Setup:
    """Handlers of the first-run wizard."""

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._local = local

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the form; 404 once there is an administrator."""
        if not await self._local.first_run.is_open():
            return responses.problem(request, 404, "no-route")
        return _page(request, 200, {}, None)

    async def make(self, request: Request, body: bytes) -> Response:
        """``POST``: make the administrator and sign in."""
        if not await self._local.first_run.is_open():
            return responses.problem(request, 404, "no-route")
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if not _FIELDS - {"email"} <= form.keys() <= _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        wait_s = self._local.tokens.take(request.client, self._deps.clock())
        if wait_s:
            return too_many_tries(request, wait_s)
        person = NewPerson(form["username"], form.get("email", ""), is_admin=True)
        token, password = form["token"].strip(), form["password"]
        try:
            await make_first_administrator(self._local, token, person, password)
        except WrongSetupTokenError as error:
            _log.warning("setup: %s", error, extra={"request_id": request.request_id})
            told = phrase("The setup token is wrong. Copy it from the gateway's log.")
            return _refused(request, error, form, told)
        except GatewayError as error:
            self._local.tokens.give_back(request.client)
            said = _told(error)
            if said is None:
                raise
            return _refused(request, error, form, said)
        self._local.tokens.give_back(request.client)
        # Afterwards: strangers who try tokens write nothing to the store.
        async with act_by_link(self._deps, request, person.user, "account.set-up"):
            pass
        _log.info("the first administrator was made", extra={"request_id": request.request_id})
        identity = await self._local.accounts.sign_in(person.user, password, self._deps.clock())
        return await begin_session(self._deps, request, identity, home_of(request))


def _told(error: GatewayError) -> str | None:
    """What the user can do about `error`; None where there is nothing."""
    if isinstance(error, UserTakenError):
        return phrase("This user name belongs to another account.")
    return str(error) if isinstance(error, PasswordRefusedError | UserNameRefusedError) else None


def _refused(request: Request, error: GatewayError, form: dict[str, str], told: str) -> Response:
    if not request.is_navigation:
        return responses.problem(request, error.status, error.reason, detail=told)
    return _page(request, error.status, form, told)


def _page(request: Request, status: int, form: dict[str, str], problem: str | None) -> Response:
    return responses.page(
        request,
        status,
        "setup",
        problem=problem,
        action=own_path(request, responses.SETUP_PATH),
        token=form.get("token", ""),
        username=form.get("username", ""),
        email=form.get("email", ""),
    )
