"""Accounts as rows of a file: JSON Lines or CSV, read and written a row at a time.  Pure."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Literal

from gateway.accounts.account import Account
from gateway.credentials.old_hashes import HashRefusedError, read_hash
from gateway.credentials.passwords import UserNameRefusedError, check_email, check_user_name

Form = Literal["json", "csv"]

# Characters.  Longer lines are refused before they fill the memory.
MAX_LINE = 64 * 1024
_MAX_TEXT = 256
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"", "false", "no", "0"})


class RowError(ValueError):
    """A row cannot be used; the message repeats no password hash."""


@dataclass(frozen=True, slots=True)
class Row:
    """One account in a file.  Its fields are the file's columns; only `user` must be there.

    Attributes:
        password_hash: As `read_hash` returns it; empty if the account has no password.
    """

    user: str
    email: str = ""
    name: str = ""
    password_hash: str = ""
    external_id: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    admin: bool = False
    disabled: bool = False


COLUMNS = tuple(it.name for it in fields(Row))
_LISTS, _FLAGS = frozenset({"roles", "groups"}), frozenset({"admin", "disabled"})


@dataclass(frozen=True, slots=True)
class Numbered:
    """What was read, and the number of its (last) line; or why it cannot be used."""

    line: int
    row: Row | RowError


def read_rows(lines: Iterable[str], form: Form) -> Iterator[Numbered]:
    """The rows in `lines`, which end in newlines; blank lines are skipped.

    Raises:
        RowError: The heading of CSV is wrong, so that nothing can be read.
    """
    return _read_csv(lines) if form == "csv" else _read_json(lines)


def write_heading(form: Form) -> str:
    """What comes before the first row."""
    return _csv_line(COLUMNS) if form == "csv" else ""


def write_row(row: Row, form: Form) -> str:
    """The line that `read_rows` reads as `row`, with its newline."""
    if form == "csv":
        return _csv_line(_cell(value) for value in asdict(row).values())
    told = {name: value for name, value in asdict(row).items() if value or name == "user"}
    return json.dumps(told, ensure_ascii=False) + "\n"


def row_of(account: Account) -> Row | None:
    """The account as a row; None if nobody has signed in to it yet or a client has it."""
    if account.user is None or account.is_client:
        return None
    return Row(
        user=account.user,
        email=account.email or "",
        name=next((it.name for it in account.seen if it.name), ""),
        password_hash=account.password or "",
        external_id=account.external_id or "",
        roles=account.roles,
        groups=account.groups,
        admin=account.is_admin,
        disabled=account.is_disabled,
    )


def _read_json(lines: Iterable[str]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            yield Numbered(number, RowError(f"the line has more than {MAX_LINE} characters"))
        elif line.strip():
            yield Numbered(number, _judged(partial(_from_json, line)))


def _read_csv(lines: Iterable[str]) -> Iterator[Numbered]:
    reader = csv.reader(_short(lines), strict=True)
    heading: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # What follows may be inside of a quoted field, or not: nobody can tell.
            raise RowError(f"line {reader.line_num}: not CSV: {error}") from error
        if cells is None:
            return
        if not cells:
            continue
        if heading is None:
            heading = _heading(cells)
        else:
            yield Numbered(reader.line_num, _judged(partial(_from_cells, heading, cells)))


def _short(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise RowError(f"line {number}: it has more than {MAX_LINE} characters")
        yield line


def _heading(cells: list[str]) -> list[str]:
    if unknown := [it for it in cells if it not in COLUMNS]:
        raise RowError(
            f"line 1: unknown column {unknown[0]!r}: the columns are {', '.join(COLUMNS)}"
        )
    if len(set(cells)) != len(cells) or "user" not in cells:
        raise RowError('line 1: the heading must have "user", and each column once')
    return cells


def _judged(read: Callable[[], Row]) -> Row | RowError:
    try:
        return read()
    except RowError as error:
        return error
    except (UserNameRefusedError, HashRefusedError) as error:
        return RowError(str(error))


def _from_json(line: str) -> Row:
    try:
        given = json.loads(line, object_pairs_hook=_once)
    except RowError:
        raise
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON{_where(error)}") from None
    if not isinstance(given, dict):
        raise RowError("not a JSON object")
    return _checked({name: _typed(name, value) for name, value in given.items()})


def _where(error: Exception) -> str:
    return f": {error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""


def _typed(name: str, value: object) -> object:
    if name not in COLUMNS:
        raise RowError(f"unknown column {name!r}: the columns are {', '.join(COLUMNS)}")
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise RowError(f"{name} must be true or false")
    elif name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
            raise RowError(f"{name} must be a list of texts")
    elif name == "external_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # The number of a row.
    elif not isinstance(value, str):
        raise RowError(f"{name} must be a text")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RowError("a column is there twice")
    return found


def _from_cells(heading: list[str], cells: list[str]) -> Row:
    if len(cells) != len(heading):
        raise RowError(f"{len(cells)} cells, and {len(heading)} in the heading")
    values: dict[str, object] = {}
    for name, cell in zip(heading, cells, strict=True):
        if name in _LISTS:
            values[name] = [it.strip() for it in cell.split(",") if it.strip()]
        elif name in _FLAGS:
            if cell.lower() not in _YES | _NO:
                raise RowError(f"{name} must be true or false")
            values[name] = cell.lower() in _YES
        else:
            values[name] = cell
    return _checked(values)


def _checked(values: Mapping[str, Any]) -> Row:
    """The row of `values`, which have the right types.

    Raises:
        RowError, UserNameRefusedError, HashRefusedError: One may not be used.
    """
    if "user" not in values:
        raise RowError("user is missing")
    for name in ("name", "external_id"):
        _check_line(name, values.get(name, ""))
    lists = {name: tuple(dict.fromkeys(values.get(name, ()))) for name in sorted(_LISTS)}
    for name, texts in lists.items():
        for text in texts:
            _check_line(name, text)
            if not text or "," in text:
                raise RowError(f"{name} must have no empty texts and no commas")
    hashed = values.get("password_hash", "")
    return Row(
        user=check_user_name(values["user"]),
        email=check_email(values.get("email", "")) or "",
        name=values.get("name", ""),
        password_hash=read_hash(hashed) if hashed else "",
        external_id=values.get("external_id", ""),
        admin=values.get("admin", False),
        disabled=values.get("disabled", False),
        **lists,
    )


def _check_line(name: str, text: str) -> None:
    if len(text) > _MAX_TEXT or text != text.strip() or (text and not text.isprintable()):
        raise RowError(
            f"{name} must be one line of at most {_MAX_TEXT} characters, without blanks around it"
        )


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return ("true" if value else "") if isinstance(value, bool) else str(value)


def _csv_line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(list(cells))
    return written.getvalue()
