"""The tables in PostgreSQL; the gateway that starts first creates or migrates them."""

from typing import TYPE_CHECKING

from gateway.errors import StoreUnavailableError

if TYPE_CHECKING:
    from asyncpg import Connection, Record

VERSION = 2

# Keys are bytes because text cannot contain every character (NUL).  `expires_at` is the first
# instant that is too late, by the gateway's clock, in seconds since the epoch; infinite for values
# that never expire.  Sealed values do not compress, so their storage is EXTERNAL.  The sequence
# outlives the locks, so that no token is given out twice.  `gatepost_messages` holds only what is
# too long for NOTIFY.
_TABLES = """
CREATE TABLE gatepost_entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE,
    value bytea NOT NULL,
    expires_at double precision NOT NULL
);
ALTER TABLE gatepost_entries ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX gatepost_entries_by_end ON gatepost_entries (expires_at);
CREATE TABLE gatepost_index_entries (
    name bytea NOT NULL,
    entry bigint NOT NULL REFERENCES gatepost_entries (id) ON DELETE CASCADE,
    PRIMARY KEY (name, entry)
);
CREATE INDEX gatepost_index_entries_by_entry ON gatepost_index_entries (entry);
CREATE TABLE gatepost_locks (
    name bytea PRIMARY KEY,
    token bigint NOT NULL,
    expires_at double precision NOT NULL
);
CREATE SEQUENCE gatepost_tokens;
CREATE TABLE gatepost_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message bytea NOT NULL,
    published_at double precision NOT NULL
);
CREATE TABLE gatepost_version (version integer NOT NULL);
INSERT INTO gatepost_version VALUES (0);
"""

# With the key in it, the primary key of `gatepost_index_entries` gives the order of a page.
# Building a new table takes a fraction of the time of an UPDATE.  The lock keeps older gateways
# from writing to the old table meanwhile.
_KEYS_IN_INDEXES = """
LOCK TABLE gatepost_index_entries;
CREATE TABLE gatepost_index_entries_2 AS
    SELECT name, key, entry FROM gatepost_index_entries JOIN gatepost_entries ON id = entry;
DROP TABLE gatepost_index_entries;
ALTER TABLE gatepost_index_entries_2 RENAME TO gatepost_index_entries;
ALTER TABLE gatepost_index_entries
    ADD PRIMARY KEY (name, key),
    ALTER COLUMN entry SET NOT NULL,
    ADD FOREIGN KEY (entry) REFERENCES gatepost_entries (id) ON DELETE CASCADE;
CREATE INDEX gatepost_index_entries_by_entry ON gatepost_index_entries (entry);
"""

# Version -> statements that migrate it to the next version.
MIGRATIONS = {0: _TABLES, 1: _KEYS_IN_INDEXES}

# Any number that nothing else in the database uses: "gatepost" in ASCII.
_MIGRATION_LOCK = 0x67617465706F7374


async def migrate(connection: "Connection[Record]") -> None:
    """Create the tables, or migrate them to the current version.

    Raises:
        PostgresError: The server refused.
        StoreUnavailableError: A newer version of Gatepost created them.
    """
    # Several gateways may start at once: the first takes the lock, the others find it done.
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        version = await _version(connection)
        _check_version(version, 0)
        for step in range(version, VERSION):
            await connection.execute(MIGRATIONS[step])
        if version < VERSION:
            await connection.execute("UPDATE gatepost_version SET version = $1", VERSION)


async def check(connection: "Connection[Record]") -> None:
    """Check that the tables exist and have the current version.

    A running gateway never creates them: in an empty store, every revocation would be forgotten.

    Raises:
        StoreUnavailableError: They do not exist, or have another version.
    """
    _check_version(await _version(connection), VERSION)


async def _version(connection: "Connection[Record]") -> int:
    if await connection.fetchval("SELECT to_regclass('gatepost_version') IS NULL"):
        return 0
    version: int = await connection.fetchval("SELECT version FROM gatepost_version")
    return version


def _check_version(version: int, oldest: int) -> None:
    if version > VERSION:
        raise StoreUnavailableError(
            "postgresql: the tables were made by a newer version of Gatepost "
            f"(format {version}, this one knows {VERSION})"
        )
    if version < oldest:
        raise StoreUnavailableError("postgresql: the tables have changed since the start")
