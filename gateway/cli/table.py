"""Prints tables."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `rows` in aligned columns under their headings."""
    whole = [columns, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(columns))]
    for row in whole:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def printable(text: str) -> str:
    """`text` without control characters, because names may contain attacker input."""
    return "".join(c if c.isprintable() else "?" for c in text)


def shown_time(at: float | None) -> str:
    """A time in seconds since the epoch as UTC text; ``-`` for None."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
