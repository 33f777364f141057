"""One request to an app, past the gateway."""

import asyncio
import ssl
from dataclasses import dataclass

from gateway.cli.doctor_checks.failure import reason_of
from gateway.cli.doctor_checks.surroundings import STEP_S
from gateway.message.field_lines import HeadError
from gateway.message.response_head import parse_response_head

_MAX_HEAD_BYTES = 64 * 1024
# Alike in two answers of one app, whatever its pages contain.
_TELLING = (b"server", b"content-type", b"location", b"www-authenticate")


@dataclass(frozen=True, slots=True)
class Where:
    """Where to connect.

    Attributes:
        path: Of a Unix socket; ``""`` for a host and port.
        tls: None for plain HTTP.
    """

    host: str
    port: int
    path: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two answers of one app have in common."""

    status: int
    names: frozenset[bytes]
    values: tuple[bytes, ...]


class NoAnswerError(Exception):
    """No HTTP answer came; the text says why."""


async def ask_app(where: Where, host: str) -> Likeness:
    """The answer to ``GET /`` for `host`, without any credential.

    Raises:
        NoAnswerError: There is none that the gateway could read.
    """
    asked = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(STEP_S):
            reader, writer = await _open(where)
            try:
                writer.write(asked)
                head = await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.transport.abort()
        found = parse_response_head(head[:-2])
    except HeadError as error:
        raise NoAnswerError(f"its answer is not HTTP/1.1: {error}") from error
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise NoAnswerError("it accepts the connection, and does not answer in HTTP/1.1") from error
    except OSError as error:
        raise NoAnswerError(reason_of(error)) from error
    return Likeness(
        found.status, frozenset(found.names), tuple(found.value(name) for name in _TELLING)
    )


async def _open(where: Where) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if where.path:
        return await asyncio.open_unix_connection(where.path, limit=_MAX_HEAD_BYTES)
    return await asyncio.open_connection(
        where.host,
        where.port,
        limit=_MAX_HEAD_BYTES,
        ssl=where.tls,
        server_hostname=where.server_name,
    )
