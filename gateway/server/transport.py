"""The transport of one client connection: flow control, and every way of closing it."""

import asyncio
import socket
from typing import cast

from gateway.server.front import Front

# After an answer that ends the connection before the request's end (RFC 9112, section 9.6): how
# long the client may be silent, and how long it may send at most.  nginx has 5 s and 30 s.
_LINGER_S = 2.0
_LONGEST_LINGER_S = 30.0
# How long a client may take to read the rest of an answer before its connection is cut.
_FLUSH_S = 30.0


class ClientTransport(asyncio.Protocol):
    """The transport half of a client connection.

    State: `_closing` is set if the current answer is the last one; `_abort_at` is when an ending
    connection is cut, 0 before it ends; `_since` is when the connection last changed what it waits
    for.  Both times are the front's.  Reading stops while the upstream cannot take more (`_paused`)
    and for one round of the loop after a turn's work (`_resting`).  No request begins while the
    client does not read its answers (`_choked`).
    """

    __slots__ = (
        "_abort_at",
        "_choked",
        "_closing",
        "_front",
        "_half_closed",
        "_paused",
        "_resting",
        "_since",
        "_transport",
        "http_1_0",
    )

    def __init__(self, front: Front) -> None:
        self._front = front
        self._transport = cast(asyncio.Transport, None)
        self._closing = False
        self._choked = False
        self._half_closed = False
        self._paused = False
        self._resting = False
        self._since = front.now
        self._abort_at = 0.0
        self.http_1_0 = False

    @property
    def connection_line(self) -> bytes:
        """See Client."""
        if self._closing or self._front.draining:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self.http_1_0 else b""

    @property
    def _is_last(self) -> bool:
        return self._closing or self._front.draining

    def write(self, data: bytes) -> None:
        """See Client."""
        self._transport.write(data)

    def pause_reading(self) -> None:
        """See Client."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            if not self._resting:
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See Client."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._front.let_go()
            if not self._resting:
                self._transport.resume_reading()

    def _rest(self) -> None:
        """Give the other connections a turn before more is read from this client."""
        if not self._resting and not self._transport.is_closing():
            self._resting = True
            if not self._paused:
                # Without this the loop would keep reading while data is available.
                self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._end_rest)

    def _end_rest(self) -> None:
        self._resting = False
        if not self._transport.is_closing():
            if not self._paused:
                self._transport.resume_reading()
            self._go_on()

    def _go_on(self) -> None:
        """Process what was read before the rest."""
        raise NotImplementedError

    def close_after_response(self) -> None:
        """See Client."""
        self._closing = True

    def tunnel_half_closed(self) -> None:
        """See Client."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._close()

    def abort(self) -> None:
        """See Watched."""
        self._transport.abort()

    def _close(self) -> None:
        """Close once the client has read what was written, or its time to do so is over."""
        self._abort_at = self._front.now
        self._transport.close()

    def _reset(self) -> None:
        """Close with a reset, so that the client does not take the close for the end of a body."""
        # socket(7): SO_LINGER with zero seconds turns the close into a reset.
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._transport.abort()

    def _linger(self) -> None:
        """Stop sending, and for a while drop what the client still sends.

        A close while the client still sends would reset the connection and lose the answer.
        """
        self._since = self._front.now
        self._abort_at = self._front.now + _LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self.resume_reading()
        else:
            self._transport.close()

    def _linger_on(self) -> None:
        """Wait longer for a client that still sends; the bytes are dropped."""
        self._abort_at = min(self._front.now + _LINGER_S, self._since + _LONGEST_LINGER_S)

    def _end_in_time(self, now: float) -> None:
        """Cut an ending connection if its time is over at loop time `now`."""
        flush_s = _FLUSH_S if self._transport.get_write_buffer_size() else 0.0
        if now >= self._abort_at + flush_s:
            self._transport.abort()
