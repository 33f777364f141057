"""A client connection: callbacks from the event loop and from the front's ticker."""

import asyncio
from typing import cast

from gateway.errors import GatewayError, RequestTimeoutError, TooManyConnectionsError
from gateway.message.forwarded import UNIX_PEER, canonical_address
from gateway.server.front import Front
from gateway.server.requests import RequestSide

# How many bytes may be read ahead while a request is not ready for them.
_READ_AHEAD_BYTES = 65536
# How long work goes on after the client closes its sending side: it may be gone (decision 0003).
_HALF_CLOSED_S = 1.0
# After this long without a request, the client's remembered fields are dropped to free memory.
_PAUSE_S = 5.0
# Recorded, and never sent, if the client left before its answer; nginx logs the same status.
_CLIENT_LEFT = 499


class ClientConnection(RequestSide):
    """One client connection; the base classes read requests and write answers."""

    __slots__ = ()

    def __init__(self, front: Front, peer: str = "") -> None:
        """A connection of `peer`, an address as from `canonical_address`; "" to ask the socket."""
        super().__init__(front)
        self._peer = peer

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._peer:
            peer = transport.get_extra_info("peername")
            self._peer = canonical_address(peer[0] if isinstance(peer, tuple) else UNIX_PEER)
        self._front.add(self)
        if self._front.is_full:
            self._turn_away()

    def refuse(self, error: GatewayError) -> None:
        """Answer with `error` before anything was read, and close."""
        if not self._abort_at:
            self._refuse_bytes(error)

    def _turn_away(self) -> None:
        if self._front.is_overrun:
            self._transport.abort()
        else:
            self._refuse_bytes(TooManyConnectionsError(self._peer))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._abort_at:
            self._linger_on()
            return
        tunnel = self._tunnel
        if tunnel is not None:
            tunnel.send(data)
        elif self._resting:
            self._buffer += data
        elif self._body is not None and self._sink is not None:
            self._take_body(data)
        else:
            if not self._buffer and self._entry is None:
                self._since = self._front.now
                # The loop delivers more in the same round only if this read filled its buffer, and
                # a full buffer is more than one turn of work.
                self._spent = 0
            self._buffer += data
            if self._entry is None and not self._choked:
                self._read_requests()
            elif len(self._buffer) > _READ_AHEAD_BYTES:
                self.pause_reading()

    def eof_received(self) -> bool:
        """See asyncio.Protocol.  Work goes on for a second, because the client may be gone."""
        if self._tunnel is not None:
            return self._tunnel.client_eof() and self._transport.can_write_eof()
        if self._resting:
            # Only TLS reports the end now, and TLS could not send answers after it.
            self._close()
            return False
        if self._entry is None or self._abort_at or self._body is not None:
            return False
        if not self._transport.can_write_eof():  # TLS has no half-closed connections.
            return False
        self._half_closed = True
        self._since = self._front.now
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._front.remove(self)
        self._front.tunnels.remove(self)
        if self._choked or self._paused:
            self._front.let_go()
        if self._task is not None:
            self._task.cancel()
        if self._exchange is not None:
            self._exchange.cancel()
        if self._tunnel is not None:
            self._tunnel.cancel()
        self._record(_CLIENT_LEFT)
        self._exchange = None

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol.  Stop reading from the upstream until the client reads."""
        self._choked = True
        if self._exchange is not None:
            self._exchange.client_writable(writable=False)
        elif self._tunnel is not None:
            self._tunnel.client_writable(writable=False)

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._choked = False
        self._front.let_go()
        if self._exchange is not None:
            self._exchange.client_writable(writable=True)
        elif self._tunnel is not None:
            self._tunnel.client_writable(writable=True)
        elif self._entry is None and not self._abort_at and not self._transport.is_closing():
            self.resume_reading()
            self._read_requests()

    # Called by the front.

    def tick(self, now: float) -> None:
        """See Watched."""
        if self._abort_at:
            self._end_in_time(now)
        elif self._entry is None:
            self._tick_between_requests(now)
        elif self._half_closed and self._is_quiet(now):
            self._transport.abort()
        elif self._exchange is not None:
            error = self._exchange.overdue(now)
            if error is not None:
                self._exchange.cancel()
                self.response_failed(error)
        elif self._tunnel is not None:
            if self._tunnel.is_overdue(now):
                self._tunnel.cancel()
                self.tunnel_closed()
        elif self._sink is not None and now - self._since >= self._front.limits.header_s:
            self._fail(RequestTimeoutError("the form body did not arrive in time"))

    def _is_quiet(self, now: float) -> bool:
        """Whether nothing has moved towards a half-closed client for `_HALF_CLOSED_S`."""
        since = self._since
        if self._exchange is not None:
            since = max(since, self._exchange.active_at)
        elif self._tunnel is not None:
            since = max(since, self._tunnel.active_at)
        return now - since >= _HALF_CLOSED_S and not self._transport.get_write_buffer_size()

    def _tick_between_requests(self, now: float) -> None:
        limits = self._front.limits
        quiet_s = now - self._since
        if self._choked:
            if quiet_s >= limits.keepalive_s:
                self._transport.abort()
        elif self._buffer and quiet_s >= limits.header_s:
            self._refuse_bytes(RequestTimeoutError("the request head did not arrive in time"))
        elif not self._buffer:
            if quiet_s >= _PAUSE_S:
                self._heads.forget()
            patience_s = limits.header_s if self._first else limits.keepalive_s
            if quiet_s >= patience_s:
                self._transport.close()

    def drain(self) -> None:
        """See Watched."""
        self._closing = True
        if self._entry is None and not self._resting:
            self._transport.close()
