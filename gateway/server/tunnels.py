"""The tunnels that are open, so that one can be closed when its session ends."""

from typing import Protocol


class Closable(Protocol):
    """One end of a tunnel."""

    def abort(self) -> None:
        """Close it at once."""


class Tunnels:
    """See the module."""

    def __init__(self) -> None:
        self._open: dict[Closable, tuple[str | None, int | None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, session_id: str | None, expires_at: int | None, tunnel: Closable) -> None:
        """A tunnel was opened by the session `session_id`, which lapses at `expires_at`."""
        self._open[tunnel] = session_id, expires_at

    def remove(self, tunnel: Closable) -> None:
        """A tunnel, or what never was one, is gone."""
        self._open.pop(tunnel, None)

    def end_session(self, session_id: str) -> None:
        """Close every tunnel of a session that has ended."""
        for tunnel, (owner, _) in list(self._open.items()):
            if owner == session_id:
                tunnel.abort()

    def end_expired(self, now: float) -> None:
        """Close every tunnel whose proof has lapsed at `now`, in seconds since the epoch."""
        for tunnel, (_, expires_at) in list(self._open.items()):
            if expires_at is not None and now >= expires_at:
                tunnel.abort()
