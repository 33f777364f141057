"""Resolves relative paths in the file against the file's own directory."""

import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from urllib.parse import quote

from gateway.settings.document import Data, Document, Path
from gateway.settings.record import names_file
from gateway.settings.shape import settings_of
from gateway.storage.stores import file_options


def resolve_files(document: Document, directory: FilePath) -> None:
    """Prepend `directory`, which has the file, to every relative path in `document`."""
    for pattern in settings_of(FilePath):
        for path, text in list(_texts(document.data, (), pattern)):
            _put(document, path, _below(directory, text))
    for path, text in list(_texts(document.data, (), ("audit", "file"))):
        if names_file(text):
            _put(document, path, _below(directory, text))
    for path, text in list(_texts(document.data, (), ("store",))):
        _put(document, path, _store_below(directory, text))


def _store_below(directory: FilePath, location: str) -> str:
    files = file_options(location)

    def resolved(found: re.Match[str]) -> str:
        return f"{found[1]}={quote(_below(directory, files[found[1]]), safe='/')}"

    names = "|".join(files)
    return re.sub(rf"(?<=[?&])({names})=[^&]*", resolved, location) if files else location


def _below(directory: FilePath, text: str) -> str:
    # Absolute paths stay as they are; invalid ones are reported later.
    return str(directory / text) if text and "\0" not in text else text


def _put(document: Document, path: Path, text: str) -> None:
    target: Data = document.data
    for part in path[:-1]:
        target = target[part]  # type: ignore[index]
    target[path[-1]] = text  # type: ignore[index]


def _texts(data: Data, path: Path, pattern: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Every text in `data` that matches `pattern`, including a single value for a list."""
    if isinstance(data, str) and pattern in ((), ("*",)):
        yield path, data
    elif isinstance(data, list) and pattern[:1] == ("*",):
        for index, item in enumerate(data):
            yield from _texts(item, (*path, index), pattern[1:])
    elif isinstance(data, dict) and pattern:
        for name in list(data) if pattern[0] == "*" else [pattern[0]]:
            yield from _texts(data.get(name), (*path, name), pattern[1:])
