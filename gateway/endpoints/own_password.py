"""The account page's section for the local password."""

from collections.abc import Mapping

from gateway.credentials.local import Local
from gateway.endpoints.deps import Deps
from gateway.kinds import LOCAL
from gateway.message.request import Request
from gateway.sessions.session import Session

FIELDS = frozenset({"old_password", "new_password"})


class OwnPassword:
    """Lets those who signed in with a local password change it."""

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._local = local

    def is_for(self, session: Session) -> bool:
        """Whether the session began with a local password."""
        return session.provider == LOCAL and session.identity.account_id is not None

    async def change(self, request: Request, session: Session, form: Mapping[str, str]) -> None:
        """Set the new password, and end the account's other sessions.

        Raises:
            WrongPasswordError: The old one is wrong.
            TooManyTriesError: It was wrong too often.
            PasswordRefusedError: The new one may not be used.
        """
        who = session.identity
        account_id = who.account_id or ""
        async with self._local.tries.attempt(who.user, request.client, self._deps.clock()):
            account = await self._local.accounts.change_password(
                account_id, form["old_password"], form["new_password"]
            )
        for issuer, subject in account.subjects:
            others = await self._deps.all_sessions.list_of(issuer, subject)
            await self._deps.all_sessions.end_these(
                it for it in others if it.session_id != session.session_id
            )
