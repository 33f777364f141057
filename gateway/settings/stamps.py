"""Notices that a file, or what is in an included folder, has changed."""

import stat
from collections.abc import Iterable
from pathlib import Path

from gateway.settings.folders import files_in

Stamp = tuple[tuple[object, ...], ...]


def stamp(files: Iterable[Path]) -> Stamp:
    """A value that changes if one of `files`, or the target of a link, changes."""
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> tuple[object, ...]:
    try:
        found = file.stat()
        if stat.S_ISDIR(found.st_mode):
            # Not the folder's time: editors make and remove files of their own in it.
            return files_in(file)
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
