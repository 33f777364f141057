"""The writes of the SQLite store, each of which must run inside a transaction.

Times are seconds since the epoch; `end` is the first instant that is too late.
"""

import sqlite3
from collections.abc import Collection

ANYTHING_TO_SWEEP = (
    "SELECT EXISTS (SELECT 1 FROM entries WHERE expires_at <= ?)"
    " OR EXISTS (SELECT 1 FROM locks WHERE expires_at <= ?)"
    " OR EXISTS (SELECT 1 FROM messages WHERE published_at <= ?)"
)


def put(
    db: sqlite3.Connection, key: str, value: bytes, end: float, indexes: Collection[str]
) -> None:
    """Set or replace a value; writes only the index entries that change."""
    entry = db.execute(
        "INSERT INTO entries (key, value, expires_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
        " RETURNING id",
        (key, value, end),
    ).fetchall()[0][0]
    rows = db.execute("SELECT name FROM index_entries WHERE entry = ?", (entry,)).fetchall()
    before, after = {name for (name,) in rows}, set(indexes)
    for name in before - after:
        db.execute("DELETE FROM index_entries WHERE name = ? AND key = ?", (name, key))
    for name in after - before:
        sql = "INSERT INTO index_entries (name, key, entry) VALUES (?, ?, ?)"
        db.execute(sql, (name, key, entry))


def take(db: sqlite3.Connection, key: str, now: float) -> bytes | None:
    """Remove a value; returns it, or None if it had expired."""
    sql = "DELETE FROM entries WHERE key = ? RETURNING value, expires_at"
    rows = db.execute(sql, (key,)).fetchall()
    return rows[0][0] if rows and now < rows[0][1] else None


def swap(
    db: sqlite3.Connection,
    key: str,
    expected: bytes | None,
    value: bytes,
    now: float,
    end: float,
    indexes: Collection[str],
) -> bool:
    """Set a value if the current one is `expected`; returns whether it was."""
    sql = "SELECT value FROM entries WHERE key = ? AND expires_at > ?"
    row = db.execute(sql, (key, now)).fetchone()
    if (None if row is None else row[0]) != expected:
        return False
    put(db, key, value, end, indexes)
    return True


def lock(db: sqlite3.Connection, name: str, now: float, end: float) -> int | None:
    """Take the lock; returns its token, or None while another holds it."""
    sql = "SELECT 1 FROM locks WHERE name = ? AND expires_at > ?"
    if db.execute(sql, (name, now)).fetchone() is not None:
        return None
    rows = db.execute("UPDATE last_token SET token = token + 1 RETURNING token").fetchall()
    token: int = rows[0][0]
    db.execute("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (name, token, end))
    return token


def unlock(db: sqlite3.Connection, name: str, token: int, now: float) -> bool:
    """Release the lock; returns whether the holder of `token` still had it."""
    sql = "DELETE FROM locks WHERE name = ? AND token = ? RETURNING expires_at"
    rows = db.execute(sql, (name, token)).fetchall()
    return bool(rows) and now < rows[0][0]


def publish(db: sqlite3.Connection, channel: str, message: bytes, now: float) -> None:
    """Store a message for every process to read."""
    sql = "INSERT INTO messages (channel, message, published_at) VALUES (?, ?, ?)"
    db.execute(sql, (channel, message, now))


def sweep(db: sqlite3.Connection, now: float, oldest_message_at: float, limit: int) -> int:
    """Delete up to `limit` expired values, old locks and messages; returns how many values."""
    deleted = db.execute(
        "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires_at <= ? LIMIT ?)",
        (now, limit),
    ).rowcount
    db.execute("DELETE FROM locks WHERE expires_at <= ?", (now,))
    db.execute("DELETE FROM messages WHERE published_at <= ?", (oldest_message_at,))
    return deleted


def check(db: sqlite3.Connection) -> None:
    """Do nothing: it is enough that a transaction could begin."""
