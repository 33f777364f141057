"""Connections to one upstream: opened, kept, given out again."""

import asyncio
import ssl
from collections.abc import Callable

from gateway.forward.address import Address, Timeouts
from gateway.forward.connection import Connection, Receiver
from gateway.forward.errors import UpstreamFailedError, UpstreamRefusedError, UpstreamTimeoutError
from gateway.forward.response import ResponseRules

_WAKE_RETRY_S = 0.2


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
