"""One connection to an upstream, and the interface of its user."""

import asyncio
import os
import select
from typing import Protocol, cast


class Receiver(Protocol):
    """The user of a connection, an exchange or a tunnel; told of everything that happens on it."""

    def upstream_data(self, data: bytes) -> None:
        """Bytes arrived."""

    def upstream_eof(self) -> bool:
        """The upstream will send no more; returns whether to keep the connection open."""

    def upstream_lost(self, *, clean: bool) -> None:
        """The connection is closed; `clean` if the upstream closed it without an error."""

    def upstream_writable(self, *, writable: bool) -> None:
        """The send buffer is full (`writable` is False), or has room again."""


class Pool(Protocol):
    """The owner of connections."""

    def forget(self, connection: "Connection", *, busy: bool) -> None:
        """The connection is closed; `busy` if it was in use."""


class Connection(asyncio.Protocol):
    """One connection to an upstream, kept open between exchanges.

    Attributes:
        receiver: The current user, told of all events; None while the connection is idle.
        fresh: Whether no exchange has been completed on it yet.
        idle_since: Loop time at which it became idle.
    """

    __slots__ = ("_fd", "_is_tls", "_pool", "fresh", "idle_since", "receiver", "transport")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._fd = -1
        self._is_tls = False
        self.receiver: Receiver | None = None
        self.transport = cast(asyncio.Transport, None)
        self.fresh = True
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        self._fd = transport.get_extra_info("socket").fileno()
        self._is_tls = transport.get_extra_info("ssl_object") is not None

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol.  Unrequested bytes end the connection (response splitting)."""
        if self.receiver is None:
            self.transport.abort()
        else:
            self.receiver.upstream_data(data)

    def eof_received(self) -> bool:
        """See asyncio.Protocol.  Only a tunnel goes on after one side has closed."""
        return self.receiver is not None and self.receiver.upstream_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        receiver, self.receiver = self.receiver, None
        self._pool.forget(self, busy=receiver is not None)
        if receiver is not None:
            receiver.upstream_lost(clean=exc is None)

    def write_on(self, data: bytes) -> None:
        """Send more of a request whose head was sent, to an app that may have closed its side.

        If the event loop fails to write, it closes the connection and drops an answer that has
        arrived but was not read.  A failed write here loses only its own bytes, and the answer is
        still read.
        """
        transport = self.transport
        # Over TLS only the loop can write.
        if self._is_tls or transport.get_write_buffer_size() or transport.is_closing():
            transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except ConnectionError:
            # The app has closed its side: it takes neither the rest nor another request.
            return
        except OSError:
            # For example BlockingIOError; the loop reports any other error.
            sent = 0
        if sent < len(data):
            transport.write(data[sent:])

    def read_on(self, *, writable: bool) -> None:
        """Read from the app while the client can take more; pause otherwise."""
        if self.transport.is_closing():
            return
        if writable:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def is_quiet(self) -> bool:
        """Whether the app has neither sent nor closed; asks the system, as the loop may lag."""
        look = select.poll()
        look.register(self._fd, select.POLLIN)
        return not look.poll(0)

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        if self.receiver is not None:
            self.receiver.upstream_writable(writable=False)

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        if self.receiver is not None:
            self.receiver.upstream_writable(writable=True)
