"""Reads one file that the configuration names."""

import os
from pathlib import Path

# The rule of problems with files.
UNREADABLE = "unreadable-file"
_LARGEST = 1024 * 1024


class UnreadableError(Exception):
    """The file has no usable text; the message says why."""


def read_text(named: str) -> tuple[str, int]:
    """The text in the file `named`, without the final line break, and the file's mode.

    Raises:
        UnreadableError: It cannot be read, is not UTF-8, or is blank.
    """
    try:
        with Path(named).open("rb") as file:
            content = file.read(_LARGEST)
            mode = os.fstat(file.fileno()).st_mode
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UnreadableError(f"{named!r} is not a text file (try: base64)") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UnreadableError(f"cannot read {named!r}: {reason}") from error
    if not text.strip():
        raise UnreadableError(f"{named!r} is empty")
    return text, mode


def is_readable(file: str) -> bool:
    """Whether `file` is a file that this process may read."""
    try:
        return os.access(file, os.R_OK) and Path(file).is_file()
    except ValueError:
        return False
