"""The app behind what is measured: bodies of any length, and tunnels that echo.

    python bench/app.py PORT

GET /anything/BYTES is answered with so many bytes, a PUT or POST once its body is read, and an
upgrade with 101 and an echo.
"""

import asyncio
import re
import sys

import tools
import uvloop

PIECE = bytes(1 << 18)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class App(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.data = b""
        self.read = self.read_head
        # Bytes of a body that are still to come, or -1 for a chunked one; to be sent.
        self.coming = self.going = 0
        self.writable = True

    def data_received(self, data: bytes) -> None:
        self.read(data)

    def read_head(self, data: bytes) -> None:
        self.data += data
        head, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        self.data = b""
        lowered = head.lower()
        if b"\r\nupgrade:" in lowered:
            self.transport.write(SWITCHING)
            self.read = self.transport.write
        elif head.startswith(b"GET"):
            self.going = int(head.split(b" ", 2)[1].rpartition(b"/")[2])
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.going)
            self.send()
        else:
            length = re.search(rb"\r\ncontent-length: *([0-9]+)", lowered)
            self.coming = int(length[1]) if length else -1
            self.read = self.read_body
            self.read_body(rest)

    def read_body(self, data: bytes) -> None:
        if self.coming < 0:
            self.data = (self.data + data)[-5:]
            if self.data != b"0\r\n\r\n":
                return
        else:
            self.coming -= len(data)
            if self.coming:
                return
        self.data = b""
        self.read = self.read_head
        self.transport.write(OK)

    def send(self) -> None:
        while self.going and self.writable:
            piece = PIECE[: self.going]
            self.going -= len(piece)
            self.transport.write(piece)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.send()


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(App, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    tools.allow_many_descriptors()
    uvloop.run(serve(int(sys.argv[1])))
