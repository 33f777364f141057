"""Reads the audit log as a list of requests that were decided."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, cast

import orjson

# The gateway's own lines are shorter: a head has 32 KiB by default.
_LONGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request of the audit log; see Audit in docs/operations.md.

    Attributes:
        at: When it came, in seconds since the epoch.
        message: The method and the tool of its JSON-RPC message; None if none is recorded.
        messages: How many it had.
    """

    at: float
    request_id: str
    method: str
    path: str
    user: str | None
    credential: str
    ip: str
    decision: str
    reason: str
    route: str | None
    message: tuple[str, str | None] | None = None
    messages: int = 1


@contextmanager
def open_log(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a log: of standard input for ``-``, unpacked if the name ends with ``.gz``.

    Raises:
        OSError: It cannot be read.
    """
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    with path.open("rb") as stream:
        if path.suffix != ".gz":
            yield stream
            return
        with gzip.open(stream) as unpacked:
            yield cast("IO[bytes]", unpacked)


def records_of(stream: IO[bytes]) -> Iterator[Recorded | None]:
    """The requests in `stream`, one for each line; None for a line that is none of the audit."""
    for line in _lines(stream):
        if line is None:
            yield None
        elif line.strip():
            yield _record(line)


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Lines of bounded length; None for one that is longer."""
    while line := stream.readline(_LONGEST):
        if len(line) < _LONGEST or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(_LONGEST)) and not rest.endswith(b"\n"):
            pass
        yield None


def _record(line: bytes) -> Recorded | None:
    try:
        found = orjson.loads(line)
        if not isinstance(found, dict):
            return None
        texts = [
            found[name]
            for name in ("request_id", "method", "path", "credential", "ip", "decision", "reason")
        ]
        maybe = [found["user"], found["route"], found.get("mcp_method"), found.get("mcp_tool")]
        messages = found.get("mcp_messages", 1)
        at = datetime.fromisoformat(found["time"]).timestamp()
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    if not all(isinstance(it, str) for it in texts):
        return None
    if not all(it is None or isinstance(it, str) for it in maybe) or type(messages) is not int:
        return None
    request_id, method, path, credential, ip, decision, reason = texts
    user, route, mcp_method, mcp_tool = maybe
    return Recorded(
        at,
        request_id,
        method,
        path,
        user,
        credential,
        ip,
        decision,
        reason,
        route,
        None if mcp_method is None else (mcp_method, mcp_tool),
        messages,
    )
