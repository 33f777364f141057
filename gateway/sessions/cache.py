"""One worker's cache of the sessions it serves."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sessions.session import Limits, Session
from gateway.sessions.ticket import Ticket
from gateway.storage.worker_cache import WorkerCache


@dataclass(slots=True, eq=False)
class CachedSession:
    """A session in this worker's cache; the times change while it is cached.

    Attributes:
        last_seen_at: When a request last used it on this worker.
        written_at: The time of last use in the store.
        trusted_from, sure_until, due: See Checked.
        body_digest: Digest of the sealed body; differs if the store holds other tokens.
        refresh_due_at: When to refresh it at the provider.
    """

    session: Session
    ticket: Ticket
    last_seen_at: float
    written_at: float
    trusted_from: float
    sure_until: float
    body_digest: bytes
    due: bool = False
    refresh_due_at: float = float("inf")

    def is_live(self, now: float, limits: Limits) -> bool:
        """Whether the session may still be used at `now`, as far as this worker knows."""
        return limits.allow(self.session.created_at, self.last_seen_at, now)


class SessionCache(WorkerCache[CachedSession]):
    """Sessions by digest of their cookie.

    Attributes:
        doubts: How often sessions had to be read again because account data may have changed.
    """

    def __init__(self, max_sessions: int, remember_ended_s: float) -> None:
        super().__init__(max_sessions, remember_ended_s, _session_id)
        self.doubts = 0

    def doubt(self, session_ids: Iterable[str]) -> None:
        """Drop sessions, so that they and their accounts are read again before use."""
        self.doubts += 1
        for session_id in session_ids:
            self.drop(session_id)


def _session_id(entry: CachedSession) -> str:
    return entry.session.session_id
