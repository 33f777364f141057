"""API keys over any store: made, remembered, found again, revoked on every worker.

The store has ``api-key:<id>`` with a sealed record, in which the key itself is not: only its
digest.  What a key says of its owner is in the owner's account, so that it is as last seen there.

A message revokes a key on every worker, and another has the keys of an account looked up before
they are used again.  When a key that a worker remembers is looked up is said in
`gateway.storage.contact`.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_user
from gateway.credentials.key_cache import CachedKey, KeyCache
from gateway.credentials.key_format import ApiKey, is_key_id, new_key, parse_key
from gateway.credentials.key_record import (
    EVERY_KEY,
    KeyRecord,
    Owner,
    account_index,
    decode_record,
    encode_record,
    newest_first,
    owner_indexes,
    store_key,
    user_index,
)
from gateway.credentials.throttle import Throttle
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.storage.contact import CHECK_S, MAX_UNCHECKED_S, RETRY_S, Contact
from gateway.storage.store import Clock, Store
from gateway.storage.watch import Watch

_log = logging.getLogger(__name__)

# The time of last use is written at most this often.
TOUCH_S = 60.0
# A key that has run out is shown for as long, so that its owner sees why it is refused.
_SHOWN_S = 7 * 86400
_ROUND_S = 30.0
_REMEMBERED = 8192
_REMEMBER_REVOKED_S = 120.0
MOST_KEYS = 100
_CHANNEL = "api-keys"
_PURPOSE = "api-key"


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
        """Use the sealer that `load_key_sealer` gave, and tell of what `accounts` changes."""
        self._store = store
        self._sealer = sealer
        self._accounts = accounts
        accounts.on_change(self._owner_changed)
        self._clock = clock
        self._random = random
        self.wrong = Throttle()
        self._cache = KeyCache(_REMEMBERED, _REMEMBER_REVOKED_S)
        self._due: list[CachedKey] = []
        self._wake = asyncio.Event()
        self.contact = Contact(clock, self._wake.set)
        self.contact.rule_on(self._cache.remembered)
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._unsent: list[bytes] = []
        self._on_revoke: list[Callable[[str], None]] = []
        self._watch = Watch(self.contact, clock, self._look_at, self._interrupt)

    # Use.

    def recall(self, key: ApiKey, now: float) -> CachedKey | None:
        """The key as this worker remembers it, used at `now`; None: ask `load`."""
        entry = self._cache.get(key.digest)
        if entry is None:
            return None
        unchecked_s = abs(now - entry.checked_at)
        if unchecked_s >= MAX_UNCHECKED_S:
            return None
        entry.used_at = now
        if not entry.due and (unchecked_s >= CHECK_S or self._is_unwritten(entry)):
            self._look_after_soon(entry)
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
            self._cache.add(entry)
            if self._is_unwritten(entry):
                self._look_after_soon(entry)
        return entry

    async def _look_up(self, key: ApiKey, now: float) -> CachedKey | None:
        while True:
            doubts = self._doubts
            record = self._open(key.key_id, await self._store.get(store_key(key.key_id)))
            # By digest: how much of a guess was right takes no time that could tell.
            if record is not None and not secrets.compare_digest(record.digest, key.digest):
                return None
            identity = None if record is None else await self._identity(record)
            if doubts == self._doubts:
                break
            # Something may have changed, unheard, after it was read.
        if record is None or identity is None or self._cache.is_revoked(key.key_id):
            self._cache.drop(key.key_id)
            return None
        entry = CachedKey(record, identity, checked_at=now, sure_until=now, used_at=now)
        self.contact.answered(entry, now)
        return entry

    @property
    def _doubts(self) -> tuple[int, int]:
        """Changes whenever what was just read may be out of date."""
        return self.contact.doubts, self._cache.doubts

    async def _identity(self, record: KeyRecord) -> Identity | None:
        """Who asks with a key: its owner as last seen; None where the owner is nobody now."""
        owner = record.owner
        if owner.account_id is None:
            return record.speaks_for(owner.alone())
        account = await self._accounts.find(owner.account_id)
        if account is None or account.is_disabled:
            return None
        seen = account.as_seen(owner.issuer, owner.subject)
        return None if seen is None else record.speaks_for(seen)

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
        """A new key, which nobody can be told again, and its record.

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
        if not await self._swap(record, None, now):
            raise StoreUnavailableError("there is a key of a new key's id")  # Of 2**64 ids.
        return text, record

    async def owner(self, user: str) -> Identity | None:
        """Who has the user name, as last seen; None where nobody who ever signed in has."""
        account_id = await self._accounts.id_of(user)
        account = None if account_id is None else await self._accounts.find(account_id)
        seen = () if account is None else account.seen
        # An account may have had other names, and more than one who signs in to it.
        ranked = sorted(seen, key=lambda it: fold_user(it.user) == fold_user(user))
        return ranked[-1] if ranked else None

    async def list_of(self, owner: Identity) -> list[KeyRecord]:
        """The keys of the owner's subject, account and user name, the newest first."""
        return await self._find(owner_indexes(self._sealer, Owner.of(owner)))

    async def list_for(self, user: str) -> list[KeyRecord]:
        """The keys of a user name and of the account that has it, the newest first."""
        indexes = [user_index(self._sealer, user)]
        account_id = await self._accounts.id_of(user)
        if account_id is not None:
            indexes.append(account_index(self._sealer, account_id))
        return await self._find(indexes)

    async def list_all(self) -> list[KeyRecord]:
        """Every key, the newest first."""
        return await self._find([EVERY_KEY])

    async def revoke(self, key_id: str) -> bool:
        """Take a key away on every worker; whether there was one.  Who asks was checked.

        Raises:
            StoreUnavailableError: The key was not revoked.
        """
        if not is_key_id(key_id) or not await self._store.delete(store_key(key_id)):
            return False
        self._forget(key_id)
        await self._tell({"revoked": key_id})
        return True

    def on_revoke(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the id of each key that is over, on whichever worker.

        Also of each that is watched when the time of grace of a store that is down is over.
        """
        self._on_revoke.append(callback)

    def watch(self, key_ids: Callable[[], Iterable[str]]) -> None:
        """Look whether the keys that `key_ids` names are still good, though nobody asks."""
        # Those of the configuration are not in the store.
        self._watch.names = lambda: filter(is_key_id, key_ids())

    # The background task.

    async def start(self) -> None:
        """Listen to the other workers, and write times of use from now on."""
        try:
            await self._listen()
        except StoreUnavailableError as error:
            _log.warning("API keys: will listen when the store answers: %s", error)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Write what is left to write and stop; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                await self.upkeep()
            except StoreUnavailableError as error:
                _log.warning("API keys: the last times of use are not written: %s", error)
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    async def upkeep(self) -> None:
        """Do now what the background task would do soon."""
        self._cache.forget_revoked(self._clock())
        await self._watch.run_once()
        due, self._due = self._due, []
        for entry in due:
            entry.due = False
        for entry in due:
            if self._cache.holds(entry):
                await self._look_after(entry)
        await self._listen()
        await self._send()

    async def _run(self) -> None:
        while True:
            try:
                # No message tells when the time of grace is over.
                async with asyncio.timeout(_ROUND_S if self.contact.hears else RETRY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # Tunnels are looked at, and lost messages sent, without any request.
            self._wake.clear()
            try:
                await self.upkeep()
            except StoreUnavailableError as error:
                _log.warning("API keys: upkeep is put off: %s", error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()
            except Exception:  # noqa: BLE001 - logged; without this task keys would go stale
                _log.exception("API keys: upkeep failed")
                await asyncio.sleep(RETRY_S)

    async def _look_after(self, entry: CachedKey) -> None:
        """Learn what became of a cached key, and let the store know when it was used."""
        key_id, doubts = entry.record.key_id, self._doubts
        data = await self._store.get(store_key(key_id))
        record = self._open(key_id, data)
        identity = None if record is None else await self._identity(record)
        if not self._cache.holds(entry) or doubts != self._doubts:
            return
        if data is None:
            self._forget(key_id)
            return
        if record is None or record.digest != entry.record.digest:
            self._cache.drop(key_id)
            return
        if identity is None:
            self._end(key_id)
            return
        now = self._clock()
        entry.record = record
        if identity != entry.identity:
            entry.identity = identity
        self.contact.answered(entry, now)
        if self._is_unwritten(entry):
            used = replace(record, last_used_at=int(entry.used_at))
            if await self._swap(used, data, now):
                entry.record = used

    def _is_unwritten(self, entry: CachedKey) -> bool:
        written_at = entry.record.last_used_at
        return written_at is None or abs(entry.used_at - written_at) >= TOUCH_S

    def _look_after_soon(self, entry: CachedKey) -> None:
        entry.due = True
        self._due.append(entry)
        self._wake.set()

    async def _listen(self) -> None:
        if self._unsubscribe is None:
            self._unsubscribe = await self.contact.listen(self._store, _CHANNEL, self._heard)

    async def _owner_changed(self, account_id: str, is_over: bool) -> None:
        self._doubt_owner(account_id, is_over)
        await self._tell({"owner": account_id, "over": is_over})

    def _doubt_owner(self, account_id: str, is_over: bool) -> None:
        self._cache.doubt(account_id)
        if is_over:
            # No request has to come for tunnels to be closed.
            self._watch.doubt()
            self._wake.set()

    async def _tell(self, news: dict[str, object]) -> None:
        self._unsent.append(json.dumps(news).encode())
        try:
            await self._send()
        except StoreUnavailableError as error:
            _log.warning("API keys: other processes are not told yet: %s", error)

    async def _send(self) -> None:
        while self._unsent:
            message = self._unsent[0]
            await self._store.publish(_CHANNEL, message)
            if message in self._unsent:
                self._unsent.remove(message)

    def _heard(self, message: bytes) -> None:
        news = json.loads(message)
        if "owner" in news:
            self._doubt_owner(news["owner"], news["over"])
        else:
            self._forget(news["revoked"])

    async def _look_at(self, key_id: str) -> float:
        """Close on this worker what a watched key opened if the key is good no more."""
        data = await self._store.get(store_key(key_id))
        record = self._open(key_id, data)
        if data is None:
            self._forget(key_id)
        elif record is None or await self._identity(record) is None:
            self._end(key_id)
        return float("inf")

    def _forget(self, key_id: str) -> None:
        self._cache.revoke(key_id, self._clock())
        self._end(key_id)

    def _end(self, key_id: str) -> None:
        self._cache.drop(key_id)
        self._interrupt(key_id)

    def _interrupt(self, key_id: str) -> None:
        for callback in self._on_revoke:
            callback(key_id)

    # The store.

    async def _find(self, indexes: Iterable[str]) -> list[KeyRecord]:
        found: dict[str, KeyRecord] = {}
        for index in indexes:
            for key, data in await self._store.find(index):
                record = self._open(key.removeprefix(store_key("")), data)
                if record is not None:
                    found[record.key_id] = record
        return newest_first(found.values())

    async def _swap(self, record: KeyRecord, expected: bytes | None, now: float) -> bool:
        key = store_key(record.key_id)
        return await self._store.compare_and_swap(
            key,
            expected,
            self._sealer.seal(_PURPOSE, encode_record(record), context=key.encode()),
            ttl_s=max(1.0, record.expires_at + _SHOWN_S - now),
            indexes=[EVERY_KEY, *owner_indexes(self._sealer, record.owner)],
        )

    def _open(self, key_id: str, data: bytes | None) -> KeyRecord | None:
        if data is None:
            return None
        opened = self._sealer.open_sealed(_PURPOSE, data, context=store_key(key_id).encode())
        return None if opened is None else decode_record(opened)
