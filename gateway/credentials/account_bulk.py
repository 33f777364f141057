"""Works through the rows of a file, some at a time, and counts what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from gateway.credentials.account_import import Result
from gateway.credentials.account_rows import Numbered, Row, RowError
from gateway.credentials.old_hashes import argon2_memory_kib

# Rows at a time, so that a store far away is not asked for one after the other.
_AT_ONCE = 32
_TOLD_EVERY = 10_000
MAX_ERRORS = 20

Do = Callable[[Row], Awaitable[Result]]


@dataclass(slots=True)
class Tally:
    """What became of the rows.

    Attributes:
        errors: The first of those refused, as line and reason.
        admins: How many new ones are administrators.
        memory_kib: The most that one check of a password takes.
    """

    rows: int = 0
    new: int = 0
    unchanged: int = 0
    refused: int = 0
    admins: int = 0
    memory_kib: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, error: RowError) -> None:
        """Count a row that cannot be used."""
        self.refused += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((line, str(error)))

    def count(self, row: Row, result: Result) -> None:
        """Count a row that can be used."""
        if result == "unchanged":
            self.unchanged += 1
            return
        self.new += 1
        self.admins += row.admin
        self.memory_kib = max(self.memory_kib, argon2_memory_kib(row.password_hash))


async def work_through(
    rows: Iterable[Numbered], do: Do, on_progress: Callable[[int], None]
) -> Tally:
    """`do` each of `rows` and count; `on_progress` is called with every 10,000th number.

    Raises:
        RowError: The rows cannot be read any further.
        StoreUnavailableError: The store cannot answer.
    """
    tally, left = Tally(), iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        results = await asyncio.gather(*(_done(it, do) for it in some))
        for it, result in zip(some, results, strict=True):
            tally.rows += 1
            if isinstance(result, RowError):
                tally.refuse(it.line, result)
            elif isinstance(it.row, Row):
                tally.count(it.row, result)
            if tally.rows % _TOLD_EVERY == 0:
                on_progress(tally.rows)
    return tally


async def _done(it: Numbered, do: Do) -> Result | RowError:
    if isinstance(it.row, RowError):
        return it.row
    try:
        return await do(it.row)
    except RowError as error:
        return error
