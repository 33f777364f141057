"""The account page's section for the e-mail address of a local account."""

from collections.abc import Mapping, Set

from gateway import responses
from gateway.accounts.manager import Accounts
from gateway.credentials.email_change import EmailChanges
from gateway.credentials.local import Local
from gateway.credentials.mail_quota import MAILS_PER_S, may_mail
from gateway.credentials.password_throttle import TooManyTriesError, WrongPasswordError
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import is_fresh, prove_anew_here
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.mail.letter import UnmailableError, mailable
from gateway.mail.letters import Letters
from gateway.mail.outbox import Outbox, only
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session
from gateway.wording import phrase

_FIELDS = frozenset({"new_email", "email_password"})


class OwnEmail:
    """Mails a link to the new address, which is the account's only once the link is used."""

    name = "email"

    def __init__(self, deps: Deps, local: Local, accounts: Accounts, outbox: Outbox) -> None:
        self._deps = deps
        self._local = local
        self._accounts = accounts
        self._changes = EmailChanges(accounts)
        self._outbox = outbox

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """The form, for a session that began with a local account."""
        if session.local_account_id is None:
            return None
        return {
            "refused": None,
            "mailed_to": None,
            "asks_password": not is_fresh(session, self._deps.clock()),
            "prove_anew_url": prove_anew_here(request, session),
        }

    def takes(self, fields: Set[str]) -> bool:
        """``new_email``, and ``email_password`` unless the user has just signed in."""
        return {"new_email"} <= fields <= _FIELDS

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | Told | None:
        """Mail the link, once the user has proven again who they are."""
        try:
            to = mailable(form["new_email"].strip())
            await self._prove(request, session, form.get("email_password", ""))
        except TooManyTriesError as error:
            return too_many_tries(request, error.wait_s)
        except WrongPasswordError:
            return Told(400, {"refused": phrase("The password is wrong.")})
        except UnmailableError as error:
            return Told(400, {"refused": str(error)})
        # Else anybody with an account could fill strangers' mailboxes.
        account_id = session.identity.account_id or ""
        if not await may_mail(self._accounts, "email-change", account_id):
            return too_many_tries(request, MAILS_PER_S)
        token = await self._changes.token(account_id, to)
        # On this host, not on that of `public_url`: the link works in this session only, and its
        # cookie is for this host.  Other hosts than the configured ones get no answer but 421.
        link = f"{request.public_url}{responses.EMAIL_PATH}?token={token}"
        letters = Letters(self._outbox.host)
        self._outbox.post(only(letters.confirm_address(to, session.identity.user, link)))
        return Told(200, {"mailed_to": to})

    async def _prove(self, request: Request, session: Session, password: str) -> None:
        if is_fresh(session, self._deps.clock()):
            return
        who = session.identity
        async with self._local.tries.attempt(who.user, request.client, self._deps.clock()):
            await self._local.accounts.prove(who.account_id or "", password)
