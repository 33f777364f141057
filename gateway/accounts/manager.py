"""Which account an identity and a user name belong to, and who it is as last seen, over any store.

Three records: ``account-identity:…`` for an issuer's subject and ``account-user:…`` for a user
name, both with the account's id, and ``account:<id>`` with what its providers said last.  Keys are
keyed digests and values are sealed, so that a copy of the store tells no name.  The key is the
accounts' own, kept in the store under the server's secret: accounts outlive every secret.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.accounts.account import Account, decode_account, encode_account
from gateway.accounts.owner import UserTakenError, decode_record, encode_record, fold_user
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import MIN_SECRET_BYTES, Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Store

_log = logging.getLogger(__name__)

_KEY = "accounts-key"
_RECORD, _ACCOUNT = "account", "account-seen"
_ID_BYTES = 16
# A swap is lost only to another one of the same account at the same moment.
_SWAP_ATTEMPTS = 20

# Told of an account that changed, and whether it is good for nothing now.
OnChange = Callable[[str, bool], Awaitable[None]]


class Accounts:
    """The accounts in a store; see the module."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        new_id: Callable[[], str] = lambda: secrets.token_hex(_ID_BYTES),
    ) -> None:
        """Seal records under `key`, at least 32 bytes."""
        self._store = store
        self._sealer = Sealer((key,))
        self._new_id = new_id
        self._on_change: list[OnChange] = []

    def on_change(self, callback: OnChange) -> None:
        """Await `callback` with each account that this process changes, once it is stored."""
        self._on_change.append(callback)

    async def find(self, account_id: str) -> Account | None:
        """The account; None where there is none that anybody signed in to, or could be read.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        sealed = await self._store.get(_store_key(account_id))
        try:
            return None if sealed is None else self._open(account_id, sealed)
        except ValueError as error:
            _log.warning("account %s is good for nothing: %s", account_id, error)
            return None

    async def id_of(self, user: str) -> str | None:
        """The account that has the user name; None where it is nobody's.

        Raises:
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        return await self._read(self._index_key("user", fold_user(user)))

    async def sign_in(self, identity: Identity) -> Identity:
        """As `claim`, and the account is from now on as `identity` describes it.

        Raises:
            UserTakenError: The user name is another account's; nothing was stored.
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        claimed = await self.claim(identity)
        if claimed.account_id is not None:
            await self._change(
                claimed.account_id, lambda known: (known or Account()).signed_in(claimed)
            )
        return claimed

    async def refreshed(self, identity: Identity) -> None:
        """The account is from now on as `identity`, which has its account, describes it.

        One that is gone does not come back.

        Raises:
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        if identity.account_id is not None:
            await self._change(
                identity.account_id, lambda known: known and known.refreshed(identity)
            )

    async def set_disabled(self, account_id: str, is_disabled: bool) -> None:
        """Make the account good for nothing, or good again; nothing where there is none.

        Raises:
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        await self._change(
            account_id, lambda known: known and replace(known, is_disabled=is_disabled)
        )

    async def _change(
        self, account_id: str, change: Callable[[Account | None], Account | None]
    ) -> None:
        """Store what `change` makes of the account, where that is another one."""
        key = _store_key(account_id)
        for _ in range(_SWAP_ATTEMPTS):
            sealed = await self._store.get(key)
            try:
                known = None if sealed is None else self._open(account_id, sealed)
            except ValueError as error:
                raise StoreUnavailableError("an account's record cannot be read") from error
            changed = change(known)
            if changed is None or changed == known:
                return
            data = self._sealer.seal(_ACCOUNT, encode_account(changed), context=key.encode())
            if await self._store.compare_and_swap(key, sealed, data, ttl_s=None):
                # Of a new one nobody knows anything yet.
                for callback in () if known is None else self._on_change:
                    await callback(account_id, changed.is_disabled)
                return
        raise StoreUnavailableError("an account's record changes all the time")

    def _open(self, account_id: str, sealed: bytes) -> Account:
        context = _store_key(account_id).encode()
        return decode_account(self._sealer.open_sealed(_ACCOUNT, sealed, context=context) or b"")

    async def claim(self, identity: Identity, *, of_client: bool = False) -> Identity:
        """`identity` with its account, which owns its user name from now on if not already.

        An account keeps every name it ever had.  That of a client is never that of a person,
        though the issuer may give both the same subject.

        Raises:
            UserTakenError: The user name is another account's; nothing was stored.
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        kind = "client" if of_client else "identity"
        by_identity = self._index_key(kind, identity.issuer, identity.subject)
        by_user = self._index_key("user", fold_user(identity.user))
        account_id = await self._read(by_identity)
        owner = await self._read(by_user)
        if owner is not None and owner != account_id:
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")
        if account_id is None:
            account_id = await self._keep(by_identity, self._new_id())
        # Somebody may have been faster: then the name is theirs.
        if await self._keep(by_user, account_id) != account_id:
            raise UserTakenError(f"user {identity.user!r} of {identity.issuer!r}")
        return replace(identity, account_id=account_id)

    async def _keep(self, key: str, account_id: str) -> str:
        """The account under `key`: that of `account_id` if there was none."""
        existing = await self._read(key)
        if existing is not None:
            return existing
        sealed = self._sealer.seal(_RECORD, encode_record(account_id), context=key.encode())
        if await self._store.compare_and_swap(key, None, sealed, ttl_s=None):
            return account_id
        existing = await self._read(key)
        if existing is None:
            raise StoreUnavailableError("an account's record came and went")
        return existing

    async def _read(self, key: str) -> str | None:
        sealed = await self._store.get(key)
        if sealed is None:
            return None
        data = self._sealer.open_sealed(_RECORD, sealed, context=key.encode())
        try:
            return decode_record(data or b"")
        except ValueError as error:
            # Taken for none, it would give the account's name to the next who comes.
            raise StoreUnavailableError("an account's record cannot be read") from error

    def _index_key(self, kind: str, *parts: str) -> str:
        return f"account-{kind}:{self._sealer.digests(f'account-{kind}', *parts)[0]}"


def _store_key(account_id: str) -> str:
    return f"account:{account_id}"


async def load_accounts(store: Store, sealer: Sealer) -> Accounts:
    """The accounts in `store`; the first process to ask makes their key.

    The key is sealed anew under the newest secret, so that older ones can be given up.

    Raises:
        StoreUnavailableError: The store cannot answer, or the key is sealed under another secret.
    """
    for _ in range(3):
        sealed = await store.get(_KEY)
        key = secrets.token_bytes(MIN_SECRET_BYTES) if sealed is None else _open_key(sealer, sealed)
        if sealed is not None and sealer.is_newest(sealed):
            return Accounts(store, key)
        anew = sealer.seal(_KEY, key)
        if await store.compare_and_swap(_KEY, sealed, anew, ttl_s=None):
            return Accounts(store, key)
    raise StoreUnavailableError("the accounts' key was not kept")


def _open_key(sealer: Sealer, sealed: bytes) -> bytes:
    key = sealer.open_sealed(_KEY, sealed)
    if key is None:
        raise sealed_under_another("the accounts' key")
    return key
