"""Writes audit lines in a thread of its own, so that a slow disk or pipe delays no request."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

from gateway.record.audit_sinks import LinesLostError, Sink, open_sink
from gateway.settings.record import AuditSettings

_log = logging.getLogger(__name__)

_FLUSH_BYTES: Final = 1024 * 1024
# Waiting lines of one worker: some twenty thousand, for a disk that hangs for a while.
_MOST_WAITING_BYTES = 8 * _FLUSH_BYTES
_CLOSE_S = 5.0
OnDrop = Callable[[str, int], None]


class AuditWriter:
    """Takes lines, and passes them to its thread at each `flush`.

    The front calls `flush` about twice a second.  Lines that find no room, because the thread is
    stuck, are dropped and counted; so are lines that cannot be written.
    """

    def __init__(self, to: AuditSettings, on_drop: OnDrop) -> None:
        """Write where `to` says; `on_drop` gets the reason and number of dropped lines.

        It is called in either thread, with ``queue-full`` in that of the caller alone, and with
        ``write-failed`` in the writer's alone.

        Raises:
            OSError: The file or socket cannot be opened.
        """
        self._sink = open_sink(to)
        self._on_drop = on_drop
        self._buffer: list[bytes] = []
        self._size = 0
        # Each is changed by one thread only: what was passed on, and what is done with.
        self._passed_bytes = 0
        self._done_bytes = 0
        self._failed_lines = 0
        self._queue: queue.SimpleQueue[bytes | Sink | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._run, name="audit", daemon=True)
        self._writer.start()

    def write(self, text: bytes) -> None:
        """Add a line; the next flush writes it."""
        self._buffer.append(text)
        self._size += len(text)
        if self._size >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Pass the lines so far to the thread, or drop them if too many wait for it."""
        if not self._buffer:
            return
        if self._passed_bytes - self._done_bytes + self._size > _MOST_WAITING_BYTES:
            self._on_drop("queue-full", len(self._buffer))
        else:
            self._passed_bytes += self._size
            self._queue.put(b"".join(self._buffer))
        self._buffer.clear()
        self._size = 0

    def reopen(self, to: AuditSettings) -> None:
        """Write where `to` says from now on; the same file is opened again.

        Raises:
            OSError: It cannot be opened; the old one stays in use.
        """
        opened = open_sink(to)
        self.flush()
        self._queue.put(opened)

    def close(self) -> None:
        """Write all remaining lines, for a few seconds at most, and end the thread."""
        self.flush()
        self._queue.put(None)
        self._writer.join(timeout=_CLOSE_S)
        if self._writer.is_alive():
            _log.error("audit: the last lines were not written in %g s and are lost", _CLOSE_S)

    def _run(self) -> None:
        while (given := self._queue.get()) is not None:
            if isinstance(given, bytes):
                self._write(given)
                self._done_bytes += len(given)
            else:
                self._sink.close()
                self._sink = given
        self._sink.close()

    def _write(self, lines: bytes) -> None:
        try:
            self._sink.write(lines)
        except LinesLostError as error:
            self._on_drop("write-failed", error.lines)
            # Once, because a full disk fails twice a second for hours.
            if not self._failed_lines:
                _log.error("audit: %s: lines are dropped, and counted in the metrics", error)
            self._failed_lines += error.lines
        else:
            if self._failed_lines:
                _log.warning("audit: written again; %d lines were lost", self._failed_lines)
                self._failed_lines = 0
