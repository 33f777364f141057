"""Which account somebody belongs to, and who that is as last seen, over any store."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from gateway.accounts.account import Account
from gateway.accounts.errors import (
    EmailAmbiguousError,
    ExternalIdTakenError,
    NotInvitedError,
    UnreadableError,
    UserTakenError,
)
from gateway.accounts.owner import fold_email
from gateway.accounts.records import AccountRecords, Kind
from gateway.errors import AccountDisabledError, StoreUnavailableError
from gateway.model import AccountFacts, Identity
from gateway.sealing.sealer import MIN_SECRET_BYTES, Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

_KEY = "accounts-key"
_ID_BYTES = 16
# A swap is lost only to another one of the same account at the same moment.
_SWAP_ATTEMPTS = 20


def _now() -> float:
    return datetime.now(UTC).timestamp()


Change = Callable[[Account], Account]
# Told of an account that changed: its id, what it was and what it is.
OnChange = Callable[[str, Account, Account], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Who gets an account.

    Attributes:
        only_invited: Only who is linked or invited.
        links_by_email: Who brings the verified address of an account joins it.
    """

    only_invited: bool = False
    links_by_email: bool = False


class Provisioning(Protocol):
    """Tells the app of an account."""

    async def entering(
        self, account_id: str, account: Account, identity: Identity, *, signs_in: bool
    ) -> None:
        """Tell the app what it is to know before `identity` may act by the account.

        Raises:
            GatewayError: It could not be told.
        """

    async def updated(self, account_id: str, account: Account, identity: Identity) -> None:
        """Tell the app that the account is as `identity` says from now on.

        Raises:
            GatewayError: It could not be told.
        """


class Accounts:
    """The accounts in a store.

    Every method raises StoreUnavailableError where the store cannot answer, or holds what cannot
    be read.

    Attributes:
        records: What is stored.
        rules: Who gets an account; may be set anew.
        provisioning: Tells the app of accounts; None where it need not know.
    """

    def __init__(
        self,
        store: Store,
        key: bytes,
        new_id: Callable[[], str] = lambda: secrets.token_hex(_ID_BYTES),
        clock: Clock = _now,
    ) -> None:
        """Seal records under `key`, at least 32 bytes."""
        self.records = AccountRecords(store, key)
        self.rules = Rules()
        self.provisioning: Provisioning | None = None
        self._new_id = new_id
        self._clock = clock
        self._on_change: list[OnChange] = []

    def on_change(self, callback: OnChange) -> None:
        """Await `callback` with each account that this process changes, once it is stored.

        Not where it only gains a subject or a name, of which nobody knows anything yet.
        """
        self._on_change.append(callback)

    async def find(self, account_id: str) -> Account | None:
        """The account, or the one it was merged into; None where none can be read."""
        return (await self.locate(account_id))[1]

    async def locate(self, account_id: str) -> tuple[str, Account | None]:
        """The account, or the one it was merged into, and its id; None where none can be read."""
        try:
            return await self.records.follow(account_id)
        except UnreadableError:
            return account_id, None

    async def id_of(self, user: str) -> str | None:
        """The account that has the user name; None where it is nobody's."""
        account_id = await self.records.owner("user", user)
        return None if account_id is None else (await self.records.follow(account_id))[0]

    async def facts(self, identity: Identity) -> AccountFacts | None:
        """What is kept with the account of `identity`; None where it has none."""
        if identity.account_id is None:
            return None
        account_id, account = await self.records.follow(identity.account_id)
        return None if account is None else account.facts(account_id, identity)

    async def sign_in(self, identity: Identity) -> Identity:
        """As `claim`, and the account is from now on as `identity` describes it.

        Raises:
            GatewayError: As `claim`.
        """
        claimed, _ = await self._enter(identity, of_client=False, signs_in=True)
        return claimed

    async def refreshed(self, identity: Identity) -> None:
        """The account is from now on as `identity`, which has its account, describes it.

        One that is gone does not come back.
        """
        if identity.account_id is not None:
            account_id, account = await self.records.follow(identity.account_id)
            if account is not None and account.refreshed(identity) is not account:
                if self.provisioning is not None:
                    await self.provisioning.updated(account_id, account, identity)
                await self.change(account_id, lambda known: known.refreshed(identity))

    async def claim(self, identity: Identity, *, of_client: bool = False) -> Identity:
        """`identity` with its account, which owns its user name from now on if not already.

        An account keeps every name it ever had.  That of a client is never that of a person,
        though the issuer may give both the same subject.

        Raises:
            AccountDisabledError: It may not be used.
            UserTakenError: The user name is another account's; nothing was stored.
            NotInvitedError: The identity is new, and only those invited get an account.
            EmailAmbiguousError: It would join more than one account.
            HookFailedError: The app could not be told of the account.
        """
        claimed, _ = await self._enter(identity, of_client=of_client, signs_in=False)
        return claimed

    async def enter(self, identity: Identity, *, of_client: bool = False) -> AccountFacts:
        """As `claim`: what is kept with the account.

        Raises:
            GatewayError: As `claim`.
        """
        claimed, account = await self._enter(identity, of_client=of_client, signs_in=False)
        return account.facts(claimed.account_id or "", claimed)

    async def change(self, account_id: str, change: Change) -> Account | None:
        """Store what `change` makes of the account, and tell of it; None where there is none."""
        for _ in range(_SWAP_ATTEMPTS):
            sealed, known = await self.records.get(account_id)
            if known is None or sealed is None:
                return None
            changed = change(known)
            if changed == known and not self.records.is_outdated(account_id, sealed):
                return known
            if await self.records.swap(account_id, sealed, changed):
                if changed.shown != known.shown or set(known.subjects) - set(changed.subjects):
                    await self._tell(account_id, known, changed)
                return changed
        raise StoreUnavailableError("an account's record changes all the time")

    async def make(self, account: Account) -> str:
        """Store a new account; its id."""
        account_id = self._new_id()
        made = replace(account, created_at=int(self._clock()))
        if not await self.records.swap(account_id, None, made):
            raise StoreUnavailableError("there is an account of a new account's id")
        return account_id

    async def set_disabled(self, account_id: str, is_disabled: bool) -> None:
        """Make the account good for nothing, or good again; nothing where there is none."""
        await self.change(account_id, lambda known: replace(known, is_disabled=is_disabled))

    async def set_external_id(self, account_id: str, external_id: str) -> None:
        """Give an account the app's own key of the person.

        Raises:
            ExternalIdTakenError: It is another account's: both would be one user of the app.
        """
        owner = await self.records.keep("external", (external_id,), account_id)
        if (await self.records.follow(owner))[0] != account_id:
            raise ExternalIdTakenError(f"external id {external_id!r} of account {owner}")
        before: list[str] = []

        def give(known: Account) -> Account:
            before[:] = [known.external_id] if known.external_id else []
            return replace(known, external_id=external_id)

        await self.change(account_id, give)
        for old in before:
            if old != external_id:
                await self.records.release("external", old)

    async def _tell(self, account_id: str, before: Account, after: Account) -> None:
        for callback in self._on_change:
            await callback(account_id, before, after)

    # Coming in.

    async def _enter(
        self, identity: Identity, *, of_client: bool, signs_in: bool
    ) -> tuple[Identity, Account]:
        kind: Kind = "client" if of_client else "identity"
        account_id = await self._resolved(kind, identity.issuer, identity.subject)
        if account_id is None:
            account_id = await self._admit(identity, kind)
        _, account = await self.records.get(account_id)
        if account is None:
            account = await self._first_record(account_id, of_client=of_client)
        if account.is_disabled:
            raise AccountDisabledError(f"account {account_id}")
        if account.is_named_by(identity):
            # Another identity of a person goes by the person's name, and needs none of its own.
            await self._keep_name(identity, account_id)
        named = identity.user if account.is_named_by(identity) else account.user or identity.user
        claimed = replace(identity, account_id=account_id, user=named)
        if self.provisioning is not None and not of_client:
            await self.provisioning.entering(account_id, account, claimed, signs_in=signs_in)
        entered = await self.change(
            account_id, lambda it: it.signed_in(claimed) if signs_in else it.entered(claimed)
        )
        if entered is None or entered.is_disabled:
            raise AccountDisabledError(f"account {account_id}")
        return claimed, entered

    async def _resolved(self, kind: Kind, *parts: str) -> str | None:
        account_id = await self.records.owner(kind, *parts)
        return None if account_id is None else (await self.records.follow(account_id))[0]

    async def _keep_name(self, identity: Identity, account_id: str) -> None:
        owner = await self.records.keep("user", (identity.user,), account_id)
        # Somebody may have been faster: then the name is theirs.
        if owner != account_id and (await self.records.follow(owner))[0] != account_id:
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")

    async def _admit(self, identity: Identity, kind: Kind) -> str:
        """The account that an identity which is new here joins, or its own."""
        if kind == "identity":
            joined = await self._joined(identity)
            if joined is not None:
                return await self.records.keep(kind, identity.subject_key(), joined)
        if self.rules.only_invited:
            raise NotInvitedError(f"user {identity.user!r} of {identity.issuer!r}")
        if await self.records.owner("user", identity.user) is not None:
            # Checked before anything is stored.
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")
        return await self.records.keep(kind, identity.subject_key(), self._new_id())

    async def _joined(self, identity: Identity) -> str | None:
        """The one account that invites the identity, or has its verified address."""
        # Only ever a verified one, see Identity.
        email = identity.email
        if not email:
            return None
        found = {
            account_id
            for account_id, account in await self.records.inviting(email)
            for it in account.invitations
            if it.email == fold_email(email) and it.issuer in ("", identity.issuer)
        }
        if not found and self.rules.links_by_email:
            found = {account_id for account_id, _ in await self.records.with_email(email)}
        if len(found) > 1:
            raise EmailAmbiguousError(f"accounts {', '.join(sorted(found))} have {email!r}")
        return found.pop() if found else None

    async def _first_record(self, account_id: str, *, of_client: bool) -> Account:
        account = Account(created_at=int(self._clock()), is_client=of_client)
        await self.records.swap(account_id, None, account)
        _, account_now = await self.records.get(account_id)
        if account_now is None:
            raise StoreUnavailableError("an account's record came and went")
        return account_now


async def load_accounts(store: Store, sealer: Sealer, clock: Clock = _now) -> Accounts:
    """The accounts in `store`; the first process to ask makes their key.

    The key is sealed anew under the newest secret, so that older ones can be given up.

    Raises:
        StoreUnavailableError: The store cannot answer, or the key is sealed under another secret.
    """
    for _ in range(3):
        sealed = await store.get(_KEY)
        key = secrets.token_bytes(MIN_SECRET_BYTES) if sealed is None else _open_key(sealer, sealed)
        if sealed is not None and sealer.is_newest(sealed):
            return Accounts(store, key, clock=clock)
        anew = sealer.seal(_KEY, key)
        if await store.compare_and_swap(_KEY, sealed, anew, ttl_s=None):
            return Accounts(store, key, clock=clock)
    raise StoreUnavailableError("the accounts' key was not kept")


def _open_key(sealer: Sealer, sealed: bytes) -> bytes:
    key = sealer.open_sealed(_KEY, sealed)
    if key is None:
        raise sealed_under_another("the accounts' key")
    return key
