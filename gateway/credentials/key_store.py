"""API keys in the store: sealed records under ``api-key:<id>``, and the owner's identity.

A record holds the key's digest, never the key.  The owner's facts come from the owner's account,
so they are as current as the last sign-in.
"""

from collections.abc import Iterable

from gateway.accounts.manager import Accounts
from gateway.credentials.key_record import (
    EVERY_KEY,
    KeyRecord,
    decode_record,
    encode_record,
    newest_first,
    owner_indexes,
    store_key,
)
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from gateway.storage.store import Store

# How long an expired key stays listed, so that its owner sees why it is refused.
_SHOWN_S = 7 * 86400
_PURPOSE = "api-key"


class KeyStore:
    """Reads and writes records.

    Every method raises StoreUnavailableError if the store cannot answer.
    """

    def __init__(self, store: Store, sealer: Sealer, accounts: Accounts) -> None:
        self._store = store
        self._sealer = sealer
        self._accounts = accounts

    async def get(self, key_id: str) -> tuple[bytes | None, KeyRecord | None]:
        """The stored bytes of a key, and the record in them; each None if absent."""
        data = await self._store.get(store_key(key_id))
        return data, self._open(key_id, data)

    async def find(self, indexes: Iterable[str]) -> list[KeyRecord]:
        """The keys in any of `indexes`, newest first."""
        found: dict[str, KeyRecord] = {}
        for index in indexes:
            for key, data in await self._store.find(index):
                record = self._open(key.removeprefix(store_key("")), data)
                if record is not None:
                    found[record.key_id] = record
        return newest_first(found.values())

    async def page(self, after: str, limit: int) -> tuple[list[KeyRecord], str | None]:
        """The first `limit` keys whose id is greater than `after`, and where to go on."""
        cursor = store_key(after) if after else ""
        listed = await self._store.page(EVERY_KEY, after=cursor, limit=limit)
        ids = [key.removeprefix(store_key("")) for key, _ in listed]
        opened = (self._open(it, data) for it, (_, data) in zip(ids, listed, strict=True))
        found = [it for it in opened if it is not None]
        return found, ids[-1] if len(ids) == limit else None

    async def swap(self, record: KeyRecord, expected: bytes | None, now: float) -> bool:
        """Replace `expected` with `record`; False if the store holds something else by now."""
        key = store_key(record.key_id)
        return await self._store.compare_and_swap(
            key,
            expected,
            self._sealer.seal(_PURPOSE, encode_record(record), context=key.encode()),
            ttl_s=max(1.0, record.expires_at + _SHOWN_S - now),
            indexes=[EVERY_KEY, *owner_indexes(self._sealer, record.owner)],
        )

    async def delete(self, key_id: str) -> bool:
        """Delete a key; False if there was none."""
        return await self._store.delete(store_key(key_id))

    async def identity(self, record: KeyRecord) -> Identity | None:
        """The identity that a key proves, as last seen; None if the owner is gone or disabled."""
        owner = record.owner
        if owner.account_id is None:
            return await self._of_name(record)
        account_id, account = await self._accounts.locate(owner.account_id)
        seen = None if account is None else account.as_seen(owner.issuer, owner.subject)
        if account is None or seen is None:
            return None
        facts = account.facts(account_id, seen)
        return None if facts.is_refused else record.speaks_for(facts.added_to(seen))

    async def _of_name(self, record: KeyRecord) -> Identity | None:
        """The owner as no more than a name, which may be that of a disabled account by now."""
        owner = record.owner
        found = await self._accounts.named(owner.user)
        if found is not None and (found[1] is None or found[1].is_disabled):
            return None
        return record.speaks_for(owner.alone())

    def _open(self, key_id: str, data: bytes | None) -> KeyRecord | None:
        if data is None:
            return None
        opened = self._sealer.open_sealed(_PURPOSE, data, context=store_key(key_id).encode())
        return None if opened is None else decode_record(opened)
