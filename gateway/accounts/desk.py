"""What an operator does with accounts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gateway.accounts.account import Account, Invitation, Subject, merged
from gateway.accounts.errors import NoSuchAccountError, SubjectTakenError, UserTakenError
from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_email
from gateway.model import Identity

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Found:
    """An account and its id."""

    account_id: str
    account: Account


class AccountDesk:
    """An operator's view of the accounts.

    Every method raises NoSuchAccountError where there is no such account, and
    StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._records = accounts.records

    async def find(self, name: str) -> Found:
        """The account with this id or user name."""
        by_id = await self._records.follow(name)
        if by_id[1] is not None:
            return Found(by_id[0], by_id[1])
        account_id = await self._records.owner("user", name)
        if account_id is not None:
            account_id, account = await self._records.follow(account_id)
            if account is not None:
                return Found(account_id, account)
        raise NoSuchAccountError(f"no account {name!r}: give an id or a user name")

    async def page(self, after: str = "", limit: int = _PAGE) -> list[Found]:
        """The first `limit` accounts whose id is greater than `after`."""
        return [Found(*it) for it in await self._records.page(after, limit)]

    async def with_email(self, email: str) -> list[Found]:
        """The accounts whose verified address it is, or that invite it."""
        found = {
            **dict(await self._records.with_email(email)),
            **dict(await self._records.inviting(email)),
        }
        return [Found(account_id, account) for account_id, account in sorted(found.items())]

    async def set_disabled(self, name: str, is_disabled: bool) -> Found:
        """Make the account good for nothing, or good again."""
        return await self._change(name, lambda it: replace(it, is_disabled=is_disabled))

    async def set_roles(self, name: str, roles: Iterable[str]) -> Found:
        """Keep exactly these roles with the account."""
        kept = tuple(dict.fromkeys(roles))
        return await self._change(name, lambda it: replace(it, roles=kept))

    async def set_secret(self, name: str, secret_name: str, secret: str | None) -> Found:
        """Keep a secret with the account, in place of one of the same name; None removes it."""

        def changed(it: Account) -> Account:
            others = {key: value for key, value in it.secrets.items() if key != secret_name}
            return replace(
                it, secrets=others if secret is None else {**others, secret_name: secret}
            )

        return await self._change(name, changed)

    async def link(
        self,
        subject: Subject,
        name: str | None = None,
        external_id: str | None = None,
        roles: Iterable[str] = (),
    ) -> Found:
        """Have an issuer's subject act by the account `name`; by its own, a new one, for None.

        Raises:
            SubjectTakenError: It acts by another account, which `merge` can join to this one.
            ExternalIdTakenError: The external id is another account's.
        """
        owner = await self._records.owner("identity", *subject)
        if owner is not None:
            owner, known = await self._records.follow(owner)
            if known is None:
                # Its first sign-in was broken off.
                await self._put(owner, subject)
        if name is not None:
            account_id = (await self.find(name)).account_id
        else:
            account_id = owner or await self._accounts.make(Account(subjects=(subject,)))
        if external_id is not None:
            await self._accounts.set_external_id(account_id, external_id)
        kept = await self._records.keep("identity", subject, account_id)
        if (await self._records.follow(kept))[0] != account_id:
            raise SubjectTakenError(
                f"{subject[1]!r} of {subject[0]} acts by account {kept}: "
                f"`gatepost accounts merge {kept} {account_id}` makes one account of both"
            )
        added = tuple(roles)

        def linked(it: Account) -> Account:
            subjects = tuple(dict.fromkeys((*it.subjects, subject)))
            return replace(it, subjects=subjects, roles=tuple(dict.fromkeys((*it.roles, *added))))

        return await self._change(account_id, linked)

    async def unlink(self, subject: Subject) -> Found:
        """Have the subject act by no account; the next time it comes, it is new."""
        owner = await self._records.owner("identity", *subject)
        if owner is None:
            raise NoSuchAccountError(f"{subject[1]!r} of {subject[0]} acts by no account")
        found = await self._change(
            owner,
            lambda it: replace(
                it,
                subjects=tuple(s for s in it.subjects if s != subject),
                seen=tuple(s for s in it.seen if s.subject_key() != subject),
            ),
        )
        await self._records.release("identity", *subject)
        return found

    async def invite(
        self,
        email: str,
        name: str | None = None,
        issuer: str = "",
        roles: Iterable[str] = (),
    ) -> Found:
        """Let whoever has the verified address join the account `name`, or a new one for None."""
        invitation = Invitation(fold_email(email), issuer)
        if name is None:
            account = Account(invitations=(invitation,), roles=tuple(roles))
            account_id = await self._accounts.make(account)
            return Found(account_id, account)

        def invited(it: Account) -> Account:
            return replace(
                it,
                invitations=tuple(dict.fromkeys((*it.invitations, invitation))),
                roles=tuple(dict.fromkeys((*it.roles, *roles))),
            )

        return await self._change(name, invited)

    async def merge(self, source: str, target: str) -> Found:
        """Join the account `source` to `target`, which has everything of both afterwards.

        Raises:
            SubjectTakenError: Both are the same account already.
            ExternalIdTakenError: Both have an external id.
        """
        gone, kept = await self.find(source), await self.find(target)
        if gone.account_id == kept.account_id:
            raise SubjectTakenError(f"{source!r} and {target!r} are one account")
        if gone.account.external_id and kept.account.external_id:
            raise SubjectTakenError(
                f"both have an external id ({gone.account.external_id!r} and "
                f"{kept.account.external_id!r}): the app knows two users, which you must join there"
            )
        # First the account that stays: a crash in between loses nobody, and it can be done again.
        await self._change(kept.account_id, lambda it: merged(it, gone.account))
        await self._accounts.change(
            gone.account_id, lambda it: replace(Account(), merged_into=kept.account_id)
        )
        return await self.find(kept.account_id)

    async def release_name(self, user: str) -> Found:
        """Take a user name from its account, so that the next who brings it can have it.

        Raises:
            UserTakenError: The account's own provider gives it the name: it would be back at once.
        """
        account_id = await self._records.owner("user", user)
        if account_id is None:
            raise NoSuchAccountError(f"the user name {user!r} is nobody's")
        account_id, account = await self._records.follow(account_id)
        if account is not None and account.user == user and not account.is_disabled:
            raise UserTakenError(
                f"{user!r} is what account {account_id} is called now: disable it first, "
                "or have its name changed at the provider"
            )
        found = await self._change(
            account_id, lambda it: replace(it, names=tuple(n for n in it.names if n != user))
        )
        await self._records.release("user", user)
        return found

    async def every(self) -> list[Found]:
        """All accounts, a page at a time."""
        found: list[Found] = []
        while page := await self.page(found[-1].account_id if found else ""):
            found += page
        return found

    async def _change(self, name: str, change: Callable[[Account], Account]) -> Found:
        found = await self.find(name)
        changed = await self._accounts.change(found.account_id, change)
        if changed is None:
            raise NoSuchAccountError(f"account {found.account_id} is gone")
        return Found(found.account_id, changed)

    async def _put(self, account_id: str, subject: Subject) -> None:
        await self._records.swap(account_id, None, Account(subjects=(subject,)))


def describe(found: Found) -> dict[str, object]:
    """An account as JSON shows it: everything but the values of secrets."""
    account = found.account
    return {
        "id": found.account_id,
        "user": account.user,
        "names": list(account.names),
        "email": _email(account.seen),
        "name": next((it.name for it in account.seen if it.name), None),
        "external_id": account.external_id,
        "roles": list(account.roles),
        "secrets": sorted(account.secrets),
        "disabled": account.is_disabled,
        "client": account.is_client,
        "provisioned": account.is_provisioned,
        "created_at": account.created_at or None,
        "invitations": [{"email": it.email, "issuer": it.issuer} for it in account.invitations],
        "identities": [_identity(account, subject) for subject in account.subjects],
    }


def _identity(account: Account, subject: Subject) -> dict[str, object]:
    seen = account.as_seen(*subject)
    told = {"issuer": subject[0], "subject": subject[1], "signed_in": seen is not None}
    if seen is None:
        return told
    facts = {"provider": seen.provider, "user": seen.user, "email": seen.email, "name": seen.name}
    return {**told, **facts, "groups": list(seen.groups), "roles": list(seen.roles)}


def _email(seen: Iterable[Identity]) -> str | None:
    return next((it.email for it in seen if it.email), None)
