"""Messages between the supervisor and a worker, over a socket pair.

Both ends are processes of this program, started by one user, and no one else has access.  So the
messages are pickled Python values.  End of file tells each side that the other has ended.
"""

import asyncio
import pickle
import socket
from struct import Struct
from typing import Any

_LENGTH = Struct("<I")


class Channel:
    """One end of the socket pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> Any:
        """The next message, or None at end of file."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - see above
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def send(self, message: object) -> None:
        """Queue `message` for sending."""
        data = pickle.dumps(message)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def aclose(self) -> None:
        """Send what is queued, and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


async def open_channel(end: socket.socket) -> Channel:
    """A channel on `end`, one end of a socket pair."""
    return Channel(*await asyncio.open_unix_connection(sock=end))
