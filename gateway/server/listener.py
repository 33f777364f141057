"""Sockets that clients connect to."""

import asyncio
import contextlib
import socket
import ssl
import stat
from pathlib import Path

from gateway.server.connection import ClientConnection
from gateway.server.front import Front
from gateway.settings.scalars import Address

_BACKLOG = 1024


async def listen(
    front: Front, address: Address, tls: ssl.SSLContext | None = None, *, shared: bool = False
) -> asyncio.Server:
    """Accept connections for `front` at `address`; `shared` with other processes.

    Raises:
        OSError: The address is taken or not ours.
    """
    loop = asyncio.get_running_loop()

    def make() -> ClientConnection:
        return ClientConnection(front)

    if address.path:
        _remove_stale_socket(Path(address.path))
        return await loop.create_unix_server(make, address.path, backlog=_BACKLOG, ssl=tls)
    return await loop.create_server(
        make,
        address.host,
        address.port,
        backlog=_BACKLOG,
        ssl=tls,
        reuse_address=True,
        reuse_port=shared,
    )


def port_of(server: asyncio.Server) -> int:
    """The port a server listens on; 0 for a Unix socket."""
    for bound in server.sockets:
        if bound.family in (socket.AF_INET, socket.AF_INET6):
            port: int = bound.getsockname()[1]
            return port
    return 0


def server_tls(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """The TLS settings towards clients: TLS 1.2 at least, HTTP/1.1 only.

    Raises:
        OSError, ssl.SSLError: A file cannot be read, or the key is not the certificate's.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _remove_stale_socket(path: Path) -> None:
    """Remove the socket a process left that did not end cleanly; never one that is listened on."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
