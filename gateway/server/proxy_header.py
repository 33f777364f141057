"""Reads the PROXY header that begins a connection, then hands the connection over.

Exactly the header is read from the socket, so what follows it, a TLS handshake or a request, is
still there for whoever reads next.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.errors import GatewayError, MalformedRequestError, RequestTimeoutError
from gateway.message.forwarded import UNIX_PEER, Networks, canonical_address, trusted_address
from gateway.message.proxy_protocol import FIXED_BYTES, SIGNATURE, client_of, payload_bytes
from gateway.server.connection import ClientConnection
from gateway.server.front import Front


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """What a listener requires of a connection.

    Attributes:
        trusted: Returns the networks from which a connection is accepted, at this moment.
        tls: For the handshake after the header; None without TLS.
        handshake_s: Seconds for the handshake; None for asyncio's own limit.
    """

    trusted: Callable[[], Networks]
    tls: ssl.SSLContext | None
    handshake_s: float | None


class ProxyHeaderReader(asyncio.BufferedProtocol):
    """A connection until its PROXY header is complete, and TLS established.  See Watched."""

    def __init__(self, front: Front, rules: ProxyRules) -> None:
        self._front = front
        self._rules = rules
        self._transport = cast(asyncio.Transport, None)
        self._peer = ""
        self._since = front.now
        self._fixed = b""
        self._buffer = bytearray(FIXED_BYTES)
        self._filled = 0
        self._is_done = False
        self._securing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else UNIX_PEER
        self._front.add(self)
        if self._front.is_overrun:
            self._transport.abort()
        elif trusted_address(self._peer, self._rules.trusted()) is None:
            # The specification forbids to guess whether there is a header.  In plain text even
            # where TLS is expected, because there will be no handshake.
            connection = self._hand_over(self._transport, canonical_address(self._peer))
            connection.refuse(MalformedRequestError(f"{self._peer} may send no PROXY header"))

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol."""
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        self._filled += nbytes
        try:
            self._read()
        except GatewayError as error:
            self._turn_away(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._front.remove(self)

    def tick(self, now: float) -> None:
        """See Watched."""
        # asyncio limits the handshake.
        if not self._is_done and now - self._since >= self._front.limits.header_s:
            self._turn_away(RequestTimeoutError("the PROXY header did not arrive in time"))

    def drain(self) -> None:
        """See Watched."""
        self._transport.abort()

    def abort(self) -> None:
        """See Watched."""
        self._transport.abort()

    def _read(self) -> None:
        got = bytes(self._buffer[: self._filled])
        if not self._fixed:
            if not SIGNATURE.startswith(got[: len(SIGNATURE)]):
                raise MalformedRequestError("no PROXY header")
            if len(got) < FIXED_BYTES:
                return
            self._fixed, got = got, b""
            # Another one, because the event loop still holds the first.
            self._buffer, self._filled = bytearray(payload_bytes(self._fixed)), 0
        if len(got) == len(self._buffer):
            client = client_of(self._fixed, got)
            self._begin(canonical_address(self._peer) if client is None else client)

    def _begin(self, peer: str) -> None:
        self._is_done = True
        tls = self._rules.tls
        if tls is None:
            self._hand_over(self._transport, peer)
        else:
            self._transport.pause_reading()
            self._securing = self._front.spawn(self._secure(tls, peer))

    async def _secure(self, tls: ssl.SSLContext, peer: str) -> None:
        early = _Early()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport,
                early,
                tls,
                server_side=True,
                ssl_handshake_timeout=self._rules.handshake_s,
            )
        except OSError:  # The client went away, spoke no TLS, or took too long.
            self._transport.abort()
        else:
            if secured is not None and not early.is_lost:
                connection = self._hand_over(secured, peer)
                if early.data:
                    connection.data_received(early.data)
        finally:
            self._front.remove(self)

    def _hand_over(self, transport: asyncio.Transport, peer: str) -> ClientConnection:
        connection = ClientConnection(self._front, peer)
        # The transport may keep this reader as long as itself.
        self._buffer = bytearray()
        self._front.remove(self)
        # uvloop chooses between the two kinds of protocol when reading starts.
        transport.pause_reading()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if not transport.is_closing():
            transport.resume_reading()
        return connection

    def _turn_away(self, error: GatewayError) -> None:
        """Record the refusal and close without an answer, as the specification asks."""
        self._is_done = True
        front = self._front
        peer = canonical_address(self._peer)
        entry, response = front.pipeline.refuse_early(error, peer, front.clock(), b"")
        front.pipeline.finish(entry, response.status, None, 0.0)
        self._transport.abort()


class _Early(asyncio.Protocol):
    """Keeps what a client sends right after the handshake, before `start_tls` returns."""

    def __init__(self) -> None:
        self.data = b""
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
