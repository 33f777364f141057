"""One thread that writes to the SQLite file and commits waiting writes together."""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from gateway.errors import StoreUnavailableError
from gateway.storage.sqlite_file import SqliteFile

_log = logging.getLogger(__name__)

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

# A commit costs the same for one write as for many; the limit bounds how long the others wait.
_MAX_BATCH = 256
# How long to wait for another process's commit.
_BUSY_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    write: Write[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, BaseException | None]


class SqliteWriter:
    """Runs writes in order, each completely or not at all, and answers after the commit."""

    def __init__(self, file: SqliteFile, busy_s: float = _BUSY_S) -> None:
        self._file = file
        self._busy_s = busy_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._closed = False
        # A daemon thread, so that a gateway that dies without closing its store does not hang.
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, write: Write[T]) -> T:
        """The result of `write`, after the commit.  Cancelling the wait does not undo the write.

        Raises:
            StoreUnavailableError: Nothing was written.
        """
        if self._closed:
            raise StoreUnavailableError("sqlite: closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._jobs.put(_Job(write, loop, future))
        return cast("T", await future)

    async def aclose(self) -> None:
        """Finish waiting writes and end the thread; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < _MAX_BATCH and not last:
                try:
                    waiting = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if waiting is None:
                    last = True
                else:
                    batch.append(waiting)
            self._answer(self._commit(batch))
            if last:
                break
        self._disconnect()

    def _commit(self, batch: list[_Job]) -> list[_Outcome]:
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, StoreUnavailableError) as error:
            self._disconnect()
            return [(job, None, error) for job in batch]
        try:
            results = [job.write(connection) for job in batch]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - each caller gets its own error below
            self._disconnect()  # Rolls back, and discards a connection that may be broken.
            if len(batch) == 1:
                return [(batch[0], None, error)]
            # Run each write alone, so that none fails because of another.
            return [outcome for job in batch for outcome in self._commit([job])]
        return [(job, result, None) for job, result in zip(batch, results, strict=True)]

    def _answer(self, outcomes: list[_Outcome]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            by_loop.setdefault(outcome[0].loop, []).append(outcome)
        for loop, answers in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, answers)
            except RuntimeError:
                _log.debug("the event loop that waited for %d writes has ended", len(answers))

    def _connect(self) -> sqlite3.Connection:
        identity = self._file.identity()
        if self._connection is None or identity != self._identity:
            self._disconnect()
            self._connection = self._file.connect(self._busy_s)
            self._identity = identity
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error as error:
                _log.warning("sqlite: closing: %s", error)
            self._connection = None


def _settle(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(result)
        elif isinstance(error, sqlite3.Error | StoreUnavailableError):
            unavailable = StoreUnavailableError(f"sqlite: write: {error}")
            unavailable.__cause__ = error
            job.future.set_exception(unavailable)
        else:
            job.future.set_exception(error)
