"""What an operator does with accounts."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial

from gateway.accounts.account import Account, Invitation, Subject, merged
from gateway.accounts.errors import (
    ExternalIdTakenError,
    NoSuchAccountError,
    NoSuchInvitationError,
    SubjectTakenError,
    UserTakenError,
)
from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_email, fold_user

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

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Have no other administrator change an account meanwhile."""
        return self._records.locked("administration")

    async def find(self, name: str) -> Found:
        """The account with this id or user name."""
        account_id, account = await self._records.follow(name)
        if account is not None:
            return Found(account_id, account)
        account_id, account = await self._accounts.named(name) or ("", None)
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
        """Disable or enable the account."""
        return await self._change(name, lambda it: replace(it, is_disabled=is_disabled))

    async def set_roles(self, name: str, roles: Iterable[str]) -> Found:
        """Keep exactly these roles with the account."""
        kept = tuple(dict.fromkeys(roles))
        return await self._change(name, lambda it: replace(it, roles=kept))

    async def set_groups(self, name: str, groups: Iterable[str]) -> Found:
        """Keep exactly these groups with the account."""
        kept = tuple(dict.fromkeys(groups))
        return await self._change(name, lambda it: replace(it, groups=kept))

    async def set_secret(self, name: str, secret_name: str, secret: str | None) -> Found:
        """Keep a secret with the account, in place of one of the same name; None removes it."""
        return await self._change(name, lambda it: it.with_secret(secret_name, secret))

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
        owner = await self._owner(subject)
        account_id = owner if name is None else (await self.find(name)).account_id
        if owner not in (None, account_id):
            raise _taken(subject, str(owner), str(account_id))
        if external_id is not None:
            await self._check_external_id(external_id, account_id)
        if account_id is None:
            account_id = await self._accounts.make(Account(subjects=(subject,)))
        # First the identity: an id must not go to an account that the subject does not act by.
        kept = await self._records.keep("identity", subject, account_id)
        if (await self._records.follow(kept))[0] != account_id:
            raise _taken(subject, kept, account_id)
        if external_id is not None:
            await self._accounts.set_external_id(account_id, external_id)
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
        # First of all: a sign-in that is under way must not bring it back.
        await self._records.release("identity", *subject)
        before = await self.find(owner)
        found = await self._change(before.account_id, lambda it: it.without(subject))
        gone = replace(before.account, subjects=(*before.account.subjects, subject))
        await self._accounts.tell(before.account_id, gone, found.account)
        return found

    async def invite(
        self,
        email: str,
        name: str | None = None,
        issuer: str = "",
        roles: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> Found:
        """Let whoever has the verified address join the account `name`, or a new one for None."""
        invitation = Invitation(fold_email(email), issuer)
        if name is None:
            # A second invitation of an address joins the first: of two accounts none is chosen.
            inviting = await self._records.inviting(email)
            name = next((i for i, it in inviting if invitation in it.invitations), None)
        if name is None:
            account = Account(invitations=(invitation,), roles=tuple(roles), groups=tuple(groups))
            account_id = await self._accounts.make(account)
            return Found(account_id, account)

        def invited(it: Account) -> Account:
            return replace(
                it,
                invitations=tuple(dict.fromkeys((*it.invitations, invitation))),
                roles=tuple(dict.fromkeys((*it.roles, *roles))),
                groups=tuple(dict.fromkeys((*it.groups, *groups))),
            )

        return await self._change(name, invited)

    async def inviting(self, after: str = "", limit: int = _PAGE) -> list[Found]:
        """The first `limit` accounts with an open invitation whose id is greater than `after`."""
        return [Found(*it) for it in await self._records.page(after, limit, inviting=True)]

    async def withdraw(self, name: str, email: str, issuer: str = "") -> Found:
        """Take an invitation back; an account that was made for it is gone then.

        Raises:
            NoSuchInvitationError: The account does not invite the address.
        """
        invitation = Invitation(fold_email(email), issuer)
        account_id = (await self.find(name)).account_id
        # Not while somebody takes it up.
        async with self._records.locked("invitation", account_id):
            found = await self.find(account_id)
            if invitation not in found.account.invitations:
                raise NoSuchInvitationError(f"account {account_id} does not invite {email!r}")
            left = tuple(it for it in found.account.invitations if it != invitation)
            found = await self._change(account_id, lambda it: replace(it, invitations=left))
            if not (left or found.account.subjects or found.account.names):
                await self._records.remove(account_id)
        return found

    async def merge(self, source: str, target: str) -> Found:
        """Join the account `source` to `target`, which has everything of both afterwards.

        Raises:
            SubjectTakenError: Both are the same account already.
            ExternalIdTakenError: Both have an external id.
        """
        # One at a time: two accounts that are joined to each other at once would both be gone.
        async with self._records.locked("merge"):
            return await self._merge(source, target)

    async def _merge(self, source: str, target: str) -> Found:
        gone, kept = await self.find(source), await self.find(target)
        if gone.account_id == kept.account_id:
            raise SubjectTakenError(f"{source!r} and {target!r} are one account")
        ids = {it for it in (gone.account.external_id, kept.account.external_id) if it}
        if len(ids) > 1:
            raise ExternalIdTakenError(
                f"the accounts have different external ids ({', '.join(map(repr, ids))}): the app "
                "knows two users, which you must join there"
            )
        while True:
            sealed, account = await self._records.get(gone.account_id)
            if account is None or account.merged_into is not None:
                return await self.find(kept.account_id)
            # First the account that stays: after a crash in between, the command can be repeated.
            await self._change(kept.account_id, partial(merged, other=account))
            emptied = Account(merged_into=kept.account_id)
            # A change meanwhile, such as disabling it, is not lost: it is joined once more.
            if await self._records.swap(gone.account_id, sealed, emptied):
                await self._accounts.tell(gone.account_id, account, emptied)
                return await self.find(kept.account_id)

    async def release_name(self, user: str) -> Found:
        """Take a user name from its account, so that the next who brings it can have it.

        Raises:
            UserTakenError: The account's own provider gives it the name: it would be back at once.
        """
        account_id = await self._records.owner("user", user)
        if account_id is None:
            raise NoSuchAccountError(f"no account has the user name {user!r}")
        account_id, account = await self._records.follow(account_id)
        now = None if account is None or account.user is None else fold_user(account.user)
        if account is not None and now == fold_user(user) and not account.is_disabled:
            raise UserTakenError(
                f"{user!r} is what account {account_id} is called now: disable it first, "
                "or have its name changed at the provider"
            )
        found = await self._change(account_id, lambda it: it.without_name(user))
        await self._records.release("user", user)
        return found

    async def _change(self, name: str, change: Callable[[Account], Account]) -> Found:
        found = await self.find(name)
        changed = await self._accounts.change(found.account_id, change)
        if changed is None:
            raise NoSuchAccountError(f"account {found.account_id} is gone")
        # Where nothing changed too: the command before this one may have been broken off.
        await self._accounts.tell(found.account_id, found.account, changed)
        return Found(found.account_id, changed)

    async def _owner(self, subject: Subject) -> str | None:
        owner = await self._records.owner("identity", *subject)
        if owner is None:
            return None
        account_id, account = await self._records.follow(owner)
        if account is None:
            # Its first sign-in was broken off.
            await self._records.swap(account_id, None, Account(subjects=(subject,)))
        return account_id

    async def _check_external_id(self, external_id: str, account_id: str | None) -> None:
        owner = await self._records.owner("external", external_id)
        if owner is None:
            return
        owner, account = await self._records.follow(owner)
        if owner != account_id and account is not None and account.external_id == external_id:
            raise ExternalIdTakenError(f"external id {external_id!r} is that of account {owner}")


def _taken(subject: Subject, owner: str, wanted: str) -> SubjectTakenError:
    return SubjectTakenError(
        f"{subject[1]!r} of {subject[0]} acts by account {owner}: "
        f"`gatepost accounts merge {owner} {wanted}` makes one account of both"
    )


def describe(found: Found) -> dict[str, object]:
    """An account as JSON shows it: everything but the values of secrets."""
    account = found.account
    return {
        "id": found.account_id,
        "user": account.user,
        "names": list(account.names),
        "email": account.email,
        "name": next((it.name for it in account.seen if it.name), None),
        "external_id": account.external_id,
        "roles": list(account.roles),
        "groups": list(account.groups),
        "secrets": sorted(account.secrets),
        "disabled": account.is_disabled,
        "client": account.is_client,
        "admin": account.is_admin,
        "password": account.password is not None,
        "passkeys": len(account.passkeys),
        "totp": account.second_factor is not None,
        "recovery_codes": len(account.second_factor.recovery if account.second_factor else ()),
        "provisioned": account.is_provisioned,
        "created_at": account.created_at or None,
        "invitations": [{"email": it.email, "issuer": it.issuer} for it in account.invitations],
        "identities": [describe_identity(account, subject) for subject in account.subjects],
    }


def describe_identity(account: Account, subject: Subject) -> dict[str, object]:
    """One identity of an account as JSON shows it."""
    seen = account.as_seen(*subject)
    told = {"issuer": subject[0], "subject": subject[1], "signed_in": seen is not None}
    if seen is None:
        return told
    facts = {"provider": seen.provider, "user": seen.user, "email": seen.email, "name": seen.name}
    return {**told, **facts, "groups": list(seen.groups), "roles": list(seen.roles)}
