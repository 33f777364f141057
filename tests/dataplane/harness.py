"""A gateway in the test's own event loop, and a client that sends and reads exact bytes."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.assembly.serving import clock as wall_clock
from gateway.assembly.worker import Gateway
from gateway.model import Identity
from gateway.sealing.secret import configured_secrets
from gateway.sessions import Limits, Sealer, SessionManager
from gateway.sessions.session import ProviderTokens
from gateway.settings.load import load_beside
from gateway.storage import open_store
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, soon

HOST = b"app.test"
_SECRET = "only-for-tests-0123456789abcdef0123456789"

Fields = list[tuple[bytes, bytes]]


class BrokenBodyError(Exception):
    """The connection ended before the body did."""


@dataclass(slots=True)
class Answer:
    """A response as it came: field names in lower case."""

    status: int
    line: bytes
    fields: Fields
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    interim: list["Answer"] = field(default_factory=list)

    def all(self, name: bytes) -> list[bytes]:
        """Every value of `name`, given in lower case."""
        return [value for key, value in self.fields if key == name]

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends."""
        return b"close" in self.all(b"connection")


def split_fields(block: bytes) -> Fields:
    """Field lines as (name in lower case, value)."""
    pairs = [line.split(b":", 1) for line in block.split(b"\r\n") if line]
    return [(name.lower(), value.strip()) for name, value in pairs]


@dataclass(slots=True)
class Client:
    """One connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send `data` as it is."""
        self.writer.write(data)
        await soon(self.writer.drain())

    async def head(self) -> Answer:
        """The next response's head, interim ones too."""
        raw = await soon(self.reader.readuntil(b"\r\n\r\n"))
        line, _, block = raw.partition(b"\r\n")
        version, status, *_ = line.split(b" ")
        assert version == b"HTTP/1.1"
        return Answer(int(status), line, split_fields(block))

    async def response(self, method: str = "GET") -> Answer:
        """The next final response, whole, with the interim ones before it.

        Raises:
            BrokenBodyError: It never became whole.
        """
        interim: list[Answer] = []
        answer = await self.head()
        while answer.status < 200 and answer.status != 101:
            interim.append(answer)
            answer = await self.head()
        answer.interim = interim
        if method != "HEAD" and answer.status not in (101, 204, 304):
            await self.read_body(answer)
        return answer

    async def read_body(self, answer: Answer) -> None:
        """Read the body that `answer`, a head, announces."""
        try:
            await soon(self._read_body(answer))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenBodyError(repr(error)) from error

    async def _read_body(self, answer: Answer) -> None:
        lengths, codings = answer.all(b"content-length"), answer.all(b"transfer-encoding")
        if codings:
            assert codings == [b"chunked"]
            assert not lengths
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                answer.chunks.append(await self.reader.readexactly(size))
                assert await self.reader.readexactly(2) == b"\r\n"
            while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
                answer.trailers += split_fields(line)
            answer.body = b"".join(answer.chunks)
        elif lengths:
            assert len(lengths) == 1
            answer.body = await self.reader.readexactly(int(lengths[0]))
        else:
            answer.body = await self.reader.read()

    async def ask(self, data: bytes) -> Answer:
        """Send a request and read its response."""
        await self.send(data)
        return await self.response(data.partition(b" ")[0].decode())

    async def rest(self) -> bytes:
        """Everything until the gateway closes; a reset counts as a close."""
        got = b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while piece := await self.reader.read(65536):
                    got += piece
        except ConnectionError:
            pass
        return got

    async def is_closed(self) -> bool:
        """Whether the gateway closes without another byte; waits for it."""
        return await self.rest() == b""

    def close(self) -> None:
        """Leave."""
        self.writer.close()

    def abort(self) -> None:
        """Leave with a reset."""
        # SO_LINGER with zero seconds turns the close into a reset.
        sock = self.writer.get_extra_info("socket")
        if not self.writer.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


@dataclass(slots=True)
class RunningGateway:
    """A started gateway."""

    gateway: Gateway
    directory: Path
    clients: list[Client] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Of the public listener."""
        return self.gateway.port

    async def client(self, limit: int = 2**20) -> Client:
        """A new connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=limit))
        self.clients.append(client)
        return client

    async def ask(self, data: bytes) -> Answer:
        """The response to one request on a connection of its own."""
        return await (await self.client()).ask(data)

    async def sign_in(self, user: str = "alice", **changes: Any) -> bytes:
        """A Cookie field line of a session of `user`."""
        store = open_store("sqlite", self.directory / "data", wall_clock)
        limits = Limits(idle_s=3600, absolute_s=86400)
        manager = SessionManager(
            store, Sealer(configured_secrets((_SECRET,))), limits, clock=wall_clock
        )
        values = {
            "user": user,
            "subject": user,
            "issuer": "https://id.test",
            "credential": "session",
            "email": f"{user}@example.com",
            "groups": ("staff", "all"),
            "authenticated_at": int(wall_clock()),
        }
        try:
            cookie, _ = await manager.create(
                Identity(**{**values, **changes}),
                ProviderTokens(),
                provider_sid=None,
                ip="127.0.0.1",
                device="",
                now=wall_clock(),
            )
        finally:
            await store.aclose()
        return f"Cookie: gatepost={cookie}\r\n".encode()


def settings_of(directory: Path, changes: Mapping[str, Any]) -> Path:
    """A configuration file: one public route to each upstream, `changes` over it."""
    values: dict[str, Any] = {
        "public_url": f"http://{HOST.decode()}",
        "secret": _SECRET,
        "data_dir": str(directory / "data"),
        "audit": {"file": "stderr"},
        "providers": {"idp": {"issuer": "https://id.test", "client_id": "c", "client_secret": "s"}},
        "routes": [{"name": "all", "prefix": "/", "access": "public"}],
        **changes,
    }
    values["server"] = {
        "listen": f"127.0.0.1:{take_free_port()}",
        "admin_listen": f"127.0.0.1:{take_free_port()}",
        "drain_timeout": "100ms",
        **changes.get("server", {}),
    }
    path = directory / "gatepost.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


async def start_gateway(
    directory: Path, changes: Mapping[str, Any], shadow: Path | None = None
) -> RunningGateway:
    """Start a gateway whose files are in `directory`, and `shadow` beside it."""
    gateway = Gateway(load_beside(settings_of(directory, changes), shadow, {}).settings)
    await gateway.start()
    return RunningGateway(gateway, directory)


def request(
    target: str = "/", *lines: str | bytes, method: str = "GET", body: bytes = b""
) -> bytes:
    """A request head with a Host, the field `lines`, and `body` as it is."""
    fields = [line.encode() if isinstance(line, str) else line for line in lines]
    head = [f"{method} {target} HTTP/1.1".encode(), b"Host: " + HOST, *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
