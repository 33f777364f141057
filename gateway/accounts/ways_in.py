"""The ways to sign in to an account, of which the owner may give up all but one."""

import logging
from collections.abc import Callable, Set
from dataclasses import replace

from gateway.accounts.account import Account, Subject
from gateway.accounts.desk import AccountDesk
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.manager import Accounts
from gateway.errors import GatewayError
from gateway.kinds import LOCAL

_log = logging.getLogger(__name__)


class LastWayInError(GatewayError):
    """Without it nobody could sign in to the account any more."""

    reason = "last-way-in"
    status = 409


def linked(account: Account) -> tuple[Subject, ...]:
    """The account's identities at providers."""
    local = {it.subject_key() for it in account.seen if it.provider == LOCAL}
    return tuple(it for it in account.subjects if it not in local)


def can_sign_in(account: Account, issuers: Set[str]) -> bool:
    """Whether anybody can sign in: locally, or at an issuer that people can sign in at."""
    has_own = account.password is not None or account.passkeys != ()
    by_issuer = any(issuer in issuers for issuer, _ in linked(account))
    return (has_own and account.local is not None) or by_issuer


def without_passkeys(account: Account, credential_ids: Set[bytes]) -> Account:
    """The account without the passkeys that have these ids."""
    left = tuple(it for it in account.passkeys if it.credential_id not in credential_ids)
    return replace(account, passkeys=left)


class WaysIn:
    """Takes ways to sign in from accounts, never the last one.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def retire_password(self, account_id: str, issuers: Set[str]) -> Account:
        """Remove the local password with its second factor; the local identity names the person.

        Raises:
            LastWayInError: There is no other way to sign in.
        """
        account = await self._take(
            account_id, issuers, lambda it: replace(it, password=None, second_factor=None)
        )
        _log.info("account %s: its password was retired", account_id)
        return account

    async def remove_passkey(
        self, account_id: str, credential_id: bytes, issuers: Set[str]
    ) -> Account:
        """Remove a passkey.

        Raises:
            LastWayInError: There is no other way to sign in.
        """
        account = await self._take(
            account_id, issuers, lambda it: without_passkeys(it, {credential_id})
        )
        _log.info("account %s: a passkey was removed", account_id)
        return account

    async def unlink(self, account_id: str, subject: Subject, issuers: Set[str]) -> Account:
        """Remove the identity of a provider.

        Raises:
            LastWayInError: There is no other way to sign in, or it names the person.
        """

        def without(account: Account) -> Account:
            if account.seen and account.seen[0].subject_key() == subject:
                raise LastWayInError(f"account {account_id} is named by this identity")
            return account.without(subject)

        account = await self._take(account_id, issuers, without, subject)
        _log.info("account %s: an identity of %s was unlinked", account_id, subject[0])
        return account

    async def _take(
        self,
        account_id: str,
        issuers: Set[str],
        change: Callable[[Account], Account],
        subject: Subject | None = None,
    ) -> Account:
        def changed(account: Account) -> Account:
            after = change(account)
            if after != account and not can_sign_in(after, issuers):
                raise LastWayInError(f"account {account_id} has no other way in")
            return after

        # A swap decides between two removals.  Unlinking goes on after its swap: until the identity
        # is free, a sign-in with it could bring it back, and another removal would count it as a
        # way in.  So there is a lock too.
        async with self._accounts.records.locked("ways-in", account_id):
            account = await self._accounts.change(account_id, changed)
            if account is None:
                raise NoSuchAccountError(f"account {account_id} is gone")
            if subject is not None:
                account = (await AccountDesk(self._accounts).unlink(subject)).account
            return account
