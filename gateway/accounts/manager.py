"""Which account somebody belongs to, and who that is as last seen, over any store."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from gateway.accounts.account import Account
from gateway.accounts.entrance import Entrance, Rules
from gateway.accounts.errors import (
    ExternalIdTakenError,
    UnreadableError,
)
from gateway.accounts.records import AccountRecords
from gateway.errors import StoreUnavailableError
from gateway.model import AccountFacts, Identity
from gateway.sealing.sealer import MIN_SECRET_BYTES, Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Clock, Store

_KEY = "accounts-key"
_ID_BYTES = 16
# A swap is lost only to another one of the same account at the same moment.
_SWAP_ATTEMPTS = 20


def _now() -> float:
    return datetime.now(UTC).timestamp()


Change = Callable[[Account], Account]
# Told of an account that changed: its id, what it was and what it is.
OnChange = Callable[[str, Account, Account], Awaitable[None]]


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
        new_id: Makes an id that no account has.
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
        self.new_id = new_id
        self.clock = clock
        self._entrance = Entrance(self)
        self._on_change: list[OnChange] = []

    def on_change(self, callback: OnChange) -> None:
        """Await `callback` with each account that this process changes, once it is stored.

        It is not called if the account only gains a subject or a name: nothing depends on it yet.
        """
        self._on_change.append(callback)

    async def find(self, account_id: str) -> Account | None:
        """The account, or the one it was merged into; None if it cannot be read."""
        return (await self.locate(account_id))[1]

    async def locate(self, account_id: str) -> tuple[str, Account | None]:
        """The account, or the one it was merged into, after its id; None if it cannot be read."""
        try:
            return await self.records.follow(account_id)
        except UnreadableError:
            return account_id, None

    async def named(self, user: str) -> tuple[str, Account | None] | None:
        """The account that has the user name, after its id; None if no account has it."""
        owner = await self.records.owner("user", user)
        return None if owner is None else await self.records.follow(owner)

    async def facts(self, identity: Identity) -> AccountFacts | None:
        """What is kept with the account of `identity`; None where it has none."""
        if identity.account_id is None:
            return None
        account_id, account = await self.records.follow(identity.account_id)
        if self.rules.refuses(identity.provider):
            return AccountFacts(account_id, is_refused=True)
        return None if account is None else account.facts(account_id, identity)

    async def sign_in(self, identity: Identity) -> Identity:
        """As `claim`, and the account is from now on as `identity` describes it.

        Raises:
            GatewayError: As `claim`.
        """
        claimed, _ = await self._entrance.enter(identity, of_client=False, signs_in=True)
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
        claimed, _ = await self._entrance.enter(identity, of_client=of_client, signs_in=False)
        return claimed

    async def enter(self, identity: Identity, *, of_client: bool = False) -> AccountFacts:
        """As `claim`: what is kept with the account.

        Raises:
            GatewayError: As `claim`.
        """
        claimed, account = await self._entrance.enter(identity, of_client=of_client, signs_in=False)
        return account.facts(claimed.account_id or "", claimed)

    async def change(self, account_id: str, change: Change) -> Account | None:
        """Store what `change` makes of the account, and tell of it; None where there is none."""
        for _ in range(_SWAP_ATTEMPTS):
            sealed, known = await self.records.get(account_id)
            if known is None or sealed is None:
                return None
            changed = change(known)
            if changed == known:
                return known
            if await self.records.swap(account_id, sealed, changed):
                if changed.shown != known.shown or changed.took(known):
                    await self.tell(account_id, known, changed)
                return changed
        raise StoreUnavailableError("an account's record changes all the time")

    async def make(self, account: Account, account_id: str | None = None) -> str:
        """Store a new account; its id, which may come from `new_id`."""
        account_id = account_id or self.new_id()
        made = replace(account, created_at=int(self.clock()))
        if not await self.records.swap(account_id, None, made):
            raise StoreUnavailableError("there is an account of a new account's id")
        return account_id

    async def set_external_id(self, account_id: str, external_id: str) -> None:
        """Give an account the app's own key of the person.

        Raises:
            ExternalIdTakenError: It is another account's: both would be one user of the app.
        """
        async with self.records.locked("external", external_id):
            owner = await self.records.keep("external", (external_id,), account_id)
            owner, account = await self.records.follow(owner)
            if owner != account_id:
                # Nobody's, where its account has been given another one since.
                if account is not None and account.external_id == external_id:
                    raise ExternalIdTakenError(f"external id {external_id!r} of account {owner}")
                await self.records.take_over("external", (external_id,), account_id)
            await self.change(account_id, lambda it: replace(it, external_id=external_id))

    async def tell(self, account_id: str, before: Account, after: Account) -> None:
        """Tell all who must know that the account changed; does no harm if they know already."""
        for callback in self._on_change:
            await callback(account_id, before, after)


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
