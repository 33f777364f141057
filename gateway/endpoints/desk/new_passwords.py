"""Links by which people set a new password, made at the desk."""

from dataclasses import dataclass

from gateway import responses
from gateway.accounts.desk import AccountDesk
from gateway.credentials.local import Local
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.section import Asked
from gateway.errors import GatewayError
from gateway.mail.letters import Letters
from gateway.record.journal import Target


@dataclass(frozen=True, slots=True)
class NewPasswordLink:
    """A link that works once, and for an hour; told once.

    Attributes:
        mailed: Whether it was sent to the account's address.
        unsent: Why it was not sent though there is a mail server.
    """

    link: str
    mailed: bool = False
    unsent: str | None = None


class NewPasswords:
    """Makes the links."""

    def __init__(self, deps: Deps, desk: AccountDesk, local: Local) -> None:
        self._deps = deps
        self._desk = desk
        self._local = local

    async def make(self, asked: Asked) -> NewPasswordLink:
        """A link for the account that `asked` names, mailed if that is possible.

        Raises:
            SignInTooOldError: The administrator signed in too long ago.
            GatewayError: There is no such account, or it has no local password.
        """
        asked.who.require_fresh(self._deps.clock())
        found = await self._desk.find(asked.name)
        target = Target.of_account(found.account_id, found.account)
        async with self._deps.journal.act(
            asked.who.actor, "password.reset-link", target, asked.request
        ):
            token = await self._local.accounts.reset_token(found.account_id, may_be_first=True)
        link = f"{asked.request.public_url}{responses.RESET_PATH}?token={token}"
        outbox, local = self._deps.outbox, found.account.local
        if outbox is None or local is None or not local.email:
            return NewPasswordLink(link)
        try:
            await outbox.send(Letters(outbox.host).new_password(local.email, local.user, link))
        except GatewayError as error:
            return NewPasswordLink(link, unsent=str(error))
        return NewPasswordLink(link, mailed=True)
