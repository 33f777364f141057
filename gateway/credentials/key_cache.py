"""One worker's cache of API keys."""

from dataclasses import dataclass

from gateway.credentials.key_record import KeyRecord
from gateway.model import Identity
from gateway.storage.worker_cache import WorkerCache

# The time of last use is written at most this often.
TOUCH_S = 60.0


@dataclass(slots=True, eq=False)
class CachedKey:
    """A cached API key; its times change while it is cached.

    Attributes:
        identity: The identity it proves.  The same object until the owner changes, because others
            cache by it.
        trusted_from, sure_until, due: See Checked.
        used_at: When a request last used it on this worker; 0 if none has.
    """

    record: KeyRecord
    identity: Identity
    trusted_from: float
    sure_until: float
    used_at: float = 0.0
    due: bool = False

    def is_unwritten(self) -> bool:
        """Whether the store should be updated with the time of last use."""
        written_at = self.record.last_used_at
        return written_at is None or abs(self.used_at - written_at) >= TOUCH_S


class Stale:
    """The key is in the cache, but must be checked with the store before it is used again."""


STALE = Stale()


class KeyCache(WorkerCache[CachedKey]):
    """Cached API keys by digest.

    Attributes:
        doubts: Number of times that an account's keys were marked for a new lookup.
    """

    def __init__(self, max_keys: int, remember_revoked_s: float) -> None:
        super().__init__(max_keys, remember_revoked_s, _key_id)
        self.doubts = 0

    def doubt(self, account_id: str, *, nameless: bool = False) -> None:
        """Look up an account's keys again before they are used."""
        self.doubts += 1
        for entry in self.remembered():
            owner = entry.record.owner.account_id
            if owner == account_id or (nameless and owner is None):
                entry.trusted_from = float("-inf")


def _key_id(entry: CachedKey) -> str:
    return entry.record.key_id
