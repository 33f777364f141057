"""Accounts in the store: ``account:<id>``, and what leads to one.

``account-identity:…``, ``account-client:…``, ``account-user:…``, ``account-external:…`` and
``account-passkey:…`` have the id of the account that an issuer's subject, a user name, the app's
own key or a passkey belongs to.  Keys are keyed digests and values are sealed, so that a copy of
the store tells no name.  The key is the accounts' own, kept in the store under the server's secret:
accounts outlive every secret.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Literal

from gateway.accounts.account import Account, Subject
from gateway.accounts.errors import UnreadableError
from gateway.accounts.owner import decode_record, encode_record, fold_email, fold_user
from gateway.accounts.written import decode_account, encode_account
from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import Sealer
from gateway.storage.store import Lock, Store

_log = logging.getLogger(__name__)

_RECORD, _ACCOUNT, _NOTE = "account", "account-seen", "account-note"
# The index of all accounts.
EVERY_ACCOUNT = "accounts"
# And of those with an open invitation.
_INVITING = "accounts-inviting"
# An account that was merged leads on to another, which may have been merged too.
_MOST_MERGES = 100
# Held for some reads and writes.
_LOCK_S, _LOCK_POLL_S, _LOCK_TRIES = 20.0, 0.05, 500
# Of a link that acts for whoever has it.
_TOKEN_BYTES = 32

Kind = Literal["identity", "client", "user", "external", "passkey"]
NoteKind = Literal[
    "first-run", "password-reset", "invitation", "email-change", "mails-sent", "wrong-codes"
]


class AccountRecords:
    """Reads and writes the records; see the module.

    Every method raises StoreUnavailableError where the store cannot answer, or where it holds what
    cannot be read: taken for nothing, it would give a person's account to the next who comes.
    """

    def __init__(self, store: Store, key: bytes) -> None:
        """Seal records under `key`, at least 32 bytes."""
        self._store = store
        self._sealer = Sealer((key,))

    # Accounts.

    async def get(self, account_id: str) -> tuple[bytes | None, Account | None]:
        """What the store has under an id, and the account in it; None where there is none."""
        sealed = await self._store.get(_store_key(account_id))
        return sealed, None if sealed is None else self._open(account_id, sealed)

    async def follow(self, account_id: str) -> tuple[str, Account | None]:
        """The account under an id, or the one that it was merged into, and its id."""
        for _ in range(_MOST_MERGES):
            _, account = await self.get(account_id)
            if account is None or account.merged_into is None:
                return account_id, account
            account_id = account.merged_into
        raise StoreUnavailableError("an account was merged too often")

    async def swap(self, account_id: str, expected: bytes | None, account: Account) -> bool:
        """Put `account` in the place of `expected`; False where something else is there by now."""
        key = _store_key(account_id)
        return await self._store.compare_and_swap(
            key,
            expected,
            self._sealer.seal(_ACCOUNT, encode_account(account), context=key.encode()),
            ttl_s=None,
            indexes=[] if account.merged_into is not None else list(self._indexes(account)),
        )

    def imported_id(self, user: str) -> str:
        """The id of an account that is imported with the user name, always the same.

        An import that was broken off can so go on where it was.
        """
        return self._sealer.digests("account-imported", fold_user(user))[0][:32]

    async def remove(self, account_id: str) -> bool:
        """Remove an account to which nothing leads; whether there was one."""
        return await self._store.delete(_store_key(account_id))

    async def with_email(self, email: str) -> list[tuple[str, Account]]:
        """The persons whose verified address it is."""
        found = await self._under(self._index("email", fold_email(email)))
        return [it for it in found if not it[1].is_client]

    async def inviting(self, email: str) -> list[tuple[str, Account]]:
        """The accounts that invite whoever has the verified address."""
        return await self._under(self._index("invitation", fold_email(email)))

    async def page(
        self, after: str, limit: int, *, inviting: bool = False
    ) -> list[tuple[str, Account]]:
        """The first `limit` accounts whose id is greater than `after`, in order of id.

        All, or those with an open invitation.
        """
        index = _INVITING if inviting else EVERY_ACCOUNT
        key = _store_key(after) if after else ""
        return self._opened(await self._store.page(index, after=key, limit=limit))

    async def count(self) -> int:
        """How many accounts there are."""
        return await self._store.count(EVERY_ACCOUNT)

    # What leads to one.

    async def owner(self, kind: Kind, *parts: str) -> str | None:
        """The id of the account that `parts` belong to; None if they are free.

        It may have been merged into another one: `follow` tells.
        """
        key = self._key(kind, parts)
        sealed = await self._store.get(key)
        if sealed is None:
            return None
        data = self._sealer.open_sealed(_RECORD, sealed, context=key.encode())
        try:
            return decode_record(data or b"")
        except ValueError as error:
            raise UnreadableError("an account's record cannot be read") from error

    async def keep(self, kind: Kind, parts: Subject | tuple[str], account_id: str) -> str:
        """The account that has `parts`: that of `account_id` if there was none."""
        existing = await self.owner(kind, *parts)
        if existing is not None:
            return existing
        key = self._key(kind, parts)
        sealed = self._sealer.seal(_RECORD, encode_record(account_id), context=key.encode())
        if await self._store.compare_and_swap(key, None, sealed, ttl_s=None):
            return account_id
        existing = await self.owner(kind, *parts)
        if existing is None:
            raise StoreUnavailableError("an account's record came and went")
        return existing

    async def release(self, kind: Kind, *parts: str) -> bool:
        """Free `parts`; returns whether an account had them."""
        return await self._store.delete(self._key(kind, parts))

    async def take_over(self, kind: Kind, parts: tuple[str, ...], account_id: str) -> None:
        """Give `parts`, which no account uses, to the account; the caller holds the lock."""
        key = self._key(kind, parts)
        sealed = self._sealer.seal(_RECORD, encode_record(account_id), context=key.encode())
        await self._store.put(key, sealed, ttl_s=None)

    @asynccontextmanager
    async def locked(self, what: str, *parts: str) -> AsyncIterator[None]:
        """Hold the lock about `parts`, waiting for whoever holds it.

        Raises:
            StoreUnavailableError: It is held all the time.
        """
        for _ in range(_LOCK_TRIES):
            lock = await self.lock(what, *parts, ttl_s=_LOCK_S)
            if lock is not None:
                break
            await asyncio.sleep(_LOCK_POLL_S)
        else:
            raise StoreUnavailableError(f"another process is changing the same {what}")
        try:
            yield
        finally:
            await self.unlock(lock)

    # What is known about accounts: links to set a password, whether there is an administrator.

    async def note(self, kind: NoteKind, *parts: str) -> tuple[bytes | None, bytes | None]:
        """What the store has about `parts`, and the data in it; None where there is none."""
        key = self._index(kind, *parts)
        sealed = await self._store.get(key)
        return sealed, None if sealed is None else self._open_note(kind, key, sealed)

    async def swap_note(
        self,
        kind: NoteKind,
        *parts: str,
        expected: bytes | None,
        data: bytes,
        ttl_s: float | None = None,
    ) -> bool:
        """Put `data` in the place of `expected`; False where something else is there by now."""
        key = self._index(kind, *parts)
        sealed = self._sealer.seal(_NOTE, data, context=key.encode())
        return await self._store.compare_and_swap(key, expected, sealed, ttl_s=ttl_s)

    async def new_note(self, kind: NoteKind, data: bytes, ttl_s: float) -> str:
        """Keep `data` for `ttl_s` seconds under a new token that nobody can guess; the token."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self.swap_note(kind, token, expected=None, data=data, ttl_s=ttl_s)
        return token

    async def take_note(self, kind: NoteKind, *parts: str) -> bytes | None:
        """Remove and return the data about `parts`: only one of several callers gets it."""
        key = self._index(kind, *parts)
        sealed = await self._store.take(key)
        return None if sealed is None else self._open_note(kind, key, sealed)

    def _open_note(self, kind: NoteKind, key: str, sealed: bytes) -> bytes:
        data = self._sealer.open_sealed(_NOTE, sealed, context=key.encode())
        if data is None:
            raise UnreadableError(f"the record of a {kind} cannot be read")
        return data

    async def lock(self, what: str, *parts: str, ttl_s: float) -> Lock | None:
        """Take a lock about `parts`; None while another holds it."""
        digest = self._sealer.digests(f"account-lock-{what}", *parts)[0]
        return await self._store.lock(f"account-{what}:{digest}", ttl_s=ttl_s)

    async def unlock(self, lock: Lock) -> None:
        """Give a lock back."""
        await self._store.unlock(lock)

    def _key(self, kind: Kind, parts: tuple[str, ...]) -> str:
        named = (fold_user(parts[0]),) if kind == "user" else parts
        return self._index(kind, *named)

    def _index(self, kind: str, *parts: str) -> str:
        return f"account-{kind}:{self._sealer.digests(f'account-{kind}', *parts)[0]}"

    def _indexes(self, account: Account) -> Iterable[str]:
        yield EVERY_ACCOUNT
        if account.invitations:
            yield _INVITING
        for email in {fold_email(it.email) for it in account.seen if it.email}:
            yield self._index("email", email)
        for email in {it.email for it in account.invitations}:
            yield self._index("invitation", email)

    async def _under(self, index: str) -> list[tuple[str, Account]]:
        return self._opened(await self._store.find(index))

    def _opened(self, found: Iterable[tuple[str, bytes]]) -> list[tuple[str, Account]]:
        ids = ((key.removeprefix(_store_key("")), sealed) for key, sealed in found)
        return [(account_id, self._open(account_id, sealed)) for account_id, sealed in ids]

    def _open(self, account_id: str, sealed: bytes) -> Account:
        try:
            return decode_account(self._unseal(account_id, sealed))
        except ValueError as error:
            _log.warning("account %s cannot be read: %s", account_id, error)
            raise UnreadableError("an account's record cannot be read") from error

    def _unseal(self, account_id: str, sealed: bytes) -> bytes:
        context = _store_key(account_id).encode()
        return self._sealer.open_sealed(_ACCOUNT, sealed, context=context) or b""


def _store_key(account_id: str) -> str:
    return f"account:{account_id}"
