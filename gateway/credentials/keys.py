"""API keys over any store: made, remembered, found again, revoked on every worker.

`gateway.credentials.key_store` has what the store keeps, and `gateway.credentials.key_upkeep` what
a worker does to keep its memory true.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable

from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_user
from gateway.credentials.key_cache import STALE, CachedKey, KeyCache, Stale
from gateway.credentials.key_format import ApiKey, is_key_id, new_key, parse_key
from gateway.credentials.key_record import (
    EVERY_KEY,
    KeyRecord,
    Owner,
    account_index,
    owner_indexes,
    user_index,
)
from gateway.credentials.key_store import KeyStore
from gateway.credentials.key_upkeep import KeyUpkeep
from gateway.credentials.throttle import Throttle
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.storage.contact import CHECK_S, MAX_UNCHECKED_S, Contact
from gateway.storage.store import Clock, Store

_REMEMBERED = 8192
MOST_KEYS = 100


class TooManyKeysError(GatewayError):
    """The owner has as many keys as one may have."""

    reason = "too-many-keys"
    status = 409


class ApiKeys:
    """See the module.

    Attributes:
        wrong: Counts, by address, the keys that this worker had to ask the store about in vain.
        contact: Says how long keys that are known here go on while the store is down.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        accounts: Accounts,
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Use the sealer of `load_key_sealer`; a change in `accounts` has keys looked up again."""
        self._sealer = sealer
        self._accounts = accounts
        self._random = random
        self.wrong = Throttle()
        self._store = KeyStore(store, sealer, accounts)
        self._cache = KeyCache(_REMEMBERED, remember_revoked_s=2 * MAX_UNCHECKED_S)
        wake = asyncio.Event()
        self.contact = Contact(clock, wake.set)
        self.contact.rule_on(self._cache.remembered)
        self._upkeep = KeyUpkeep(store, self._store, self._cache, self.contact, clock, wake)
        accounts.on_change(self._upkeep.owner_changed)

    # Use.

    def recall(self, key: ApiKey, now: float) -> CachedKey | Stale | None:
        """The key as this worker remembers it, used at `now`; where it does not, ask `load`."""
        entry = self._cache.get(key.digest)
        if entry is None:
            return None
        unchecked_s = abs(now - entry.checked_at)
        if unchecked_s >= MAX_UNCHECKED_S:
            return STALE
        entry.used_at = now
        if not entry.due and (unchecked_s >= CHECK_S or entry.is_unwritten()):
            self._upkeep.task.call(entry)
        return entry

    def remembers(self, key: ApiKey) -> bool:
        """Whether this worker has seen that the key is right, however long ago."""
        return self._cache.get(key.digest) is not None

    async def load(self, key: ApiKey, now: float) -> CachedKey | None:
        """The key as the store knows it, used at `now`; None where there is none.

        Raises:
            StoreUnavailableError: The store could not answer, and this worker does not know the
                key, or not well enough for the time of grace.
        """
        try:
            entry = await self._look_up(key, now)
        except StoreUnavailableError:
            known = self._cache.get(key.digest)
            if known is None or not self.contact.goes_on(known, now):
                raise
            return known
        if entry is not None:
            self._cache.add(key.digest, entry)
            if entry.is_unwritten():
                self._upkeep.task.call(entry)
        return entry

    async def _look_up(self, key: ApiKey, now: float) -> CachedKey | None:
        while True:
            doubts = self._upkeep.doubts
            _, record = await self._store.get(key.key_id)
            # By digest: how much of a guess was right takes no time that could tell.
            if record is not None and not secrets.compare_digest(record.digest, key.digest):
                return None
            identity = None if record is None else await self._store.identity(record)
            if doubts == self._upkeep.doubts:
                break
            # Something may have changed, unheard, after it was read.
        if record is None or identity is None or self._cache.has_ended(key.key_id):
            self._cache.drop(key.key_id)
            return None
        entry = CachedKey(record, identity, checked_at=now, sure_until=now, used_at=now)
        self.contact.answered(entry, now)
        return entry

    # Make, show, revoke.

    async def create(
        self,
        owner: Identity,
        *,
        name: str,
        scopes: Iterable[str],
        routes: Iterable[str],
        lifetime_s: float,
        now: float,
    ) -> tuple[str, KeyRecord]:
        """A new key, which cannot be shown again, and its record.

        Raises:
            TooManyKeysError: The owner has 100 already.
            StoreUnavailableError: The key could not be kept.
        """
        held = [it for it in await self.list_of(owner) if it.expires_at > now]
        if len(held) >= MOST_KEYS:
            raise TooManyKeysError(f"user {owner.user!r} has {len(held)} keys")
        text = new_key(self._random)
        key = parse_key(text)
        assert key is not None  # noqa: S101 - the format reads what it writes
        record = KeyRecord(
            key_id=key.key_id,
            digest=key.digest,
            name=name,
            owner=Owner.of(owner),
            scopes=tuple(sorted(set(scopes))),
            routes=tuple(sorted(set(routes))),
            created_at=int(now),
            expires_at=int(now + lifetime_s),
        )
        if not await self._store.swap(record, None, now):
            raise StoreUnavailableError("there is a key of a new key's id")  # Of 2**64 ids.
        return text, record

    async def owner(self, user: str) -> Identity | None:
        """Who has the user name, as last seen; None if no person with it ever signed in."""
        account_id = await self._accounts.id_of(user)
        account = None if account_id is None else await self._accounts.find(account_id)
        seen = () if account is None else account.seen
        # An account may have had other names, and more than one who signs in to it.
        ranked = sorted(seen, key=lambda it: fold_user(it.user) == fold_user(user))
        return ranked[-1] if ranked else None

    async def list_of(self, owner: Identity) -> list[KeyRecord]:
        """The keys of the owner's subject, account and user name, the newest first."""
        return await self._store.find(owner_indexes(self._sealer, Owner.of(owner)))

    async def list_for(self, user: str) -> list[KeyRecord]:
        """The keys of a user name and of the account that has it, the newest first."""
        indexes = [user_index(self._sealer, user)]
        account_id = await self._accounts.id_of(user)
        if account_id is not None:
            indexes.append(account_index(self._sealer, account_id))
        return await self._store.find(indexes)

    async def list_all(self) -> list[KeyRecord]:
        """Every key, the newest first."""
        return await self._store.find([EVERY_KEY])

    async def revoke(self, key_id: str) -> bool:
        """Take a key away on every worker; whether there was one.  Who asks was checked.

        Raises:
            StoreUnavailableError: The key was not revoked.
        """
        if not is_key_id(key_id) or not await self._store.delete(key_id):
            return False
        await self._upkeep.revoked(key_id)
        return True

    def on_revoke(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the id of each key that is over, on whichever worker.

        Also of each that is watched when the time of grace of a store that is down is over.
        """
        self._upkeep.on_revoke(callback)

    def on_owner_change(self, callback: Callable[[str | None], None]) -> None:
        """Call `callback` with the id of each account that changes, on whichever worker it does.

        With None where messages may have been missed: any account may have changed.
        """
        self._upkeep.on_owner_change(callback)

    def watch(self, key_ids: Callable[[], Iterable[str]]) -> None:
        """Look whether the keys that `key_ids` names are still good, without any request."""
        self._upkeep.watch(key_ids)

    # The background task.

    async def start(self) -> None:
        """Listen to the other workers, and write times of use from now on."""
        await self._upkeep.task.start()

    async def aclose(self) -> None:
        """Write what is left to write and stop; safe to call twice."""
        await self._upkeep.task.aclose()

    async def upkeep(self) -> None:
        """Do now what the background task would do soon."""
        await self._upkeep.task.run_once()
