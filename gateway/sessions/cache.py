"""One worker's memory of the sessions it serves, bounded, and of those that ended lately."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sessions.session import Limits, Session
from gateway.sessions.ticket import Ticket
from gateway.storage.contact import Remembered


@dataclass(slots=True, eq=False)
class CachedSession:
    """A session as this worker knows it; the times move while it is cached.

    Attributes:
        last_seen_at: When a request last used it here.
        written_at: The time of last use that the store knows.
        checked_at, sure_until: See Remembered.
        body_digest: Tells whether the store holds other tokens by now.
        due: Whether the background task was told to look after it.
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


class SessionCache:
    """Sessions by digest of their cookie; the one unused for longest goes first when full."""

    def __init__(self, max_sessions: int, remember_ended_s: float) -> None:
        self._max_sessions = max_sessions
        self._remember_ended_s = remember_ended_s
        self._entries: OrderedDict[bytes, CachedSession] = OrderedDict()
        self._digests: dict[str, bytes] = {}
        self._ended: dict[str, float] = {}

    def get(self, digest: bytes) -> CachedSession | None:
        """The session behind the cookie of that digest, if it is here."""
        entry = self._entries.get(digest)
        if entry is not None:
            self._entries.move_to_end(digest)
        return entry

    def of(self, session_id: str) -> CachedSession | None:
        """The session of that id, if it is here."""
        digest = self._digests.get(session_id)
        return None if digest is None else self._entries[digest]

    def add(self, digest: bytes, entry: CachedSession) -> None:
        """Remember a session in place of what was known of it."""
        self.drop(entry.session.session_id)
        while len(self._entries) >= self._max_sessions:
            _, oldest = self._entries.popitem(last=False)
            del self._digests[oldest.session.session_id]
        self._entries[digest] = entry
        self._digests[entry.session.session_id] = digest

    def drop(self, session_id: str) -> None:
        """Forget a session, so that the store is asked about it next."""
        digest = self._digests.pop(session_id, None)
        if digest is not None:
            del self._entries[digest]

    def holds(self, entry: CachedSession) -> bool:
        """Whether `entry` is still what is known of its session."""
        digest = self._digests.get(entry.session.session_id)
        return digest is not None and self._entries[digest] is entry

    def end(self, session_id: str, now: float) -> None:
        """Forget a session for good.

        It is remembered as ended for a while: a read of the store that was under way when it
        ended must not bring it back.
        """
        self.drop(session_id)
        self._ended[session_id] = now

    def remembered(self) -> Iterable[Remembered]:
        """Every session that is here."""
        return self._entries.values()

    def has_ended(self, session_id: str) -> bool:
        """Whether the session was ended lately."""
        return session_id in self._ended

    def forget_ended(self, now: float) -> None:
        """Forget the endings no read can be under way from any more."""
        for session_id, ended_at in list(self._ended.items()):
            if abs(now - ended_at) >= self._remember_ended_s:
                del self._ended[session_id]

    def __len__(self) -> int:
        return len(self._entries)
