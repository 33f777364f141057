"""One worker's memory of the sessions it serves."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sessions.session import Limits, Session
from gateway.sessions.ticket import Ticket
from gateway.storage.worker_cache import WorkerCache


@dataclass(slots=True, eq=False)
class CachedSession:
    """A session as this worker knows it; the times move while it is cached.

    Attributes:
        last_seen_at: When a request last used it here.
        written_at: The time of last use that the store knows.
        checked_at, sure_until, due: See Checked.
        body_digest: Tells whether the store holds other tokens by now.
        refresh_due_at: When the provider is to be asked about it.
    """

    session: Session
    ticket: Ticket
    last_seen_at: float
    written_at: float
    checked_at: float
    sure_until: float
    body_digest: bytes
    due: bool = False
    refresh_due_at: float = float("inf")

    def is_live(self, now: float, limits: Limits) -> bool:
        """Whether the session may still be used at `now`, by what this worker has seen of it."""
        return limits.allow(self.session.created_at, self.last_seen_at, now)


class SessionCache(WorkerCache[CachedSession]):
    """Sessions by digest of their cookie.

    Attributes:
        doubts: How often something kept with the account of a session was called in doubt.
    """

    def __init__(self, max_sessions: int, remember_ended_s: float) -> None:
        super().__init__(max_sessions, remember_ended_s, _session_id)
        self.doubts = 0

    def doubt(self, session_ids: Iterable[str]) -> None:
        """Have sessions and their accounts read again before they are used."""
        self.doubts += 1
        for session_id in session_ids:
            self.drop(session_id)


def _session_id(entry: CachedSession) -> str:
    return entry.session.session_id
