"""One worker's memory of the API keys it serves, bounded, and of those revoked lately."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.credentials.key_record import KeyRecord
from gateway.model import Identity
from gateway.storage.contact import Remembered


@dataclass(slots=True, eq=False)
class CachedKey:
    """A key as this worker knows it; the times move while it is cached.

    Attributes:
        identity: Who asks with it; the same object, by which others remember things, until there
            is news of the owner.
        checked_at, sure_until: See Remembered.
        used_at: When a request last used it here; 0 for not yet.
        due: Whether the background task was told to look after it.
    """

    record: KeyRecord
    identity: Identity
    checked_at: float
    sure_until: float
    used_at: float = 0.0
    due: bool = False


class KeyCache:
    """Keys by their digest; the one unused for longest goes first when full.

    Attributes:
        doubts: How often the keys of an account were called in doubt.
    """

    def __init__(self, max_keys: int, remember_revoked_s: float) -> None:
        self._max_keys = max_keys
        self._remember_revoked_s = remember_revoked_s
        self._entries: OrderedDict[bytes, CachedKey] = OrderedDict()
        self._digests: dict[str, bytes] = {}
        self._revoked: dict[str, float] = {}
        self.doubts = 0

    def get(self, digest: bytes) -> CachedKey | None:
        """The key of that digest, if it is here."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def add(self, entry: CachedKey) -> None:
        """Remember a key in place of what was known of it."""
        self.drop(entry.record.key_id)
        while len(self._entries) >= self._max_keys:
            _, oldest = self._entries.popitem(last=False)
            del self._digests[oldest.record.key_id]
        self._entries[entry.record.digest] = entry
        self._digests[entry.record.key_id] = entry.record.digest

    def drop(self, key_id: str) -> None:
        """Forget a key, so that the store is asked about it next."""
        digest = self._digests.pop(key_id, None)
        if digest is not None:
            del self._entries[digest]

    def holds(self, entry: CachedKey) -> bool:
        """Whether `entry` is still what is known of its key."""
        return self._entries.get(entry.record.digest) is entry

    def revoke(self, key_id: str, now: float) -> None:
        """Forget a key for good: no read of the store that is under way brings it back."""
        self.drop(key_id)
        self._revoked[key_id] = now

    def is_revoked(self, key_id: str) -> bool:
        """Whether the key was revoked lately."""
        return key_id in self._revoked

    def forget_revoked(self, now: float) -> None:
        """Forget the revocations no read can be under way from any more."""
        for key_id, revoked_at in list(self._revoked.items()):
            if abs(now - revoked_at) >= self._remember_revoked_s:
                del self._revoked[key_id]

    def doubt(self, account_id: str) -> None:
        """Have the keys of an account looked up before they are used again."""
        self.doubts += 1
        for entry in self._entries.values():
            if entry.record.owner.account_id == account_id:
                entry.checked_at = float("-inf")

    def remembered(self) -> Iterable[Remembered]:
        """Every key that is here."""
        return self._entries.values()
