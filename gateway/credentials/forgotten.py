"""Who gets a link to a new password when somebody names a user or an e-mail address."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from gateway.accounts.account import Account
from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_email
from gateway.credentials.local_accounts import LocalAccounts
from gateway.credentials.mail_quota import may_mail
from gateway.credentials.passwords import MAX_NAME_CHARACTERS

# Accounts with one address that each get a mail.
_MOST_ACCOUNTS = 5
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class ResetLink:
    """A token that sets a new password, and the address it may be sent to."""

    to: str = field(repr=False)
    user: str
    token: str = field(repr=False)


class Forgotten:
    """Makes links to a new password."""

    def __init__(self, accounts: Accounts, local: LocalAccounts) -> None:
        self._accounts = accounts
        self._local = local

    async def links(self, name: str) -> AsyncIterator[ResetLink]:
        """A link for each account that `name`, a user name or an e-mail address, stands for.

        It is for the stored address of the local user name, never for the text that was typed:
        look-alikes of an address are other people's mailboxes.  An account with no local password,
        a disabled one, and one that got three links in the last hour has none.

        Raises:
            StoreUnavailableError: The store cannot answer.
        """
        for account_id, account in (await self._meant(name)).items():
            local = account.local
            if local is None or not local.email or account.password is None or account.is_disabled:
                continue
            if await may_mail(self._accounts, "password-reset", account_id):
                token = await self._local.reset_token(account_id)
                yield ResetLink(local.email, local.user, token)

    async def _meant(self, name: str) -> dict[str, Account]:
        found: dict[str, Account] = {}
        # Folding a very long name takes seconds; no account has one.
        named = await self._accounts.named(name) if len(name) <= MAX_NAME_CHARACTERS else None
        if named is not None and named[1] is not None:
            found[named[0]] = named[1]
        if len(name) <= _LONGEST_EMAIL:
            with_it = await self._accounts.records.with_email(name)
            same = [(i, it) for i, it in with_it if _has_email(it, name)]
            found.update(sorted(same, key=lambda it: it[0])[:_MOST_ACCOUNTS])
        return found


def _has_email(account: Account, email: str) -> bool:
    local = account.local
    return local is not None and fold_email(local.email or "") == fold_email(email)
