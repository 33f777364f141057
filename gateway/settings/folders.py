"""Folders of included files."""

from pathlib import Path

_SUFFIXES = (".yaml", ".yml")


def files_in(folder: Path) -> tuple[Path, ...]:
    """The files of `folder` that are included with it, in order of name.

    Raises:
        OSError: The folder cannot be read.
    """
    found = (file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    return tuple(sorted(file for file in found if not file.name.startswith(".")))
