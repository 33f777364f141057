"""One JSON line a decision: who asked for what, what was decided and why.

Never in a line: a token, code, cookie, verifier or query string.
"""

import queue
import sys
import threading
from datetime import UTC, datetime
from typing import IO

import orjson

from gateway.errors import GatewayError
from gateway.message.head import RequestFields
from gateway.message.request import Request
from gateway.model import ANONYMOUS, Identity

_FLUSH_BYTES = 1024 * 1024


class Entry:
    """What has been learnt about one request; each stage fills in its part.

    Attributes:
        of: What the request's fields say; None for bytes that never became a request.
        peer: Address at the other end of the connection.
        trusted: Whether `peer` is a trusted proxy.
        route: Name of the route; None where none matched.
        decision: ``allow``, ``deny``, ``sign_in``, ``step_up`` or ``error``.
        began_at: Monotonic seconds at which the head was complete.
        recorded: Whether the line has been written.
    """

    __slots__ = (
        "began_at",
        "decision",
        "identity",
        "of",
        "peer",
        "reason",
        "recorded",
        "request",
        "route",
        "trusted",
    )

    def __init__(
        self,
        request: Request,
        of: RequestFields | None,
        *,
        peer: str,
        trusted: bool,
        began_at: float,
    ) -> None:
        self.request = request
        self.of = of
        self.peer = peer
        self.trusted = trusted
        self.began_at = began_at
        self.route: str | None = None
        self.identity: Identity = ANONYMOUS
        self.decision = "error"
        self.reason = "internal-error"
        self.recorded = False

    @property
    def session_id(self) -> str | None:
        """The session the request came with, if it was proven by one."""
        return self.identity.session_id

    @property
    def expires_at(self) -> int | None:
        """When what proved the identity lapses."""
        return self.identity.expires_at

    def decide(self, decision: str, reason: str) -> None:
        """Note what was decided, and why."""
        self.decision = decision
        self.reason = reason

    def note(self, error: GatewayError) -> None:
        """Note that it failed."""
        self.decision = "error"
        self.reason = error.reason


class Timestamps:
    """RFC 3339 times in UTC with milliseconds; the part down to the second is kept."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, at: float) -> str:
        """`at`, in seconds since the epoch, as text."""
        second = int(at)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._text}{int((at - second) * 1000):03d}Z"


def line(entry: Entry, status: int, duration_s: float, times: Timestamps) -> bytes:
    """The line for `entry`, newline included."""
    request, identity = entry.request, entry.identity
    record = {
        "time": times.text(request.received_at),
        "request_id": request.request_id,
        "route": entry.route,
        "method": request.method,
        "path": request.target.path,
        "decision": entry.decision,
        "reason": entry.reason,
        "user": identity.user or None,
        "credential": identity.credential,
        "session": identity.session_id,
        "ip": request.client,
        "status": status,
        "duration_ms": round(duration_s * 1000, 3),
    }
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # A lone surrogate, as a name from a provider may have.
        readable = {k: _readable(v) for k, v in record.items()}
        return orjson.dumps(readable, option=orjson.OPT_APPEND_NEWLINE)


def _readable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class AuditWriter:
    """Writes lines to a file in a thread of its own: a slow disk or pipe delays no request.

    Lines reach the file within one call of `flush`; the front calls it about twice a second.
    """

    def __init__(self, file: str) -> None:
        """Write to ``stderr``, ``stdout`` or the file of that name, which is appended to.

        Raises:
            OSError: The file cannot be opened.
        """
        self._file, self._is_own = _open(file)
        self._buffer: list[bytes] = []
        self._size = 0
        self._queue: queue.SimpleQueue[bytes | tuple[IO[bytes], bool] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._run, name="audit", daemon=True)
        self._writer.start()

    def write(self, text: bytes) -> None:
        """Take a line; it is written soon."""
        self._buffer.append(text)
        self._size += len(text)
        if self._size >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what was taken to the thread."""
        if self._buffer:
            self._queue.put(b"".join(self._buffer))
            self._buffer.clear()
            self._size = 0

    def reopen(self, file: str) -> None:
        """Write to `file` from now on; the same name is opened anew, as after a log's rotation.

        Raises:
            OSError: The file cannot be opened; lines go on to where they went.
        """
        opened = _open(file)
        self.flush()
        self._queue.put(opened)

    def close(self) -> None:
        """Write all that was taken, and end the thread."""
        self.flush()
        self._queue.put(None)
        self._writer.join(timeout=5.0)

    def _run(self) -> None:
        while (text := self._queue.get()) is not None:
            if not isinstance(text, bytes):
                self._turn_to(text)
                continue
            try:
                self._file.write(text)
                self._file.flush()
            except OSError as error:
                # The disk is full or the reader gone: requests go on, and the log says so.
                print(f"audit: {error}", file=sys.stderr)  # noqa: T201 - the log may be the file
        self._let_go()

    def _turn_to(self, opened: tuple[IO[bytes], bool]) -> None:
        self._let_go()
        self._file, self._is_own = opened

    def _let_go(self) -> None:
        if self._is_own:
            self._file.close()


def _open(file: str) -> tuple[IO[bytes], bool]:
    """The stream of that name, and whether it is ours to close."""
    if file == "stderr":
        return sys.stderr.buffer, False
    if file == "stdout":
        return sys.stdout.buffer, False
    return open(file, "ab"), True  # noqa: PTH123 - lives as long as the process
