"""Sockets that clients connect to."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from collections.abc import Callable
from functools import partial
from math import isinf
from pathlib import Path

from gateway.message.forwarded import Networks
from gateway.server.connection import ClientConnection
from gateway.server.front import Front
from gateway.server.proxy_header import ProxyHeaderReader, ProxyRules
from gateway.settings.schema import Address, ServerTlsSettings

_BACKLOG = 1024


# Mozilla's "intermediate" 5.7 (wiki.mozilla.org/Security/Server_Side_TLS) for TLS 1.2, without DHE,
# needed only by clients that support none of these.  All TLS 1.3 ciphers are in the profile.
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
    """TLS for clients, HTTP/1.1 only.  The certificate and minimum version can be replaced.

    Attributes:
        context: The context for the listener.
    """

    def __init__(self, chain: ssl.SSLContext) -> None:
        """Use the certificate of `chain`, which `server_tls` returned."""
        self.context = _bare_context()
        self.show(chain)
        self.context.sni_callback = self._choose

    def show(self, chain: ssl.SSLContext) -> None:
        """Use the certificate and minimum version of `chain` for new connections."""
        self._chain = chain
        # OpenSSL agrees on the version before it calls `_choose`, so set it here.
        self.context.minimum_version = chain.minimum_version

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # Called in every handshake, with or without a server name.  Loading the new chain into the
        # listener's context is not enough: a context keeps one certificate for each type of key.
        del name, context
        connection.context = self._chain


def server_tls(settings: ServerTlsSettings) -> ssl.SSLContext:
    """A context with the certificate chain, key and minimum version for a `ServerTls`.

    Raises:
        OSError, ssl.SSLError: A file cannot be read, or the key does not match the certificate.
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
    # All these ciphers are good, so let the client choose the one its processor is fastest at.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _limit_groups(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _limit_groups(context: ssl.SSLContext) -> None:
    """Allow only the groups of the profile, which has neither X448 nor secp521r1.

    Before Python 3.15 a context takes a single group.  Every client supports P-256.  A client that
    guesses another group in TLS 1.3 is asked again, which costs a round trip.
    """
    set_groups = getattr(context, "set_groups", None)
    if set_groups is None:
        context.set_ecdh_curve(_ONE_GROUP)
    else:  # pragma: no cover - needs a newer Python than the tests run on
        set_groups(_GROUPS)


async def listen(
    front: Front,
    address: Address,
    tls: ssl.SSLContext | None = None,
    *,
    shared: bool = False,
    inherited: int | None = None,
    proxies: Callable[[], Networks] | None = None,
) -> asyncio.Server:
    """Accept connections for `front` at `address`; with `shared`, other processes may too.

    `inherited` is the descriptor of a socket that already listens there.  `proxies` returns
    the networks that a connection has to come from, with a PROXY header; None if none has one.

    Raises:
        OSError: The address is in use, or not an address of this machine.
    """
    loop = asyncio.get_running_loop()
    # The front's ticker sees a connection only after the handshake, so asyncio limits it.
    header_s = front.limits.header_s
    handshake_s = None if tls is None or isinf(header_s) else header_s
    make: Callable[[], asyncio.BaseProtocol] = partial(ClientConnection, front)
    if proxies is not None:
        make = partial(ProxyHeaderReader, front, ProxyRules(proxies, tls, handshake_s))
        # The header comes before the handshake.
        tls = handshake_s = None
    if address.path or inherited is not None:
        # Bound here, because an event loop would remove a path that another process listens on.
        bound = bind_unix(address) if inherited is None else _adopt(inherited)
        is_unix = bound.family == socket.AF_UNIX
        create = loop.create_unix_server if is_unix else loop.create_server
        return await create(
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
    """A socket bound to the path of `address`; replaces a socket left by an ended process.

    Raises:
        OSError: The path cannot be used, or another process listens there.
    """
    path = Path(address.path)
    _remove_stale_socket(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        if address.mode is not None:
            # bind() creates the path with this mode less the umask, so never with more rights.
            os.fchmod(bound.fileno(), address.mode)
        bound.bind(address.path)
        if address.mode is not None:
            path.chmod(address.mode)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def _adopt(descriptor: int) -> socket.socket:
    bound = socket.socket(fileno=descriptor)
    # Processes that a hook starts must not inherit it.
    bound.set_inheritable(False)
    return bound


def probe(address: Address) -> None:
    """Check that `address` is free, because a shared socket joins another gateway's silently.

    Raises:
        OSError: It is in use.
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
    """Remove a socket left by a process that did not end cleanly; never one in use."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe_socket:
            try:
                probe_socket.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
