"""Changes the e-mail address of a local account once its owner has proven the new one."""

import json
from dataclasses import dataclass, field, replace

from gateway.accounts.account import Account
from gateway.accounts.manager import Accounts
from gateway.credentials.local_accounts import NoPasswordError, fingerprint
from gateway.errors import GatewayError

CHANGE_S = 3600.0


class UnknownEmailLinkError(GatewayError):
    """The link was used, has expired, is another account's or was never made."""

    reason = "email-link-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Changed:
    """An account with a new address, and the address it had; None if it had none."""

    account: Account
    old: str | None = field(repr=False)


class EmailChanges:
    """Changes addresses, and tells the app's hooks.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._records = accounts.records

    async def token(self, account_id: str, email: str) -> str:
        """A token that makes `email` the account's, once and within an hour.

        Raises:
            NoPasswordError: The account has no local identity.
        """
        account_id, account = await self._local(account_id)
        data = json.dumps([account_id, fingerprint(account), email]).encode()
        return await self._records.new_note("email-change", data, CHANGE_S)

    async def look(self, token: str, account_id: str) -> str:
        """The address that the token makes that of `account_id`; uses nothing up.

        Raises:
            UnknownEmailLinkError: There is no such token of this account.
        """
        data = (await self._records.note("email-change", token))[1]
        return await self._email(data, account_id)

    async def confirm(self, token: str, account_id: str) -> Changed:
        """Make the token's address that of the account.

        Raises:
            UnknownEmailLinkError: There is no such token of this account.
            HookFailedError: The app could not be told: nothing was changed.
        """
        email = await self.look(token, account_id)
        await self._tell_app(account_id, email)
        taken = await self._records.take_note("email-change", token)
        return await self._set(account_id, await self._email(taken, account_id))

    async def vouch(self, account_id: str, email: str | None) -> Changed:
        """Make `email`, for which the operator vouches, that of the account; None removes it.

        Raises:
            NoPasswordError: The account has no local identity, or is disabled.
            HookFailedError: The app could not be told: nothing was changed.
        """
        await self._tell_app(account_id, email)
        return await self._set(account_id, email)

    async def _email(self, data: bytes | None, account_id: str) -> str:
        if data is None:
            raise UnknownEmailLinkError("no such link")
        owner, made_for, email = json.loads(data)
        owner, account = await self._records.follow(owner)
        wanted, _ = await self._records.follow(account_id)
        # A password or an address that was changed meanwhile ends the link.
        if owner != wanted or account is None or fingerprint(account) != made_for:
            raise UnknownEmailLinkError(f"the link is not for account {account_id}")
        return str(email)

    async def _local(self, account_id: str) -> tuple[str, Account]:
        account_id, account = await self._records.follow(account_id)
        if account is None or account.local is None:
            raise NoPasswordError(f"account {account_id} has no local user name")
        if account.is_disabled:
            raise NoPasswordError(f"account {account_id} is disabled")
        return account_id, account

    async def _tell_app(self, account_id: str, email: str | None) -> None:
        account_id, account = await self._local(account_id)
        provisioning = self._accounts.provisioning
        if provisioning is not None and account.local is not None:
            told = replace(account.local, email=email, account_id=account_id)
            await provisioning.updated(account_id, account.with_local_email(email), told)

    async def _set(self, account_id: str, email: str | None) -> Changed:
        account_id, account = await self._local(account_id)
        changed = await self._accounts.change(account_id, lambda it: it.with_local_email(email))
        if changed is None:
            raise NoPasswordError(f"account {account_id} is gone")
        return Changed(changed, None if account.local is None else account.local.email)
