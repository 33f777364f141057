"""API keys over any store: created, cached, listed, and revoked on every worker.

`gateway.credentials.key_store` reads and writes the store; `gateway.credentials.key_upkeep` keeps
the cache current.
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
    """The owner already has the maximum number of keys."""

    reason = "too-many-keys"
    status = 409


class ApiKeys:
    """See the module.

    Attributes:
        wrong: Counts failed lookups of keys on this worker by address.
        contact: Decides how long cached keys stay valid while the store is down.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        accounts: Accounts,
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Use the sealer of `load_key_sealer`; a change in `accounts` causes new lookups."""
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
        """The cached key, used at `now`; if it is stale or not cached, call `load`."""
        entry = self._cache.get(key.digest)
        if entry is None:
            return None
        unchecked_s = abs(now - entry.trusted_from)
        if unchecked_s >= MAX_UNCHECKED_S:
            return STALE
        entry.used_at = now
        if not entry.due and (unchecked_s >= CHECK_S or entry.is_unwritten()):
            self._upkeep.task.call(entry)
        return entry

    def remembers(self, key: ApiKey) -> bool:
        """Whether the key is in this worker's cache, however old the entry is."""
        return self._cache.get(key.digest) is not None

    async def load(self, key: ApiKey, now: float) -> CachedKey | None:
        """The key from the store, used at `now`; None if there is none.

        Raises:
            StoreUnavailableError: The store could not answer, and this worker has no entry for the
                key that is recent enough for the grace period.
        """
        try:
            entry = await self._look_up(key, now)
        except StoreUnavailableError:
            known = self._cache.get(key.digest)
            if known is None or not self.contact.grant_grace(known, now):
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
            # Constant-time, so that timing does not reveal how much of a guess was right.
            if record is not None and not secrets.compare_digest(record.digest, key.digest):
                return None
            identity = None if record is None else await self._store.identity(record)
            if doubts == self._upkeep.doubts:
                break
            # Something may have changed after it was read, so read again.
        if record is None or identity is None or self._cache.has_ended(key.key_id):
            self._cache.drop(key.key_id)
            return None
        entry = CachedKey(record, identity, trusted_from=now, sure_until=now, used_at=now)
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
        """Create a key; returns its text, which is not stored, and its record.

        Raises:
            TooManyKeysError: The owner already has 100.
            StoreUnavailableError: The key could not be saved.
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
        """The identity with this user name, as last seen; None if it never signed in."""
        found = await self._accounts.named(user)
        seen = () if found is None or found[1] is None else found[1].seen
        # Several identities may share an account, and their names may have changed.
        ranked = sorted(seen, key=lambda it: fold_user(it.user) == fold_user(user))
        return ranked[-1] if ranked else None

    async def list_of(self, owner: Identity) -> list[KeyRecord]:
        """The keys of the owner's subject, account and user name, newest first."""
        return await self._store.find(owner_indexes(self._sealer, Owner.of(owner)))

    async def list_for(self, user: str) -> list[KeyRecord]:
        """The keys of a user name and of its account, newest first."""
        indexes = [user_index(self._sealer, user)]
        found = await self._accounts.named(user)
        if found is not None:
            indexes.append(account_index(self._sealer, found[0]))
        return await self._store.find(indexes)

    async def list_of_account(self, account_id: str, user: str | None) -> list[KeyRecord]:
        """The keys of an account and of its user name, newest first."""
        indexes = [account_index(self._sealer, account_id)]
        if user is not None:
            indexes.append(user_index(self._sealer, user))
        return await self._store.find(indexes)

    async def page(self, after: str, limit: int) -> tuple[list[KeyRecord], str | None]:
        """The first `limit` keys whose id is greater than `after`, and where to go on."""
        return await self._store.page(after, limit)

    async def list_all(self) -> list[KeyRecord]:
        """All keys, newest first."""
        return await self._store.find([EVERY_KEY])

    async def record(self, key_id: str) -> KeyRecord | None:
        """The key with this id, whosever it is; None if there is none."""
        return (await self._store.get(key_id))[1] if is_key_id(key_id) else None

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key on every worker; False if there was none.  The caller checks permission.

        Raises:
            StoreUnavailableError: The key was not revoked.
        """
        if not is_key_id(key_id) or not await self._store.delete(key_id):
            return False
        await self._upkeep.revoked(key_id)
        return True

    def on_revoke(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the id of each key that becomes invalid, on whichever worker.

        It is also called for watched keys when the grace period of a store outage ends.
        """
        self._upkeep.on_revoke(callback)

    def on_owner_change(self, callback: Callable[[str | None, bool], None]) -> None:
        """Call `callback` with the id of each account that changes, on whichever worker.

        Also with whether somebody lost access to it.  The id is None if messages may have been
        missed, so that any account may have changed.
        """
        self._upkeep.on_owner_change(callback)

    def watch(self, key_ids: Callable[[], Iterable[str]]) -> None:
        """Check the keys named by `key_ids` in the background, even without requests."""
        self._upkeep.watch(key_ids)

    # The background task.

    async def start(self) -> None:
        """Start to listen to the other workers and to write times of use."""
        await self._upkeep.task.start()

    async def aclose(self) -> None:
        """Write what is pending and stop; safe to call twice."""
        await self._upkeep.task.aclose()

    async def upkeep(self) -> None:
        """Run the background task once, now."""
        await self._upkeep.task.run_once()
