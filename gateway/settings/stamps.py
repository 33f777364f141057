"""Notices that a file has changed."""

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[tuple[int, ...], ...]


def stamp(files: Iterable[Path]) -> Stamp:
    """A value that changes if one of `files`, or the target of a link, changes."""
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
