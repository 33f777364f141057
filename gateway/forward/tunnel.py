"""A tunnel of raw bytes, which replaces an exchange after ``101 Switching Protocols``.

Either side may close its half first.  If one side cannot take more, the other is not read.
"""

from typing import Protocol

from gateway.forward.connection import Connection
from gateway.forward.upstream import Upstream


class Ticker(Protocol):
    """Coarse time that costs nothing to read: the time of the last tick, twice a second."""

    now: float


class TunnelClient(Protocol):
    """The client's side of a tunnel."""

    def write(self, data: bytes) -> None:
        """Send `data` to the client."""

    def pause_reading(self) -> None:
        """Stop reading from the client: the upstream cannot keep up."""

    def resume_reading(self) -> None:
        """Read from the client again."""

    def tunnel_half_closed(self) -> None:
        """The upstream will send no more; the client still may."""

    def tunnel_closed(self) -> None:
        """The upstream's side of the tunnel is closed."""


class Tunnel:
    """One tunnel.  Times are the event loop's, in seconds.

    Attributes:
        active_at: When bytes last moved in either direction.
        heard_at: When the client last sent something; 0 before.
    """

    __slots__ = (
        "_client",
        "_connection",
        "_half_closed",
        "_ticker",
        "_upstream",
        "active_at",
        "heard_at",
    )

    def __init__(
        self, client: TunnelClient, upstream: Upstream, connection: Connection, ticker: Ticker
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._connection: Connection | None = connection
        self._ticker = ticker
        self._half_closed = False
        self.active_at = ticker.now
        self.heard_at = 0.0
        connection.receiver = self

    # From the client.

    def send(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self.active_at = self.heard_at = self._ticker.now
        if self._connection is not None:
            self._connection.write_on(data)

    def client_eof(self) -> bool:
        """The client will send no more; returns whether the upstream still may."""
        connection = self._connection
        if connection is None:
            return False
        if self._half_closed or not connection.transport.can_write_eof():
            self._connection = None
            connection.transport.close()
            return False
        self._half_closed = True
        connection.transport.write_eof()
        return True

    def client_writable(self, *, writable: bool) -> None:
        """The client's send buffer is full (`writable` is False), or has room again."""
        if self._connection is not None:
            self._connection.read_on(writable=writable)

    def cancel(self) -> None:
        """Close the upstream's side at once: the client is gone, or the tunnel timed out."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream.discard(connection)

    def is_overdue(self, now: float) -> bool:
        """Whether nothing has moved for the upstream's idle timeout."""
        idle_s = self._upstream.timeouts.idle_s
        return self._connection is not None and now - self.active_at >= idle_s

    # From the upstream.

    def upstream_data(self, data: bytes) -> None:
        """See Receiver."""
        self.active_at = self._ticker.now
        self._client.write(data)

    def upstream_eof(self) -> bool:
        """See Receiver."""
        connection = self._connection
        if self._half_closed or connection is None or not connection.transport.can_write_eof():
            return False
        self._half_closed = True
        self._client.tunnel_half_closed()
        return True

    def upstream_lost(self, *, clean: bool) -> None:
        """See Receiver."""
        del clean
        if self._connection is not None:
            self._connection = None
            self._client.tunnel_closed()

    def upstream_writable(self, *, writable: bool) -> None:
        """See Receiver."""
        if writable:
            self._client.resume_reading()
        else:
            self._client.pause_reading()
