"""Where audit lines go: a stream, a file that is rotated, or syslog.

Only the thread of the writer uses a sink once it is open.
"""

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.settings.record import AuditSettings, names_file, syslog_server

_DESCRIPTORS = {"stdout": 1, "stderr": 2}
# Facility authpriv (10), severity informational (6): RFC 5424, section 6.2.1.
_PRIORITY = 10 * 8 + 6
# A line begins with {"time":"2026-11-22T10:20:00.250Z", which is also a TIMESTAMP of RFC 5424.
_TIME = slice(9, 33)
_DEV_LOG = "/dev/log"


class LinesLostError(Exception):
    """Some lines could not be written.

    Attributes:
        lines: How many.
    """

    def __init__(self, lines: int, cause: OSError) -> None:
        super().__init__(str(cause))
        self.lines = lines


class Sink(Protocol):
    """Takes audit lines."""

    def write(self, lines: bytes) -> None:
        """Write whole lines, newlines included.

        Raises:
            LinesLostError: Some could not be written.
        """

    def close(self) -> None:
        """Close what was opened."""


def open_sink(to: AuditSettings) -> Sink:
    """The sink that `to` names.

    Raises:
        OSError: The file or the socket of this machine's syslog cannot be opened.
    """
    if to.file in _DESCRIPTORS:
        return _Stream(_DESCRIPTORS[to.file])
    if names_file(to.file):
        return _File(to)
    server = syslog_server(to.file)
    return _Syslog(_open_dev_log if server is None else lambda: _open_server(server), server)


class _Stream:
    """Writes to a descriptor and not to `sys.stderr`: that has a lock, which the log needs too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_torn = False

    def write(self, lines: bytes) -> None:
        """See Sink."""
        # A line of which only a part was written must not be continued by the next one.
        text, done = b"\n" + lines if self._is_torn else lines, 0
        left = memoryview(text)
        try:
            while done < len(text):
                done += os.write(self._descriptor, left[done:])
        except OSError as error:
            if done:
                self._is_torn = text[done - 1 : done] != b"\n"
            lost = text.count(b"\n", max(done, len(text) - len(lines)))
            raise LinesLostError(lost, error) from error
        self._is_torn = False

    def close(self) -> None:
        """See Sink."""


class _File(_Stream):
    """Appends to a file, and opens it again if it was moved, deleted, or is to be rotated."""

    def __init__(self, to: AuditSettings) -> None:
        self._path = Path(to.file)
        self._max_bytes = to.max_bytes
        self._keep = to.keep
        super().__init__(self._open())

    def write(self, lines: bytes) -> None:
        """See Sink."""
        # If the directory is gone or not ours, the file that is open still takes lines.
        with contextlib.suppress(OSError):
            self._follow(len(lines))
        super().write(lines)

    def close(self) -> None:
        """See Sink."""
        os.close(self._descriptor)

    def _open(self) -> int:
        # Appended, because several workers write to one file.
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def _open_again(self) -> None:
        opened = self._open()
        os.close(self._descriptor)
        self._descriptor, self._is_torn = opened, False

    def _follow(self, coming: int) -> None:
        found = os.fstat(self._descriptor)
        if not self._is_current(found):
            self._open_again()
            found = os.fstat(self._descriptor)
        is_full = 0 < self._max_bytes < found.st_size + coming and found.st_size
        if is_full and stat.S_ISREG(found.st_mode):
            self._rotate(found)

    def _is_current(self, opened: os.stat_result) -> bool:
        try:
            return os.path.samestat(opened, self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self, opened: os.stat_result) -> None:
        """Rename the file, unless another worker is about to, or has."""
        try:
            # The lock is the file's, and ends when the descriptor is closed.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if self._is_current(opened):
            for number in range(self._keep, 1, -1):
                older = self._numbered(number - 1)
                if older.exists():
                    older.replace(self._numbered(number))
            self._path.replace(self._numbered(1))
        self._open_again()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class _Syslog:
    """Sends each line as a message of RFC 5424, one a datagram (RFC 5426)."""

    def __init__(
        self, open_socket: Callable[[], socket.socket], server: tuple[str, int] | None
    ) -> None:
        self._open_socket = open_socket
        # The name of a server is resolved in the thread, because that may take seconds.
        self._socket = open_socket() if server is None else None
        self._end = f"{socket.gethostname() or '-'} gatepost {os.getpid()} audit - ".encode()

    def write(self, lines: bytes) -> None:
        """See Sink."""
        lost, cause = 0, None
        for line in lines.splitlines():
            try:
                self._send(b"<%d>1 %b %b%b" % (_PRIORITY, line[_TIME], self._end, line))
            except OSError as error:
                lost, cause = lost + 1, error
        if cause is not None:
            raise LinesLostError(lost, cause)

    def close(self) -> None:
        """See Sink."""
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(message)
            except OSError:
                # The daemon was restarted, or the server was away.
                self.close()
            else:
                return
        self._socket = self._open_socket()
        self._socket.send(message)


def _open_dev_log() -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        opened.connect(_DEV_LOG)
    except OSError as error:
        opened.close()
        raise OSError(error.errno, error.strerror, _DEV_LOG) from error
    return opened


def _open_server(server: tuple[str, int]) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.connect(address)
    except OSError:
        opened.close()
        raise
    return opened
