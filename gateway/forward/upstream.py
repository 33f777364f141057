"""The connections to one upstream: opens, keeps and reuses them."""

import asyncio
import logging
import ssl
from collections.abc import Callable

from gateway.errors import GatewayError
from gateway.forward.address import Address, Timeouts
from gateway.forward.connection import Connection, Receiver
from gateway.forward.errors import (
    UpstreamFailedError,
    UpstreamRefusedError,
    UpstreamStartingError,
    UpstreamTimeoutError,
    UpstreamTlsError,
)
from gateway.forward.waking import ASLEEP, Waking

_log = logging.getLogger(__name__)

# Every request to an app that is down fails in the same way.
_QUIET_S = 60.0


class Upstream:
    """One app and the open connections to it.

    Attributes:
        max_fields: Limit of fields in a response's head, and in its trailers; 0 means no limit.
        busy: Number of connections in use.
        failure: Why the last connect failed; empty if it did not.
    """

    # Apps close idle connections themselves; a younger one is assumed to be alive.
    _KEEP_S = 55.0
    _KEEP = 128

    def __init__(
        self,
        name: str,
        address: Address,
        timeouts: Timeouts,
        max_fields: int,
    ) -> None:
        self.name = name
        self.address = address
        self.timeouts = timeouts
        self.max_fields = max_fields
        self.busy = 0
        self.failure = ""
        self._ticked_at = 0.0
        self._quiet_until = 0.0
        self._unsaid = 0
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        wake_s = timeouts.wake_s
        self._waking = Waking(name, wake_s, self._probe) if wake_s else None

    @property
    def idle(self) -> int:
        """Number of connections that wait for the next request."""
        return len(self._idle)

    def take(self, receiver: Receiver, *, look_first: bool) -> Connection | None:
        """A kept connection, the last used first; None if a new one must be opened.

        `look_first` asks the system whether the app has closed it, for a request that could not be
        sent again.
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

    async def connect(self, receiver: Receiver, *, shows_page: bool = False) -> Connection:
        """Open a new connection.  A failure is logged, at most once a minute.

        `shows_page` says that the client can wait with a page that reloads itself.

        Raises:
            UpstreamRefusedError: Nothing listens there.
            UpstreamTlsError: TLS failed.
            UpstreamFailedError: The app closed it at once, or sent bytes before a request.
            UpstreamTimeoutError: The connect timeout passed.
            UpstreamStartingError: The app is booting, and the client should come again.
        """
        try:
            if self._waking is None:
                connection = await self._open()
            else:
                connection = await self._open_awake(self._waking, shows_page=shows_page)
            if connection.transport.is_closing():
                raise UpstreamFailedError(f"{self.name}: closed before a request was sent")
        except GatewayError as error:
            self.failure = str(error)
            if not isinstance(error, UpstreamStartingError):
                self._warn(error)
            raise
        self.failure = ""
        connection.receiver = receiver
        self._all.add(connection)
        self.busy += 1
        return connection

    def _warn(self, error: GatewayError) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._quiet_until:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last warning)" if self._unsaid else ""
        detail = str(error).removeprefix(f"{self.name}: ")
        _log.warning("upstream %s at %s: %s%s", self.name, self.address, detail, more)
        self._quiet_until, self._unsaid = now + _QUIET_S, 0

    async def _open_awake(self, waking: Waking, *, shows_page: bool) -> Connection:
        """A connection to an app that may be asleep: wait until it accepts one."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = now + waking.patience_s(shows_page=shows_page)
        while True:
            if not waking.is_asleep(now, shows_page=shows_page):
                try:
                    async with asyncio.timeout_at(until if shows_page else None):
                        connection = await self._open()
                except ASLEEP as error:
                    waking.fell_asleep(error, loop.time())
                except TimeoutError:
                    waking.fell_asleep(self._too_late(until - now), loop.time())
                else:
                    waking.woke(loop.time())
                    return connection
            await waking.wait(until, shows_page=shows_page)
            if self._idle:
                return self._idle.pop()
            now = loop.time()

    async def _probe(self) -> None:
        """Open a connection for the next request."""
        connection = await self._open()
        # The app may close it before that request, which may then be sent again.
        connection.fresh = False
        connection.idle_since = self._ticked_at
        self._all.add(connection)
        if self._KEEP:
            self._idle.append(connection)
        else:
            connection.transport.close()

    async def _open(self) -> Connection:
        try:
            async with asyncio.timeout(self.timeouts.connect_s):
                return await self._open_transport(asyncio.get_running_loop())
        except TimeoutError as error:
            raise self._too_late(self.timeouts.connect_s) from error
        except ssl.SSLError as error:
            raise UpstreamTlsError(f"{self.name}: {error}") from error
        except OSError as error:
            raise UpstreamRefusedError(f"{self.name}: {error}") from error

    def _too_late(self, waited_s: float) -> GatewayError:
        return UpstreamTimeoutError(f"{self.name}: no connection within {waited_s:g} s")

    async def _open_transport(self, loop: asyncio.AbstractEventLoop) -> Connection:
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
        """Keep `connection`, whose exchange ended cleanly, for another exchange."""
        self.busy -= 1
        connection.receiver = None
        connection.fresh = False
        connection.idle_since = self._ticked_at
        if len(self._idle) >= self._KEEP:
            connection.transport.close()
        else:
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Close `connection`, which cannot be reused."""
        if connection.receiver is not None:
            connection.receiver = None
            self.busy -= 1
        connection.transport.abort()

    def forget(self, connection: Connection, *, busy: bool) -> None:
        """See Pool."""
        self.busy -= busy
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def tick(self, now: float) -> None:
        """Close connections that have been idle too long; called about twice a second."""
        self._ticked_at = now
        while self._idle and now - self._idle[0].idle_since > self._KEEP_S:
            self._idle.pop(0).transport.close()

    def retire(self) -> None:
        """Keep no connections from now on: those in use are closed after their exchange."""
        self._KEEP = 0
        while self._idle:
            self._idle.pop().transport.close()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._all):
            connection.transport.abort()
