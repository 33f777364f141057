"""The tunnels that are open, so that one can be closed when its session ends."""

from collections.abc import Callable
from typing import Protocol

from gateway.record.audit import Entry


class Closable(Protocol):
    """The client's end of a tunnel."""

    @property
    def heard_at(self) -> float:
        """When the client last sent something, in loop time; 0 where it never did."""

    def abort(self) -> None:
        """Close it at once."""


class Tunnels:
    """See the module."""

    def __init__(self) -> None:
        self._open: dict[Closable, Entry] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, entry: Entry, tunnel: Closable) -> None:
        """A tunnel was opened by the request of `entry`."""
        self._open[tunnel] = entry

    def remove(self, tunnel: Closable) -> None:
        """A tunnel, or what never was one, is gone."""
        self._open.pop(tunnel, None)

    def sessions(self, credential: str, loop_began_at: float) -> dict[str, float]:
        """The sessions, proven by this kind of credential, that have a tunnel open.

        With when the client last sent something through one, in seconds since the epoch, 0 where
        it never did; `loop_began_at` is when loop time was 0.
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
        """The API keys that have a tunnel open."""
        return {it.identity.key_id for it in self._open.values() if it.identity.key_id is not None}

    def end_key(self, key_id: str) -> None:
        """Close every tunnel that was opened with an API key that is revoked."""
        for tunnel, entry in list(self._open.items()):
            if entry.identity.key_id == key_id:
                tunnel.abort()

    def end_session(self, session_id: str) -> None:
        """Close every tunnel of a session that has ended."""
        for tunnel, entry in list(self._open.items()):
            if entry.session_id == session_id:
                tunnel.abort()

    def end_expired(self, now: float) -> None:
        """Close every tunnel whose proof has lapsed at `now`, in seconds since the epoch.

        An access token of the gateway's own is renewed every few minutes: its tunnels go on until
        its session ends.
        """
        for tunnel, entry in list(self._open.items()):
            expires_at = None if entry.identity.credential == "token" else entry.expires_at
            if expires_at is not None and now >= expires_at:
                tunnel.abort()

    def close_unless(self, allows: Callable[[Entry], bool]) -> int:
        """Close every tunnel whose request `allows` refuses now; how many there were."""
        refused = [tunnel for tunnel, entry in self._open.items() if not allows(entry)]
        for tunnel in refused:
            tunnel.abort()
        return len(refused)
