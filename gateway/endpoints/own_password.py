"""The account page's section for the local password."""

from collections.abc import Mapping, Set

from gateway.credentials.local import Local
from gateway.credentials.password_throttle import TooManyTriesError, WrongPasswordError
from gateway.credentials.passwords import PasswordRefusedError
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.own_act import own_act
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session
from gateway.wording import phrase

_FIELDS = frozenset({"old_password", "new_password"})


class OwnPassword:
    """Lets those who signed in with a local password change it."""

    name = "password"

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._local = local

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """The form, for a session that began with a local password."""
        account_id, accounts = session.local_account_id, self._deps.accounts
        if account_id is None or accounts is None:
            return None
        account = await accounts.find(account_id)
        return None if account is None or account.password is None else {"refused": None}

    def takes(self, fields: Set[str]) -> bool:
        """``old_password`` and ``new_password``."""
        return fields == _FIELDS

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | Told | None:
        """Set the new password, and end the account's other sessions."""
        try:
            await self._change(request, session, form)
        except TooManyTriesError as error:
            return too_many_tries(request, error.wait_s)
        except WrongPasswordError:
            return Told(400, {"refused": phrase("The old password is wrong.")})
        except PasswordRefusedError as error:
            return Told(400, {"refused": str(error)})
        return None

    async def _change(self, request: Request, session: Session, form: Mapping[str, str]) -> None:
        who = session.identity
        async with (
            self._local.tries.attempt(who.user, request.client, self._deps.clock()),
            own_act(self._deps, request, session, "password.change"),
        ):
            account = await self._local.accounts.change_password(
                who.account_id or "", form["old_password"], form["new_password"]
            )
        await self._deps.all_sessions.end_others_of(account.subjects, session.session_id)
