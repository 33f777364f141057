"""What went wrong in a database, in words that repeat no value, and whether it may pass."""

import os

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
    "28000": "the user or password of the DSN is refused",
    "28P01": "the user or password of the DSN is refused",
    "1045": "the user or password of the DSN is refused",
    "3D000": "the database of the DSN does not exist",
    "1049": "the database of the DSN does not exist",
}


def may_pass(error: BaseException) -> bool:
    """Whether another try may succeed where this one raised `error`."""
    if getattr(error, "connection_invalidated", False) or _os_error(error) is not None:
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
    cause = _chain(error)[-1]
    for code in (state, str(number)):
        if code in _MEANINGS:
            return _MEANINGS[code]
    if (unconnected := _os_error(error)) is not None:
        return f"cannot connect: {_reason(unconnected)}"
    if isinstance(error, TypeError) and "keyword argument" in str(error):
        return f"the driver does not know an option of the DSN: {str(error)[:_SHOWN]!r}"
    if state.startswith(_OF_STATEMENT) or lite == _SQLITE_ERROR:
        return f"the statement fails: {str(cause)[:_SHOWN]!r}"
    code = state or getattr(cause, "sqlite_errorname", "") or str(number or "")
    return f"the database answers {type(cause).__name__}" + (f" ({code})" if code else "")


def _reason(error: OSError) -> str:
    # The numbers of name resolution are negative, and strerror is their own.
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return (text or "no address answers").lower()


def _os_error(error: BaseException) -> OSError | None:
    return next((it for it in _chain(error) if isinstance(it, OSError)), None)


def _chain(error: BaseException) -> list[BaseException]:
    """`error`, what the driver raised under it, and what that came from."""
    found = [error]
    while (inner := getattr(found[-1], "orig", None) or found[-1].__cause__) is not None:
        found.append(inner)
    return found


def _codes(error: BaseException) -> tuple[str, int, int | None]:
    """PostgreSQL's code, MySQL's number and SQLite's code of `error`, as far as it has them."""
    state, number, lite = "", 0, None
    for it in _chain(error):
        state = getattr(it, "sqlstate", None) or state
        lite = getattr(it, "sqlite_errorcode", lite)
        if not isinstance(it, OSError) and it.args and isinstance(it.args[0], int):
            number = it.args[0]
    return state, number, lite
