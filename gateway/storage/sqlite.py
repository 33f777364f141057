"""A store in one SQLite file, for all worker processes of one machine."""

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from gateway.errors import StoreUnavailableError
from gateway.storage import sqlite_writes as writes
from gateway.storage.paging import next_key, read_live
from gateway.storage.sqlite_file import SqliteFile
from gateway.storage.sqlite_writer import SqliteWriter
from gateway.storage.store import NEVER, Clock, Handler, Lock, OnGap, OnLoss, Unsubscribe
from gateway.storage.subscribers import Subscribers

_log = logging.getLogger(__name__)

FILE_NAME = "gatepost.db"
# How often to look for other processes' messages: it reads shared memory, without disk access.
_POLL_S = 0.4
# Readers never wait for writers in WAL mode, only while a log is recovered.
_READ_BUSY_S = 0.25
# Also counts messages that are swept; numbers have no gaps (sqlite.org/autoinc.html).
_LAST_MESSAGE = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'"
# All entries in the index, less the few that have expired and are not swept: this way, neither
# subquery reads the values.  CROSS JOIN keeps that order (sqlite.org/optoverview.html#crossjoin).
_COUNT = (
    "SELECT (SELECT count(*) FROM index_entries WHERE name = ?1) - (SELECT count(*)"
    " FROM entries CROSS JOIN index_entries ON entry = id AND name = ?1 WHERE expires_at <= ?2)"
)
# The index gives the order, so nothing after the limit is read.
_LISTED = (
    "SELECT key, (SELECT value FROM entries WHERE id = entry AND expires_at > ?1)"
    " FROM index_entries WHERE name = ?2 AND key >= ?3 ORDER BY key LIMIT ?4"
)
_SWEEP_BATCH = 500
# Long enough for a process that was suspended for a while to receive what it missed.
MESSAGES_KEPT_S = 300.0


class SqliteStore:
    """See Store for its methods.

    Reads run on the event loop's thread (tens of microseconds).  Writes run on a separate thread,
    which commits waiting writes together.  The write-ahead log uses ``synchronous=NORMAL``:
    acknowledged writes survive the death of every process, including ``kill -9``.  After a power
    loss the file is intact, but the last writes, which the system had not flushed, may be missing.
    ``synchronous="FULL"`` flushes each commit and keeps those too
    (sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: Path, clock: Clock, synchronous: str = "NORMAL") -> None:
        self._clock = clock
        self._file = SqliteFile(path, synchronous)
        self._writer = SqliteWriter(self._file)
        self._reader: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._closed = False
        self._subscribers = Subscribers()
        self._poller: asyncio.Task[None] | None = None
        self._last_message = 0
        self._data_version: int | None = None
        self._missed = False
        self._is_lost = False

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        sql = "SELECT value FROM entries WHERE key = ? AND expires_at > ?"
        rows = self._read(sql, key, self._clock())
        return rows[0][0] if rows else None

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store.put."""
        end = self._end(ttl_s)
        await self._writer.run(lambda db: writes.put(db, key, value, end, indexes))

    async def delete(self, key: str) -> bool:
        """See Store.delete."""
        return await self.take(key) is not None

    async def take(self, key: str) -> bytes | None:
        """See Store.take."""
        now = self._clock()
        return await self._writer.run(lambda db: writes.take(db, key, now))

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store.find."""
        return await read_live(partial(self._listed, index), "", None)

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store.page."""
        return await read_live(partial(self._listed, index), next_key(after), limit)

    async def count(self, index: str) -> int:
        """See Store.count."""
        if self._closed:
            raise StoreUnavailableError("sqlite: closed")
        # Tens of milliseconds for a million entries: too long for the event loop's thread.
        return await asyncio.to_thread(self._count, index, self._clock())

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store.add_once."""
        return await self.compare_and_swap(key, None, b"", ttl_s=ttl_s)

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """See Store.compare_and_swap."""
        now, end = self._clock(), self._end(ttl_s)
        return await self._writer.run(
            lambda db: writes.swap(db, key, expected, value, now, end, indexes)
        )

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store.lock."""
        now = self._clock()
        token = await self._writer.run(lambda db: writes.lock(db, name, now, now + ttl_s))
        return None if token is None else Lock(name, token)

    async def unlock(self, lock: Lock) -> bool:
        """See Store.unlock."""
        now = self._clock()
        return await self._writer.run(lambda db: writes.unlock(db, lock.name, lock.token, now))

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store.publish."""
        now = self._clock()
        await self._writer.run(lambda db: writes.publish(db, channel, message, now))
        if self._poller is not None:
            self._deliver()

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store.subscribe."""
        if self._poller is None:
            self._last_message = self._read(_LAST_MESSAGE)[0][0]
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        return self._subscribers.add(channel, handler, on_gap, on_loss)

    async def ping(self) -> None:
        """See Store.ping."""
        self._read("SELECT token FROM last_token")
        await self._writer.run(writes.check)

    async def sweep(self, now: float) -> int:
        """See Store.sweep."""
        swept = 0
        if self._read(writes.ANYTHING_TO_SWEEP, now, now, now - MESSAGES_KEPT_S)[0][0] == 0:
            return swept
        oldest = now - MESSAGES_KEPT_S
        while batch := await self._writer.run(
            lambda db: writes.sweep(db, now, oldest, _SWEEP_BATCH)
        ):
            swept += batch
        return swept

    async def aclose(self) -> None:
        """See Store.aclose."""
        self._closed = True
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)
        self._disconnect()
        await self._writer.aclose()

    async def _listed(self, index: str, first: str, count: int) -> list[tuple[str, bytes | None]]:
        rows = self._read(_LISTED, self._clock(), index, first, count)
        await asyncio.sleep(0)  # Let requests run between the steps of a long list.
        return list(rows)

    def _count(self, index: str, now: float) -> int:
        try:
            with closing(self._file.connect(_READ_BUSY_S, read_only=True)) as connection:
                count: int = connection.execute(_COUNT, (index, now)).fetchall()[0][0]
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"sqlite: count: {error}") from error
        return count

    def _end(self, ttl_s: float | None) -> float:
        return NEVER if ttl_s is None else self._clock() + ttl_s

    def _read(self, sql: str, *arguments: object) -> Sequence[Any]:
        if self._closed:
            raise StoreUnavailableError("sqlite: closed")
        identity = self._file.identity()
        try:
            reader = self._reader
            if reader is None or identity != self._identity:
                reader = self._connect(identity)
            return reader.execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            self._disconnect()
            raise StoreUnavailableError(f"sqlite: read: {error}") from error

    def _connect(self, identity: tuple[int, int]) -> sqlite3.Connection:
        self._disconnect()
        reader = self._file.connect(_READ_BUSY_S, read_only=True)
        if identity != self._identity:
            # Another file, for example a restored backup, has its own message numbers.
            self._last_message = reader.execute(_LAST_MESSAGE).fetchall()[0][0]
            self._missed = self._identity is not None
        self._reader, self._identity = reader, identity
        return reader

    def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        self._data_version = None
        if reader is not None:
            reader.close()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                version = self._read("PRAGMA data_version")[0][0]
                if version != self._data_version:
                    self._deliver()
                    self._data_version = version
            except StoreUnavailableError as error:
                # Subscribers that are told of the loss must also be told of the gap.
                self._missed, self._data_version = True, None
                if not self._is_lost:
                    self._is_lost = True
                    _log.warning("no messages until the store answers: %s", error)
                    self._subscribers.lost()

    def _deliver(self) -> None:
        newest = self._read(_LAST_MESSAGE)[0][0]
        sql = "SELECT id, channel, message FROM messages WHERE id > ? ORDER BY id"
        rows = self._read(sql, self._last_message)
        before = (rows[0][0] if rows else newest + 1) - 1
        if self._missed or before > self._last_message:
            # Another file, or this process was suspended for longer than messages are kept.
            self._missed = self._is_lost = False
            self._last_message = max(before, self._last_message)
            self._subscribers.missed()
        for number, channel, message in rows:
            # A handler may publish, which calls this method recursively.
            if number > self._last_message:
                self._last_message = number
                self._subscribers.deliver(channel, message)


def build(_location: str, data_dir: Path, clock: Clock) -> SqliteStore:
    """The store in ``gatepost.db`` in `data_dir`; creates the file if there is none.

    Raises:
        StoreUnavailableError: It cannot be opened; the message says why.
    """
    return SqliteStore(data_dir / FILE_NAME, clock)
