"""The SQLite file: its location, permissions and tables, and whether it was replaced."""

import os
import sqlite3
import time
from pathlib import Path

from gateway.errors import StoreUnavailableError

VERSION = 2

# `expires_at` is the first instant that is too late, in seconds since the epoch; infinite for
# values that never expire.  `last_token` outlives the locks, so that no token is given out twice;
# AUTOINCREMENT does the same for messages (sqlite.org/autoinc.html).
_TABLES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value BLOB NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE INDEX entries_by_end ON entries (expires_at);
CREATE TABLE index_entries (
    name TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    PRIMARY KEY (name, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_entries_by_entry ON index_entries (entry);
CREATE TABLE locks (
    name TEXT PRIMARY KEY,
    token INTEGER NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE last_token (token INTEGER NOT NULL) STRICT;
INSERT INTO last_token VALUES (0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    message BLOB NOT NULL,
    published_at REAL NOT NULL
) STRICT;
"""

# With the key in it, the primary key of `index_entries` gives the order of a page.
_KEYS_IN_INDEXES = """
ALTER TABLE index_entries RENAME TO index_entries_1;
DROP INDEX index_entries_by_entry;
CREATE TABLE index_entries (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;
INSERT INTO index_entries
    SELECT name, key, entry FROM index_entries_1 JOIN entries ON entry = id ORDER BY name, key;
DROP TABLE index_entries_1;
CREATE INDEX index_entries_by_entry ON index_entries (entry);
"""

# Version -> statements that migrate it to the next version.
MIGRATIONS = {0: _TABLES, 1: _KEYS_IN_INDEXES}

# How long to wait for another process that migrates the tables: ten seconds or more with a million
# sessions.
_MIGRATE_BUSY_S = 60.0
_AGAIN_S = 0.01
_WAL_BYTES = 16 * 1024 * 1024


class SqliteFile:
    """Opens connections to one file, and notices if the file was replaced or removed."""

    def __init__(self, path: Path, synchronous: str) -> None:
        """Create the file and its directory if needed, and migrate its tables.

        Raises:
            StoreUnavailableError: That failed, or a newer version of Gatepost created the file.
        """
        self.path = path
        self._synchronous = synchronous
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Created before SQLite would, so that others can never read it.  SQLite gives the
            # files beside it (-wal, -shm) the same mode.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreUnavailableError(f"sqlite: {path}: {error.strerror}") from error
        try:
            connection = self._open(busy_s=_MIGRATE_BUSY_S)
            try:
                self._migrate(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"sqlite: {path}: {error}") from error

    def connect(self, busy_s: float, *, read_only: bool = False) -> sqlite3.Connection:
        """A connection for one thread at a time, which waits up to `busy_s` for a lock.

        Raises:
            sqlite3.Error: The file cannot be opened, or is not an SQLite file.
            StoreUnavailableError: Its tables have another version.
        """
        connection = self._open(busy_s)
        try:
            self._check_version(_version(connection), VERSION)
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, StoreUnavailableError):
            connection.close()
            raise
        return connection

    def identity(self) -> tuple[int, int]:
        """Identifies the file that is now at the path.

        SQLite keeps reading and writing a file that was deleted or moved away, so check this
        before you use a connection.

        Raises:
            StoreUnavailableError: There is no file.  A running gateway never creates a new one: in
                an empty store, every revocation would be forgotten.
        """
        try:
            status = os.stat(self.path)  # noqa: PTH116 - a third of the time of Path.stat
        except OSError as error:
            raise StoreUnavailableError(f"sqlite: {self.path}: {error.strerror}") from error
        return status.st_dev, status.st_ino

    def _open(self, busy_s: float) -> sqlite3.Connection:
        # mode=rw: a connection never creates the file; see `identity`.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=busy_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _use_wal(connection, busy_s)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        # Several processes may start at once: the first takes the lock, the others find it done.
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            self._check_version(version, 0)
            for step in range(version, VERSION):
                for statement in MIGRATIONS[step].split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except (sqlite3.Error, StoreUnavailableError):
            connection.execute("ROLLBACK")
            raise

    def _check_version(self, version: int, oldest: int) -> None:
        if version > VERSION:
            raise StoreUnavailableError(
                f"sqlite: {self.path}: made by a newer version of Gatepost "
                f"(format {version}, this one knows {VERSION})"
            )
        if version < oldest:
            raise StoreUnavailableError(
                f"sqlite: {self.path}: the file has changed since the start"
            )


def _use_wal(connection: sqlite3.Connection, busy_s: float) -> None:
    # SQLite waits for no lock here if several processes make a new file at once: one of them gets
    # "database is locked" at once (sqlite.org/c3ref/busy_handler.html).
    until = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchall()[0][0]
    return version
