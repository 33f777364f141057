"""Re-checks cached API keys in the background, and writes their times of use.

Messages between workers revoke a key everywhere, and have an account's keys looked up before they
are used again.  `gateway.storage.upkeep` runs this; `gateway.storage.contact` decides when.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.accounts.account import Account
from gateway.credentials.key_cache import CachedKey, KeyCache
from gateway.credentials.key_format import is_key_id
from gateway.credentials.key_store import KeyStore
from gateway.storage.contact import Contact
from gateway.storage.news import News
from gateway.storage.store import Clock, Store
from gateway.storage.upkeep import Upkeep
from gateway.storage.watch import Watch

_CHANNEL = "api-keys"


class KeyUpkeep:
    """Keeps cached and watched keys current, and receives revocations.

    Attributes:
        task: The background task.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyStore,
        cache: KeyCache,
        contact: Contact,
        clock: Clock,
        wake: asyncio.Event,
    ) -> None:
        """Do what is due whenever `wake` is set."""
        self._keys = keys
        self._cache = cache
        self._contact = contact
        self._clock = clock
        self._wake = wake
        self._on_revoke: list[Callable[[str], None]] = []
        self._on_owner: list[Callable[[str | None, bool], None]] = []
        contact.on_doubt(self._doubt_owners)
        self._news = News(store, _CHANNEL, contact, self._heard)
        self._watch = Watch(contact, clock, self._look_at, self._interrupt)
        self.task = Upkeep(
            "API keys",
            cache,
            contact,
            self._news,
            self._watch,
            self._look_after,
            clock,
            wake,
        )

    @property
    def doubts(self) -> tuple[int, int]:
        """Changes whenever something just read may be out of date."""
        return self._contact.doubts, self._cache.doubts

    def on_revoke(self, callback: Callable[[str], None]) -> None:
        """See ApiKeys.on_revoke."""
        self._on_revoke.append(callback)

    def on_owner_change(self, callback: Callable[[str | None, bool], None]) -> None:
        """See ApiKeys.on_owner_change."""
        self._on_owner.append(callback)

    def watch(self, key_ids: Callable[[], Iterable[str]]) -> None:
        """Check the keys named by `key_ids` in the background, even without requests."""
        # Keys from the configuration are not in the store.
        self._watch.names = lambda: filter(is_key_id, key_ids())

    async def revoked(self, key_id: str) -> None:
        """Forget a deleted key, here and on the other workers."""
        self._forget(key_id)
        await self._news.tell({"revoked": key_id})

    async def owner_changed(self, account_id: str, before: Account, after: Account) -> None:
        """Look up an account's keys again, here and on the other workers."""
        is_over = after.is_disabled or after.took(before)
        self._doubt_owner(account_id, is_over)
        await self._news.tell({"owner": account_id, "over": is_over})

    def _heard(self, news: Mapping[str, Any]) -> None:
        if "owner" in news:
            self._doubt_owner(news["owner"], news["over"])
        else:
            self._forget(news["revoked"])

    def _doubt_owner(self, account_id: str, is_over: bool) -> None:
        # A key made for a name alone may be that of an account that has the name by now.
        self._cache.doubt(account_id, nameless=is_over)
        for callback in self._on_owner:
            callback(account_id, is_over)
        if is_over:
            # Close open tunnels now, without waiting for a request.
            self._watch.doubt()
            self._wake.set()

    def _doubt_owners(self) -> None:
        for callback in self._on_owner:
            callback(None, False)

    async def _look_after(self, entry: CachedKey) -> None:
        """Re-check a cached key, and write its time of use."""
        key_id, doubts = entry.record.key_id, self.doubts
        data, record = await self._keys.get(key_id)
        identity = None if record is None else await self._keys.identity(record)
        if not self._cache.holds(entry) or doubts != self.doubts:
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
        self._contact.answered(entry, now)
        if entry.is_unwritten():
            used = replace(record, last_used_at=int(entry.used_at))
            if await self._keys.swap(used, data, now):
                entry.record = used

    async def _look_at(self, key_id: str) -> float:
        """Close what a watched key opened on this worker if the key is no longer valid."""
        data, record = await self._keys.get(key_id)
        if data is None:
            self._forget(key_id)
        elif record is None or await self._keys.identity(record) is None:
            self._end(key_id)
        return float("inf")

    def _forget(self, key_id: str) -> None:
        self._cache.end(key_id, self._clock())
        self._interrupt(key_id)

    def _end(self, key_id: str) -> None:
        self._cache.drop(key_id)
        self._interrupt(key_id)

    def _interrupt(self, key_id: str) -> None:
        for callback in self._on_revoke:
            callback(key_id)
