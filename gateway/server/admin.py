"""The admin listener (`admin_listen`): /metrics, /healthz, /readyz, and nothing else."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.message.target import parse_target
from gateway.pipeline.verdict import Answer, Serve, Verdict
from gateway.record.audit import Entry
from gateway.server.front import ClientLimits, Front
from gateway.server.listener import listen, port_of
from gateway.settings.addresses import is_address, is_loopback, split_host_port
from gateway.settings.scalars import Address
from gateway.settings.schema import ServerSettings
from gateway.storage.store import Clock

_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_NO_STORE = ("Cache-Control", "no-store")
RELOAD_FAILED = "configuration: the last reload failed, see the log; the one before it is in use"

Render = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the gateway can serve, and what is missing.

    Attributes:
        obstacle: The reason why it cannot serve; ``""`` if it can.
        missing: Lines about parts that do not work, most of which it can serve without.
    """

    obstacle: str = ""
    missing: tuple[str, ...] = ()

    @property
    def text(self) -> bytes:
        """The reason, or ``ready``, then what is missing: a line each."""
        # What an error says of its peer must not begin a line of its own.
        lines = (line if line.isprintable() else repr(line) for line in self.missing)
        return "".join(f"{line}\n" for line in (self.obstacle or "ready", *lines)).encode()


Ready = Callable[[], Awaitable[Readiness]]

_LIMITS = ClientLimits(
    head_bytes=16384, fields=100, body_bytes=0, header_s=10.0, keepalive_s=75.0, connections=1000
)


class Names:
    """The host names that the admin listener answers to.

    The listener asks for no credential.  By DNS rebinding, a page of another site can point its own
    name at this machine, but it can use neither a literal address nor one of these names.
    """

    def __init__(self, server: ServerSettings) -> None:
        self._listens_on_path = bool(server.admin_listen.path)
        own = socket.gethostname().lower()
        self._known = frozenset({server.admin_listen.host, own, *server.admin_hosts})

    def cover(self, host: str) -> bool:
        """Whether `host`, from a request, is allowed.  Browsers always send one."""
        name, _ = split_host_port(host) or (host, None)
        return (
            not host  # Not a browser, so not a page of another site.
            or self._listens_on_path  # No page reaches a Unix socket.
            or name in self._known
            or is_loopback(name)
            or is_address(name)
        )


class Admin:
    """The pipeline of the admin listener; see RequestHandler."""

    def __init__(self, ready: Ready, metrics: Render | None, names: Names) -> None:
        """Ask `ready` for readiness; serve `metrics`, or no /metrics page if it is None."""
        self._ready = ready
        self._metrics = metrics
        self._names = names
        self._paths: Mapping[str, Serve] = {
            "/healthz": Serve(self._healthz),
            "/readyz": Serve(self._readyz),
            **({"/metrics": Serve(self._show_metrics)} if metrics is not None else {}),
        }

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See RequestHandler."""
        request = Request(
            method=head.method,
            target=parse_target(head.target),
            fields=head.framing.fields,
            host=head.framing.host,
            public_url="",
            client=peer,
            request_id="admin",
            received_at=now,
            http_1_0=head.http_1_0,
        )
        return Entry(request, head.framing, peer=peer, trusted=False, began_at=0.0)

    def begin(self, entry: Entry) -> Verdict:
        """See RequestHandler."""
        request = entry.request
        if not self._names.cover(request.host):
            hint = b"unknown host: name it in server.admin_hosts\n"
            return Answer(Response(421, (_TEXT, _NO_STORE), hint))
        if request.method not in ("GET", "HEAD"):
            return Answer(Response(405, (("Allow", "GET, HEAD"), _TEXT), b"only GET and HEAD\n"))
        found = self._paths.get(request.target.path)
        if found is None:
            paths = ", ".join(self._paths)
            return Answer(Response(404, (_TEXT,), f"not found, try {paths}\n".encode()))
        return found

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """See RequestHandler."""
        return await serve.handler(entry.request, body)

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """See RequestHandler."""
        del entry
        return Response(error.status, (_TEXT, _NO_STORE), f"{error.reason}\n".encode())

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """See RequestHandler."""
        del sent
        head = RequestHead("GET", b"/", http_1_0=False, framing=_NO_FIELDS)
        entry = self.read(head, peer, now)
        return entry, self.refuse(entry, error)

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See RequestHandler.  Requests to the admin listener are not recorded."""

    async def _healthz(self, request: Request, body: bytes) -> Response:
        del request, body
        return Response(200, (_TEXT, _NO_STORE), b"ok\n")

    async def _readyz(self, request: Request, body: bytes) -> Response:
        del request, body
        found = await self._ready()
        return Response(503 if found.obstacle else 200, (_TEXT, _NO_STORE), found.text)

    async def _show_metrics(self, request: Request, body: bytes) -> Response:
        del request, body
        assert self._metrics is not None  # noqa: S101 - the path exists only with metrics
        text = await self._metrics()
        return Response(200, (("Content-Type", "text/plain; version=0.0.4"), _NO_STORE), text)


class AdminListener:
    """The open admin listener.

    Attributes:
        port: The TCP port, 0 for a Unix socket.
    """

    def __init__(self, front: Front, servers: Sequence[asyncio.Server], path: str) -> None:
        self._front = front
        self._servers = servers
        self._path = path
        self.port = port_of(servers[0])

    def change(self, admin: Admin) -> None:
        """Let `admin` answer from now on."""
        self._front.pipeline = admin

    def close(self) -> None:
        """Stop listening and close every connection."""
        for server in self._servers:
            server.close()
        self._front.close()
        if self._path:
            Path(self._path).unlink(missing_ok=True)


async def serve_admin(
    admin: Admin, address: Address, clock: Clock, inherited: Sequence[int] = ()
) -> AdminListener:
    """Listen at `address`, or on the sockets `inherited`, and let `admin` answer.

    Raises:
        OSError: The address is in use, or not an address of this machine.
    """
    front = Front(admin, _LIMITS, [], clock)
    servers = [await listen(front, address, inherited=it) for it in inherited or (None,)]
    front.start()
    return AdminListener(front, servers, address.path)


def _no_fields() -> "RequestHead":
    from gateway.message.request_head import parse_request_head

    return parse_request_head(b"GET / HTTP/1.0\r\n")


_NO_FIELDS = _no_fields().framing
