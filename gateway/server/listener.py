"""Sockets that clients connect to."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from math import isinf
from pathlib import Path

from gateway.server.connection import ClientConnection
from gateway.server.front import Front
from gateway.settings.schema import Address, ServerTlsSettings

_BACKLOG = 1024


# Mozilla's "intermediate" 5.7 (wiki.mozilla.org/Security/Server_Side_TLS) for TLS 1.2, less DHE,
# which is for clients that know none of these.  Those of TLS 1.3 are all in it.
_CIPHERS = ":".join(
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ]
)
_GROUPS = "X25519:prime256v1:secp384r1"
_ONE_GROUP = "prime256v1"


class ServerTls:
    """TLS towards clients, HTTP/1.1 only; the certificate and the version can be changed.

    Attributes:
        context: For the listener.
    """

    def __init__(self, chain: ssl.SSLContext) -> None:
        """Show the certificate of `chain`, which `server_tls` gave."""
        self.context = _bare_context()
        self.show(chain)
        self.context.sni_callback = self._choose

    def show(self, chain: ssl.SSLContext) -> None:
        """Do as `chain` says from now on; connections there are stay as they are."""
        self._chain = chain
        # The version is agreed on before there is a certificate to choose.
        self.context.minimum_version = chain.minimum_version

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # Called in every handshake, with or without a server name.  Loading the new chain into
        # the context of the listener would not do: it keeps one for each type of key.
        del name, context
        connection.context = self._chain


def server_tls(settings: ServerTlsSettings) -> ssl.SSLContext:
    """The certificate chain and key for a `ServerTls`, and the oldest version.

    Raises:
        OSError, ssl.SSLError: A file cannot be read, or the key is not the certificate's.
    """
    context = _bare_context()
    context.load_cert_chain(settings.cert_file, settings.key_file)
    if settings.min_version == "1.3":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _bare_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # All of them are good: a client knows best which one its processor is quick at.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _limit_groups(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _limit_groups(context: ssl.SSLContext) -> None:
    """Agree on keys in no group but the profile's; neither X448 nor secp521r1 is one.

    Before Python 3.15 a context takes a single one.  P-256 is what every client has; one that
    guesses another in TLS 1.3 is asked again, and needs a round trip more.
    """
    set_groups = getattr(context, "set_groups", None)
    if set_groups is None:
        context.set_ecdh_curve(_ONE_GROUP)
    else:  # pragma: no cover - not in the Pythons that the tests run on
        set_groups(_GROUPS)


async def listen(
    front: Front,
    address: Address,
    tls: ssl.SSLContext | None = None,
    *,
    shared: bool = False,
    inherited: int | None = None,
) -> asyncio.Server:
    """Accept connections for `front` at `address`; `shared` with other processes.

    `inherited` is the descriptor of a Unix socket that listens there already.

    Raises:
        OSError: The address is taken or not ours.
    """
    loop = asyncio.get_running_loop()

    def make() -> ClientConnection:
        return ClientConnection(front)

    # Until it is over, nobody else looks how long a client takes.
    header_s = front.limits.header_s
    handshake_s = None if tls is None or isinf(header_s) else header_s
    if address.path:
        # Bound here, so that no event loop removes the path while another process listens there.
        bound = bind_unix(address) if inherited is None else socket.socket(fileno=inherited)
        return await loop.create_unix_server(
            make, sock=bound, backlog=_BACKLOG, ssl=tls, ssl_handshake_timeout=handshake_s
        )
    return await loop.create_server(
        make,
        address.host,
        address.port,
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=handshake_s,
        reuse_address=True,
        reuse_port=shared,
    )


def bind_unix(address: Address) -> socket.socket:
    """A socket bound to the path of `address`, in the place of one that a process left there.

    Raises:
        OSError: The path cannot be used, or somebody listens there.
    """
    path = Path(address.path)
    _remove_stale_socket(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        if address.mode is not None:
            # What it is bound with is this less the umask, so never more than is wanted.
            os.fchmod(bound.fileno(), address.mode)
        bound.bind(address.path)
        if address.mode is not None:
            path.chmod(address.mode)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def probe(address: Address) -> None:
    """Look whether `address` is free: sockets that are shared would join a stranger's silently.

    Raises:
        OSError: It is not.
    """
    if address.path or not address.port:
        return
    for family, kind, protocol, _, where in socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        with socket.socket(family, kind, protocol) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(where)


def port_of(server: asyncio.Server) -> int:
    """The port a server listens on; 0 for a Unix socket."""
    for bound in server.sockets:
        if bound.family in (socket.AF_INET, socket.AF_INET6):
            port: int = bound.getsockname()[1]
            return port
    return 0


def _remove_stale_socket(path: Path) -> None:
    """Remove the socket a process left that did not end cleanly; never one that is listened on."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe_socket:
            try:
                probe_socket.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
