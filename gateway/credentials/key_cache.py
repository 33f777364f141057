"""One worker's memory of the API keys it serves."""

from dataclasses import dataclass

from gateway.credentials.key_record import KeyRecord
from gateway.model import Identity
from gateway.storage.worker_cache import WorkerCache

# The time of last use is written at most this often.
TOUCH_S = 60.0


@dataclass(slots=True, eq=False)
class CachedKey:
    """A key as this worker knows it; the times move while it is cached.

    Attributes:
        identity: Who asks with it; the same object, by which others remember things, until there
            is news of the owner.
        checked_at, sure_until, due: See Checked.
        used_at: When a request last used it here; 0 for not yet.
    """

    record: KeyRecord
    identity: Identity
    checked_at: float
    sure_until: float
    used_at: float = 0.0
    due: bool = False

    def is_unwritten(self) -> bool:
        """Whether the store is to learn when it was last used."""
        written_at = self.record.last_used_at
        return written_at is None or abs(self.used_at - written_at) >= TOUCH_S


class Stale:
    """The worker has seen that the key is right, too long ago for it to be good unasked."""


STALE = Stale()


class KeyCache(WorkerCache[CachedKey]):
    """Keys by their digest.

    Attributes:
        doubts: How often the keys of an account were called in doubt.
    """

    def __init__(self, max_keys: int, remember_revoked_s: float) -> None:
        super().__init__(max_keys, remember_revoked_s, _key_id)
        self.doubts = 0

    def doubt(self, account_id: str) -> None:
        """Have the keys of an account looked up before they are used again."""
        self.doubts += 1
        for entry in self.remembered():
            if entry.record.owner.account_id == account_id:
                entry.checked_at = float("-inf")


def _key_id(entry: CachedKey) -> str:
    return entry.record.key_id
