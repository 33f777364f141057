"""Open tunnels, so that each can be closed when its session or key ends.

Streams of events (Server-Sent Events) count as tunnels too: both may go on for days.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.record.audit import Entry


class Closable(Protocol):
    """The client's end of a tunnel or of a stream of events."""

    @property
    def heard_at(self) -> float:
        """When the client last sent something, in loop time; 0 if it never did."""

    def cut(self) -> None:
        """Close it at once, before its end."""


class Tunnels:
    """All open tunnels of a worker."""

    def __init__(self) -> None:
        self._open: dict[Closable, Entry] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, entry: Entry, tunnel: Closable) -> None:
        """Register a tunnel that the request of `entry` opened."""
        self._open[tunnel] = entry

    def remove(self, tunnel: Closable) -> None:
        """Forget a tunnel, if it is one."""
        self._open.pop(tunnel, None)

    def sessions(self, credential: str, loop_began_at: float) -> dict[str, float]:
        """Sessions with an open tunnel, proven by this kind of credential.

        Each with the time when its client last sent something through a tunnel, in seconds since
        the epoch, 0 if it never did.  `loop_began_at` is the epoch time at which loop time was 0.
        """
        found: dict[str, float] = {}
        for tunnel, it in self._open.items():
            session_id = it.session_id
            if session_id is not None and it.identity.credential == credential:
                heard_at = tunnel.heard_at
                used_at = heard_at + loop_began_at if heard_at else 0.0
                found[session_id] = max(used_at, found.get(session_id, 0.0))
        return found

    def keys(self) -> set[str]:
        """Ids of API keys with an open tunnel."""
        return {it.identity.key_id for it in self._open.values() if it.identity.key_id is not None}

    def end_key(self, key_id: str) -> None:
        """Close every tunnel opened with the API key `key_id`, which is revoked."""
        for tunnel, entry in list(self._open.items()):
            if entry.identity.key_id == key_id:
                tunnel.cut()

    def end_bearers(self, account_id: str) -> None:
        """Close every tunnel opened with another issuer's token for the account."""
        for tunnel, entry in list(self._open.items()):
            who = entry.identity
            if who.credential == "bearer" and who.account_id == account_id:
                tunnel.cut()

    def end_session(self, session_id: str) -> None:
        """Close every tunnel of a session that has ended."""
        for tunnel, entry in list(self._open.items()):
            if entry.session_id == session_id:
                tunnel.cut()

    def end_expired(self, now: float) -> None:
        """Close every tunnel whose credential has expired at `now`, in seconds since the epoch.

        Apps renew the gateway's own access tokens every few minutes, so tunnels opened with one
        last until its session ends.
        """
        for tunnel, entry in list(self._open.items()):
            expires_at = None if entry.identity.credential == "token" else entry.expires_at
            if expires_at is not None and now >= expires_at:
                tunnel.cut()

    def close_unless(self, allows: Callable[[Entry], bool]) -> int:
        """Close every tunnel whose request `allows` now refuses; returns how many."""
        refused = [tunnel for tunnel, entry in self._open.items() if not allows(entry)]
        for tunnel in refused:
            tunnel.cut()
        return len(refused)
