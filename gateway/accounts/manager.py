"""Which account an identity and a user name belong to, over any store.

Two records: ``account-identity:…`` for an issuer's subject and ``account-user:…`` for a user
name, both with the account's id.  Keys are keyed digests and values are sealed, so that a copy
of the store tells no name.  The key is the accounts' own, kept in the store under the server's
secret: accounts outlive every secret.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

from gateway.accounts.owner import UserTakenError, decode_record, encode_record, fold_user
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sessions.sealing import MIN_SECRET_BYTES, Sealer
from gateway.storage.store import Store

_KEY = "accounts-key"
_RECORD = "account"
_ID_BYTES = 16


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

    async def claim(self, identity: Identity, *, of_client: bool = False) -> Identity:
        """`identity` with its account, which owns its user name from now on if not already.

        An account keeps every name it ever had.  That of a client is never that of a person,
        though the issuer may give both the same subject.

        Raises:
            UserTakenError: The user name is another account's; nothing was stored.
            StoreUnavailableError: The store could not answer, or holds what cannot be read.
        """
        kind = "client" if of_client else "identity"
        by_identity = self._store_key(kind, identity.issuer, identity.subject)
        by_user = self._store_key("user", fold_user(identity.user))
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

    def _store_key(self, kind: str, *parts: str) -> str:
        return f"account-{kind}:{self._sealer.digests(f'account-{kind}', *parts)[0]}"


async def load_accounts(store: Store, sealer: Sealer) -> Accounts:
    """The accounts in `store`; the first process to ask makes their key.

    The key is sealed anew under the newest secret, so that older ones can be given up.

    Raises:
        StoreUnavailableError: The store cannot answer, or the key is sealed under another secret.
    """
    for _ in range(3):
        sealed = await store.get(_KEY)
        key = secrets.token_bytes(MIN_SECRET_BYTES) if sealed is None else _open(sealer, sealed)
        if sealed is not None and sealer.is_newest(sealed):
            return Accounts(store, key)
        anew = sealer.seal(_KEY, key)
        if await store.compare_and_swap(_KEY, sealed, anew, ttl_s=None):
            return Accounts(store, key)
    raise StoreUnavailableError("the accounts' key was not kept")


def _open(sealer: Sealer, sealed: bytes) -> bytes:
    key = sealer.open_sealed(_KEY, sealed)
    if key is None:
        # Without it no name would be anyone's any more: the operator must decide.
        raise StoreUnavailableError(
            "the accounts' key in the store is sealed under another secret: give that secret too, "
            "as the second of the list"
        )
    return key
