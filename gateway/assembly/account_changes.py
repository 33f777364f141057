"""What a change of an account means for the sessions of whoever acts by it."""

from collections.abc import Iterable

from gateway.accounts.account import Account, Subject
from gateway.accounts.manager import Accounts
from gateway.sessions.kinds import AllSessions


def connect_sessions(accounts: Accounts, sessions: AllSessions) -> None:
    """Have `sessions` follow every change that this process makes to `accounts`."""

    async def changed(_account_id: str, before: Account, after: Account) -> None:
        if after.is_disabled and not before.is_disabled:
            await _end(sessions, after.subjects)
            return
        if after.merged_into is None:
            # Who acts by the account no more.
            await _end(sessions, set(before.subjects) - set(after.subjects))
        if _kept(before) != _kept(after):
            await sessions.doubt_account({*before.subjects, *after.subjects})

    accounts.on_change(changed)


async def _end(sessions: AllSessions, subjects: Iterable[Subject]) -> None:
    for issuer, subject in subjects:
        await sessions.end_all(issuer, subject)


def _kept(account: Account) -> tuple[object, ...]:
    return (
        account.user,
        account.external_id,
        account.roles,
        dict(account.secrets),
        account.is_disabled,
        account.merged_into,
    )
