"""Links by which an invited person chooses a user name and a password."""

import json
from dataclasses import dataclass, replace

from gateway.accounts.account import Account, Invitation, facts_of
from gateway.accounts.errors import UserTakenError
from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_email
from gateway.credentials.local_accounts import LocalAccounts, NewPerson
from gateway.credentials.passwords import UserNameRefusedError, check_user_name
from gateway.errors import GatewayError
from gateway.wording import phrase

INVITED_S = 3600.0


class UnknownInvitationError(GatewayError):
    """The invitation was taken up, has expired or was never made."""

    reason = "invitation-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that nobody has taken up.  The operator vouches for the address."""

    account_id: str
    email: str


class Invitations:
    """Makes links for invitations, and takes them up.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts, local: LocalAccounts) -> None:
        self._accounts = accounts
        self._records = accounts.records
        self._local = local

    async def token(self, account_id: str, email: str) -> str | None:
        """A token for the invitation of `email` to the account, good once and for an hour.

        None if only a provider's identity can take it up: it is for one issuer, or the account
        signs in already.
        """
        account = (await self._records.follow(account_id))[1]
        if account is None or not _is_open(account, email):
            return None
        data = json.dumps([account_id, email]).encode()
        return await self._records.new_note("invitation", data, INVITED_S)

    async def look(self, token: str) -> Invited:
        """The invitation of the token; uses nothing up.

        Raises:
            UnknownInvitationError: It was taken up, by a provider's identity perhaps, has expired
                or was never made; or an account has the address by now.
        """
        data = (await self._records.note("invitation", token))[1]
        if data is None:
            raise UnknownInvitationError("no such invitation")
        account_id, email = json.loads(data)
        account_id, account = await self._records.follow(account_id)
        if account is None or not _is_open(account, email):
            raise UnknownInvitationError(f"the invitation to account {account_id} was taken up")
        if await self._records.with_email(email):
            raise UnknownInvitationError("another account has the address by now")
        return Invited(account_id, email)

    async def take_up(self, token: str, user: str, password: str) -> str:
        """Give the account of the token the user name and the password; the name as it is kept.

        Raises:
            UnknownInvitationError: As `look`.
            UserTakenError, UserNameRefusedError, PasswordRefusedError: The token stays good.
        """
        invited = await self.look(token)
        person, hashed = await self._local.ready(NewPerson(user, invited.email), password)
        _refuse_address_of_others(person.user, invited.email)
        # Whoever loses must not free a user name that the winner has just got.
        async with self._records.locked("invitation", invited.account_id):
            await self._join(await self.look(token), person, hashed)
            await self._records.take_note("invitation", token)
        return person.user

    async def _join(self, invited: Invited, person: NewPerson, hashed: str) -> None:
        account_id = invited.account_id
        if await self._records.keep("user", (person.user,), account_id) != account_id:
            raise UserTakenError(f"user {person.user!r}")
        identity = self._local.identity_of(account_id, person)

        def joined(it: Account) -> Account:
            if not _is_open(it, invited.email):
                return it
            return replace(
                it,
                subjects=(identity.subject_key(),),
                seen=(facts_of(identity),),
                names=(person.user,),
                password=hashed,
                invitations=(),
            )

        changed = await self._accounts.change(account_id, joined)
        if changed is None or changed.password != hashed:
            # A provider's identity was faster: the invitation is good once altogether.
            await self._records.release("user", person.user)
            raise UnknownInvitationError(f"the invitation to account {account_id} was taken up")
        await self._records.keep("identity", identity.subject_key(), account_id)


def suggested_user(email: str) -> str:
    """The user name to suggest for an address; ``""`` if it makes none."""
    try:
        return check_user_name(email.partition("@")[0])
    except UserNameRefusedError:
        return ""


def _refuse_address_of_others(user: str, email: str) -> None:
    """Refuse a user name that is another person's address.

    The invited person chooses the name freely, and many apps find their users by name or address.
    """
    if "@" in user and fold_email(user) != fold_email(email):
        raise UserNameRefusedError(phrase("A user name with @ must be your own e-mail address."))


def _is_open(account: Account, email: str) -> bool:
    return (
        Invitation(fold_email(email)) in account.invitations
        and not account.subjects
        and account.password is None
        and not account.is_disabled
    )
