"""Reads the text of a file to import, within limits, because it may come from anywhere."""

from pathlib import Path

from gateway.importing.findings import UnreadableError
from gateway.settings.scalars import printable

# `kubectl get ingress -A -o yaml` of a large cluster is about 1 MiB.
MAX_BYTES = 4 * 1024 * 1024


def read_text(path: Path) -> str:
    """The text of the file `path`.

    Raises:
        UnreadableError: It cannot be opened, is too large, or is not UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UnreadableError(printable(f"{path}: cannot be read: {reason}")) from error
    if len(data) > MAX_BYTES:
        raise UnreadableError(printable(f"{path}: is larger than 4 MiB: import a part of it"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError(printable(f"{path}:{line}: is not UTF-8 text")) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(printable(f"{path}:{line}: is not text: it has a NUL byte"))
    return text
