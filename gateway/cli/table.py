"""Prints lists for people."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `rows` in columns of even width, under their names."""
    whole = [columns, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(columns))]
    for row in whole:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def printable(text: str) -> str:
    """`text` without what moves the cursor: a name may be anybody's."""
    return "".join(c if c.isprintable() else "?" for c in text)


def shown_time(at: float | None) -> str:
    """A time in seconds since the epoch, in UTC; ``-`` where there is none."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
