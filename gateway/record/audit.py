"""One JSON line a decision: who asked for what, what was decided and why.

Never in a line: a token, code, cookie, verifier or query string.
"""

import queue
import re
import sys
import threading
from datetime import UTC, datetime
from typing import IO, Any

import orjson

from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.request_head import RequestFraming
from gateway.model import ANONYMOUS, Identity

# What JSON need not escape and readers take for the end of a line, or terminals for a command.
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
# What follows in a path is no part of it to many servers.
_CUT = re.compile("[;?#]")
_FLUSH_BYTES = 1024 * 1024
# So that clients who make up paths cannot fill the memory.
_REMEMBERED, _REMEMBERED_CHARS = 4096, 256


class Entry:
    """What has been learnt about one request; each stage fills in its part.

    Attributes:
        framing: As read from the request's fields; None for bytes that never became a request.
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
        "framing",
        "identity",
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
        framing: RequestFraming | None,
        *,
        peer: str,
        trusted: bool,
        began_at: float,
    ) -> None:
        self.request = request
        self.framing = framing
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


class Lines:
    """Makes the lines.

    Of a line only the times, the request's id and the status are always new; the rest is put into
    JSON once for all requests that have the same.
    """

    __slots__ = ("_millisecond", "_names", "_second", "_second_text", "_texts", "_time", "_who")

    def __init__(self) -> None:
        self._second = -1
        self._second_text = ""
        self._millisecond = -1
        self._time = ""
        self._texts: dict[str, str] = {}
        self._names: dict[tuple[str | None, str, str, str], tuple[str, str]] = {}
        self._who: dict[int, tuple[Identity, str]] = {}

    def line(self, entry: Entry, status: int, duration_s: float) -> bytes:
        """The line for `entry`, newline included."""
        request = entry.request
        path = request.target.path
        before_path, after_path = self._named(entry)
        # Compiled, a format inside the text would make all of it dear.
        duration_ms = format(duration_s * 1000, ".3f")
        # An id is our own, or that of a trusted proxy, and has nothing that JSON would escape.
        return (
            f'{{"time":"{self.time(request.received_at)}","request_id":"{request.request_id}"'
            f"{before_path}{self._texts.get(path) or self._path(path)}"
            f"{after_path}{self._identity(entry.identity)}{self._text(request.client)}"
            f',"status":{status},"duration_ms":{duration_ms}}}\n'
        ).encode()

    def time(self, at: float) -> str:
        """`at`, in seconds since the epoch: RFC 3339, in UTC with milliseconds."""
        second = int(at)
        millisecond = int((at - second) * 1000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        elif millisecond == self._millisecond:
            return self._time
        self._millisecond = millisecond
        self._time = self._second_text + format(millisecond, "03d") + "Z"
        return self._time

    def _named(self, entry: Entry) -> tuple[str, str]:
        key = (entry.route, entry.request.method, entry.decision, entry.reason)
        known = self._names.get(key)
        if known is None:
            route, method, decision, reason = map(_json, key)
            known = (
                f',"route":{route},"method":{method},"path":',
                f',"decision":{decision},"reason":{reason}',
            )
            _remember(self._names, key, known)
        return known

    def _path(self, path: str) -> str:
        """`path` less what may hold a session id or a code: ``;jsessionid=``, ``%3Fcode=``."""
        return self._text(path if _CUT.search(path) is None else _cut(path))

    def _text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is None:
            known = _json(text)
            if len(text) <= _REMEMBERED_CHARS:
                _remember(self._texts, text, known)
        return known

    def _identity(self, identity: Identity) -> str:
        kept = self._who.get(id(identity))
        # The identity is held, so that its number cannot come to mean another one.
        if kept is not None and kept[0] is identity:
            return kept[1]
        user, credential = _json(identity.user or None), _json(identity.credential)
        session = _json(identity.session_id)
        text = f',"user":{user},"credential":{credential},"session":{session},"ip":'
        _remember(self._who, id(identity), (identity, text))
        return text


def _cut(path: str) -> str:
    return _CUT.split(path, maxsplit=1)[0] + "…"


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _remember(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= _REMEMBERED:
        known.clear()
    known[key] = value


def _json(value: str | None) -> str:
    if value is None:
        return "null"
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # A lone surrogate, as a name from a provider may have.
        text = orjson.dumps(value.encode("utf-8", "replace").decode()).decode()
    return text if text.isascii() and text.isprintable() else _BREAKS.sub(_escape, text)


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
