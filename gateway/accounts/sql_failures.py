"""What went wrong in a database, in words that repeat no value, and whether it may pass."""

import re

# Of PostgreSQL's codes (its documentation, appendix A) the classes of which the next try may know
# nothing: no connection, rolled back for another transaction's sake, no resources, shutting down.
_PASSING_CLASSES = ("08", "40", "53", "57P")
# Of MySQL's and MariaDB's: too many connections, shutting down, lock wait, deadlock, killed; and
# 2000 to 2099, where the client has no connection.
_PASSING_NUMBERS = frozenset({1040, 1053, 1203, 1205, 1213, 1927, *range(2000, 2100)})
_SQLITE_PASSING = frozenset({5, 6})  # SQLITE_BUSY and SQLITE_LOCKED.

# Messages about the statement, in which no value is: PostgreSQL's class 42, SQLite's SQLITE_ERROR.
_OF_STATEMENT = "42"
_SQLITE_ERROR = 1
_SHOWN = 200  # Characters.

_MEANINGS = {
    "22021": "a value contains NUL, which PostgreSQL cannot store",
    "22P05": "a value contains NUL, which jsonb cannot store",
    "28P01": "the password of the DSN is refused",
    "3D000": "there is no such database",
}


def may_pass(error: BaseException) -> bool:
    """Whether another try may succeed where this one raised `error`."""
    if isinstance(error, OSError) or getattr(error, "connection_invalidated", False):
        return True
    state, number, lite = _codes(error)
    return (
        state.startswith(_PASSING_CLASSES)
        or number in _PASSING_NUMBERS
        or (lite is not None and lite & 0xFF in _SQLITE_PASSING)
    )


def described(error: BaseException) -> str:
    """What `error` is; no driver's message is repeated that may hold a value."""
    state, number, lite = _codes(error)
    cause = _cause(error)
    if state in _MEANINGS:
        return _MEANINGS[state]
    if isinstance(error, UnicodeEncodeError):
        return "a value contains a lone surrogate, which is no text"
    if isinstance(error, OSError):
        return f"cannot connect: {(error.strerror or 'no connection').lower()}"
    if state.startswith(_OF_STATEMENT) or lite == _SQLITE_ERROR:
        text = re.sub(r"\s+", " ", re.sub(r"<class '[^']*'>: ", "", str(cause)))[:_SHOWN]
        return f"the statement fails: {text!r}"
    code = state or getattr(cause, "sqlite_errorname", "") or str(number or "")
    return f"the database answers {type(cause).__name__}" + (f" ({code})" if code else "")


def _cause(error: BaseException) -> BaseException:
    """What the driver raised, under what SQLAlchemy made of it."""
    found = getattr(error, "orig", None) or error
    # The adapter of asyncpg wraps once more.
    return found.__cause__ if found.__cause__ is not None else found


def _codes(error: BaseException) -> tuple[str, int, int | None]:
    """PostgreSQL's code, MySQL's number and SQLite's code of `error`, as far as it has them."""
    cause = _cause(error)
    state = getattr(cause, "sqlstate", None)
    arguments = getattr(cause, "args", ())
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    lite = getattr(cause, "sqlite_errorcode", None)
    return state if isinstance(state, str) else "", number, lite
