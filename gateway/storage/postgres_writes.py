"""The statements of the PostgreSQL store; functions with several statements use a transaction.

Times are seconds since the epoch; `end` is the first instant that is too late.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncpg import Connection, Record

GET = "SELECT value FROM gatepost_entries WHERE key = $1 AND expires_at > $2"
TAKE = "DELETE FROM gatepost_entries WHERE key = $1 RETURNING value, expires_at"
# A subquery for each value instead of a join: the planner does not know how small the limit is, and
# a generic plan would join both whole tables.
LISTED = (
    "SELECT key, (SELECT value FROM gatepost_entries WHERE id = entry AND expires_at > $1) AS value"
    " FROM gatepost_index_entries WHERE name = $2 AND key >= $3 ORDER BY key LIMIT $4"
)
# All entries in the index, less the few that have expired and are not swept: this way, neither
# subquery reads the values.
COUNT = (
    "SELECT (SELECT count(*) FROM gatepost_index_entries WHERE name = $1) - (SELECT count(*)"
    " FROM gatepost_index_entries JOIN gatepost_entries ON entry = id"
    " WHERE name = $1 AND expires_at <= $2)"
)
UNLOCK = "DELETE FROM gatepost_locks WHERE name = $1 AND token = $2 RETURNING expires_at"

_INSERT = "INSERT INTO gatepost_entries (key, value, expires_at) VALUES ($1, $2, $3)"
_REPLACE = " DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
_PUT = f"{_INSERT} ON CONFLICT (key) {_REPLACE} RETURNING id"
# Replaces an expired entry only; of two concurrent inserts, the second waits and sees the first.
_PUT_IF_NONE = (
    f"{_INSERT} ON CONFLICT (key) {_REPLACE} WHERE gatepost_entries.expires_at <= $4 RETURNING id"
)
_PUT_IF_SAME = (
    "UPDATE gatepost_entries SET value = $2, expires_at = $3"
    " WHERE key = $1 AND expires_at > $4 AND value = $5 RETURNING id"
)
_UNLIST = "DELETE FROM gatepost_index_entries WHERE entry = $1 AND name <> ALL ($2::bytea[])"
_LIST = (
    "INSERT INTO gatepost_index_entries (name, key, entry) SELECT unnest($2::bytea[]), $3, $1"
    " ON CONFLICT DO NOTHING"
)
_LOCK = (
    "INSERT INTO gatepost_locks (name, token, expires_at) VALUES ($1, 0, $2)"
    " ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"
    " WHERE gatepost_locks.expires_at <= $3 RETURNING true"
)
# A separate statement, so that the token is drawn while the row is locked: a later holder of the
# lock gets a greater token.
_DRAW = (
    "UPDATE gatepost_locks SET token = nextval('gatepost_tokens') WHERE name = $1 RETURNING token"
)
_SWEEP = (
    "WITH late AS (SELECT id FROM gatepost_entries WHERE expires_at <= $1 LIMIT $2"
    " FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM gatepost_entries"
    " WHERE id IN (SELECT id FROM late) RETURNING id) SELECT count(*) FROM gone"
)
_SWEEP_LOCKS = "DELETE FROM gatepost_locks WHERE expires_at <= $1"
_SWEEP_MESSAGES = "DELETE FROM gatepost_messages WHERE published_at <= $1"


async def put(
    db: "Connection[Record]", key: bytes, value: bytes, end: float, indexes: Collection[bytes]
) -> None:
    """Set or replace a value; writes only the index entries that change."""
    async with db.transaction():
        await _list(db, await db.fetchval(_PUT, key, value, end), key, indexes)


async def swap(
    db: "Connection[Record]",
    key: bytes,
    expected: bytes | None,
    value: bytes,
    now: float,
    end: float,
    indexes: Collection[bytes],
) -> bool:
    """Set a value if the current one is `expected`; returns whether it was."""
    async with db.transaction():
        if expected is None:
            entry = await db.fetchval(_PUT_IF_NONE, key, value, end, now)
        else:
            entry = await db.fetchval(_PUT_IF_SAME, key, value, end, now, expected)
        if entry is not None:
            await _list(db, entry, key, indexes)
        return entry is not None


async def lock(db: "Connection[Record]", name: bytes, now: float, end: float) -> int | None:
    """Take the lock; returns its token, or None while another holds it."""
    async with db.transaction():
        if await db.fetchval(_LOCK, name, end, now) is None:
            return None
        token: int = await db.fetchval(_DRAW, name)
        return token


async def sweep(db: "Connection[Record]", now: float, oldest_message_at: float, limit: int) -> int:
    """Delete up to `limit` expired values, old locks and messages; returns how many values."""
    count: int = await db.fetchval(_SWEEP, now, limit)
    await db.execute(_SWEEP_LOCKS, now)
    await db.execute(_SWEEP_MESSAGES, oldest_message_at)
    return count


async def _list(
    db: "Connection[Record]", entry: int, key: bytes, indexes: Collection[bytes]
) -> None:
    # Separate statements: each sees what others committed before this transaction locked the entry.
    names = list(indexes)
    await db.execute(_UNLIST, entry, names)
    if names:
        await db.execute(_LIST, entry, names, key)
