"""Which account an identity acts by: its own, one that it is linked to, or one that invites it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.accounts.account import Account
from gateway.accounts.errors import EmailAmbiguousError, NotInvitedError, UserTakenError
from gateway.accounts.records import Kind
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import Identity

if TYPE_CHECKING:
    from gateway.accounts.manager import Accounts


@dataclass(frozen=True, slots=True)
class Rules:
    """Who gets an account.

    Attributes:
        only_invited: Only linked and invited identities do.
        links_by_email: An identity with the verified address of an account joins it.
        ways_in: The providers, ``local`` and ``ldap`` as configured; None for any.
    """

    only_invited: bool = False
    links_by_email: bool = False
    ways_in: frozenset[str] | None = None

    def refuses(self, provider: str) -> bool:
        """Whether nobody may act by a session of `provider` any more."""
        return self.ways_in is not None and provider not in self.ways_in


class Entrance:
    """Finds or makes the account of an identity; see `Accounts.claim` for what it raises."""

    def __init__(self, accounts: "Accounts") -> None:
        self._accounts = accounts
        self._records = accounts.records

    async def enter(
        self, identity: Identity, *, of_client: bool, signs_in: bool
    ) -> tuple[Identity, Account]:
        """`identity` with its account's id and the person's name, and the account."""
        kind: Kind = "client" if of_client else "identity"
        account_id, account = await self._owner(kind, identity)
        if account_id is None:
            account_id = await self._admit(identity, kind)
            _, account = await self._records.get(account_id)
        if account is None:
            account = await self._first_record(account_id, of_client=of_client)
        if account.is_disabled:
            raise AccountDisabledError(f"account {account_id}")
        user = identity.user
        if account.is_named_by(identity):
            await self._keep_name(identity, account_id)
        elif account.user is not None:
            # Another identity of a person goes by the person's name, and needs none of its own.
            user = account.user
        claimed = _with_known_name(replace(identity, account_id=account_id, user=user), account)
        provisioning = self._accounts.provisioning
        if provisioning is not None and not of_client:
            await provisioning.entering(account_id, account, claimed, signs_in=signs_in)
        return claimed, await self._entered(kind, claimed, account_id, signs_in=signs_in)

    async def _entered(
        self, kind: Kind, claimed: Identity, account_id: str, *, signs_in: bool
    ) -> Account:
        entered = await self._accounts.change(
            account_id, lambda it: it.signed_in(claimed) if signs_in else it.entered(claimed)
        )
        if entered is None or entered.is_disabled:
            raise AccountDisabledError(f"account {account_id}")
        if (await self._owner(kind, claimed))[0] != account_id:
            # Unlinked or merged meanwhile: this is no longer its account.
            key = claimed.subject_key()
            await self._accounts.change(account_id, lambda it: it.without(key))
            raise StoreUnavailableError("an identity changed its account meanwhile")
        return entered

    async def _owner(self, kind: Kind, identity: Identity) -> tuple[str | None, Account | None]:
        account_id = await self._records.owner(kind, *identity.subject_key())
        return (None, None) if account_id is None else await self._records.follow(account_id)

    async def _keep_name(self, identity: Identity, account_id: str) -> None:
        owner = await self._records.keep("user", (identity.user,), account_id)
        # Somebody may have been faster: then the name is theirs.
        if owner != account_id and (await self._records.follow(owner))[0] != account_id:
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")

    async def _admit(self, identity: Identity, kind: Kind) -> str:
        """The account that an identity which is new here joins, or its own."""
        if kind == "identity" and (joined := await self._joined(identity)) is not None:
            return await self._records.keep(kind, identity.subject_key(), joined)
        if self._accounts.rules.only_invited:
            raise NotInvitedError(f"user {identity.user!r} of {identity.issuer!r}")
        if await self._records.owner("user", identity.user) is not None:
            # Checked before anything is stored.  Another request of the same identity may have
            # been faster, and have taken the name for it.
            faster, _ = await self._owner(kind, identity)
            if faster is not None:
                return faster
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")
        return await self._records.keep(kind, identity.subject_key(), self._accounts.new_id())

    async def _joined(self, identity: Identity) -> str | None:
        """The one account that invites the identity, or has its verified address."""
        # Only ever a verified one, see Identity.
        if not identity.email:
            return None
        inviting = {
            account_id
            for account_id, account in await self._records.inviting(identity.email)
            if account.invites(identity)
        }
        if inviting:
            return await self._invited(identity, _only(inviting, identity))
        if not self._accounts.rules.links_by_email:
            return None
        # Never an administrator's: whoever made it typed the address, and no provider verified it.
        found = {
            it
            for it, account in await self._records.with_email(identity.email)
            if not account.is_admin
        }
        return _only(found, identity) if found else None

    async def _invited(self, identity: Identity, account_id: str) -> str:
        """Use the invitation, before anything else: of two who bring the address, one joins."""
        changed = await self._accounts.change(
            account_id, lambda it: it.entered(identity) if it.invites(identity) else it
        )
        if changed is None or identity.subject_key() not in changed.subjects:
            raise NotInvitedError(f"the invitation of {identity.email!r} has been used")
        return account_id

    async def _first_record(self, account_id: str, *, of_client: bool) -> Account:
        account = Account(created_at=int(self._accounts.clock()), is_client=of_client)
        await self._records.swap(account_id, None, account)
        _, account_now = await self._records.get(account_id)
        if account_now is None:
            raise StoreUnavailableError("an account's record came and went")
        return account_now


def _with_known_name(identity: Identity, account: Account) -> Identity:
    """`identity`, with the name that its provider told at an earlier sign-in and not at this."""
    known = account.as_seen(*identity.subject_key())
    if "name" not in identity.unreadable or known is None or known.name is None:
        return identity
    return replace(identity, name=known.name, unreadable=identity.unreadable - {"name"})


def _only(found: set[str], identity: Identity) -> str:
    if len(found) > 1:
        raise EmailAmbiguousError(f"accounts {', '.join(sorted(found))} have {identity.email!r}")
    return next(iter(found))
