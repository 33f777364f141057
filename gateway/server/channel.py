"""Questions and answers between a supervisor and a worker, over a pair of sockets.

Both ends are this program, started by one user, and nobody else holds either: so what is sent are
Python values, pickled.  The end of the stream tells each side that the other has ended.
"""

import asyncio
import pickle
import socket
from struct import Struct
from typing import Any

_LENGTH = Struct("<I")


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> Any:
        """The next message; None at the end."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - see above
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def send(self, message: object) -> None:
        """Send `message`, soon."""
        data = pickle.dumps(message)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def aclose(self) -> None:
        """Send what is left to send, and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


async def open_channel(end: socket.socket) -> Channel:
    """The channel whose one end is `end`."""
    return Channel(*await asyncio.open_unix_connection(sock=end))
