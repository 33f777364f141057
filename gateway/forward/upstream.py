"""Connections to one upstream: opened, kept, given out again."""

import asyncio
import os
import select
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from gateway.forward.errors import UpstreamFailedError, UpstreamRefusedError, UpstreamTimeoutError
from gateway.forward.response import ResponseRules

if TYPE_CHECKING:
    from collections.abc import Sequence


class Receiver(Protocol):
    """What uses a connection: told of all that happens on it."""

    def upstream_data(self, data: bytes) -> None:
        """Bytes came."""

    def upstream_eof(self) -> bool:
        """The upstream will send no more; whether the connection stays open all the same."""

    def upstream_lost(self, *, clean: bool) -> None:
        """The connection is gone; `clean` where the upstream closed it, rather than broke it."""

    def upstream_writable(self, *, writable: bool) -> None:
        """The send buffer is full, or has room again."""


class Connection(asyncio.Protocol):
    """One connection to an upstream, kept between exchanges.

    Attributes:
        receiver: Who is told of what happens; None while the connection is idle.
        fresh: Whether nothing has been sent on it yet.
        idle_since: Loop time at which it became idle.
    """

    __slots__ = ("_fd", "_is_tls", "_pool", "fresh", "idle_since", "receiver", "transport")

    def __init__(self, pool: "Upstream") -> None:
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
        """See asyncio.Protocol.  Bytes nobody asked for end the connection (response splitting)."""
        if self.receiver is None:
            self.transport.abort()
        else:
            self.receiver.upstream_data(data)

    def eof_received(self) -> bool:
        """See asyncio.Protocol.  Only a tunnel goes on with one side closed; it says so itself."""
        return self.receiver is not None and self.receiver.upstream_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        receiver, self.receiver = self.receiver, None
        self._pool.forget(self, busy=receiver is not None)
        if receiver is not None:
            receiver.upstream_lost(clean=exc is None)

    def write_on(self, data: bytes) -> None:
        """Send more of a request whose head is out, to an app that may have closed its side.

        A write by the loop that fails ends the connection, and drops an answer that has come
        but was not read yet.  This one is only lost: what the app has sent is still read.
        """
        transport = self.transport
        # Over TLS only the loop can write.
        if self._is_tls or transport.get_write_buffer_size() or transport.is_closing():
            transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except ConnectionError:
            # The app has closed its side: no more of this can be sent, nor another request.
            return
        except OSError:
            # Such as BlockingIOError; the loop says what else is wrong.
            sent = 0
        if sent < len(data):
            transport.write(data[sent:])

    def read_on(self, *, writable: bool) -> None:
        """Read from the app while the client can take more, and pause while it cannot."""
        if self.transport.is_closing():
            return
        if writable:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def is_quiet(self) -> bool:
        """Whether the app has sent nothing and not closed; the loop may not have noticed yet."""
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


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream listens: a socket path, or a host and port, with TLS or without."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the response's head, without a byte either way, and for a wake.

    Attributes:
        wake_s: How long a refused connect is tried again while a scaled-to-zero app boots.
    """

    connect_s: float
    response_s: float
    idle_s: float
    wake_s: float


class Upstream:
    """One app, and the connections to it that are open.

    Attributes:
        max_fields: Of an answer's head, and of its trailer section; 0 is no limit.
        busy: How many connections are in use.
    """

    # An app closes idle connections itself; below this age a kept one is taken to be alive.
    _KEEP_S = 55.0
    _KEEP = 128

    def __init__(
        self,
        name: str,
        address: Address,
        timeouts: Timeouts,
        rules: ResponseRules,
        max_fields: int,
    ) -> None:
        self.name = name
        self.address = address
        self.timeouts = timeouts
        self.rules = rules
        self.max_fields = max_fields
        self.busy = 0
        self._ticked_at = 0.0
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    @property
    def idle(self) -> int:
        """How many connections wait for the next request."""
        return len(self._idle)

    def take(self, receiver: Receiver, *, look_first: bool) -> Connection | None:
        """A kept connection, the one used last first; None when a new one must be opened.

        `look_first` asks the system whether the app has closed it: for a request that could not
        be sent again.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.transport.is_closing():
                continue
            if look_first and not connection.is_quiet():
                connection.transport.abort()
                continue
            connection.receiver = receiver
            self.busy += 1
            return connection
        return None

    async def connect(self, receiver: Receiver) -> Connection:
        """A new connection.

        Raises:
            UpstreamRefusedError: Nothing listens there, or TLS failed.
            UpstreamFailedError: It closed at once, or spoke before it was asked.
            UpstreamTimeoutError: No answer within the connect time-out.
        """
        loop = asyncio.get_running_loop()
        wake_until = loop.time() + self.timeouts.wake_s
        while True:
            try:
                async with asyncio.timeout(self.timeouts.connect_s):
                    connection = await self._open(loop)
            except TimeoutError as error:
                if loop.time() >= wake_until:
                    raise UpstreamTimeoutError(f"{self.name}: connect") from error
            except (OSError, ssl.SSLError) as error:
                if loop.time() >= wake_until or isinstance(error, ssl.SSLError):
                    raise UpstreamRefusedError(f"{self.name}: {error}") from error
                await asyncio.sleep(_WAKE_RETRY_S)
            else:
                if connection.transport.is_closing():
                    raise UpstreamFailedError(f"{self.name}: closed before it was asked")
                connection.receiver = receiver
                self._all.add(connection)
                self.busy += 1
                return connection

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Connection:
        address = self.address
        make: Callable[[], Connection] = lambda: Connection(self)  # noqa: E731
        if address.path:
            _, connection = await loop.create_unix_connection(
                make, address.path, ssl=address.tls, server_hostname=address.server_name
            )
        else:
            _, connection = await loop.create_connection(
                make,
                address.host,
                address.port,
                ssl=address.tls,
                server_hostname=address.server_name,
            )
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep `connection`, whose exchange ended cleanly, for the next one."""
        self.busy -= 1
        connection.receiver = None
        connection.fresh = False
        connection.idle_since = self._ticked_at
        if len(self._idle) >= self._KEEP:
            connection.transport.close()
        else:
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Close `connection`, which is of no further use."""
        if connection.receiver is not None:
            connection.receiver = None
            self.busy -= 1
        connection.transport.abort()

    def forget(self, connection: Connection, *, busy: bool) -> None:
        """Called by the connection itself once it is gone."""
        self.busy -= busy
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def tick(self, now: float) -> None:
        """Close connections that have been idle for long; called about once a second."""
        self._ticked_at = now
        while self._idle and now - self._idle[0].idle_since > self._KEEP_S:
            self._idle.pop(0).transport.close()

    def retire(self) -> None:
        """Keep no connection any longer: those in use are closed when they are given back."""
        self._KEEP = 0
        while self._idle:
            self._idle.pop().transport.close()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._all):
            connection.transport.abort()


_WAKE_RETRY_S = 0.2


def tls_context(
    *,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    insecure_skip_verify: bool,
    protocols: "Sequence[str]" = ("http/1.1",),
) -> ssl.SSLContext:
    """The TLS settings towards an upstream; the system's roots unless `ca_file` is given.

    Raises:
        OSError, ssl.SSLError: A file cannot be read or is not what it should be.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(list(protocols))
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    if insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
