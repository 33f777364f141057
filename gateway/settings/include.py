"""Included files: finds and reads them, and refuses what is outside the main file's folder."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from gateway.errors import SettingsError
from gateway.settings.document import Document, Path, Problem
from gateway.settings.folders import files_in
from gateway.settings.merge import merge
from gateway.settings.relative import resolve_files
from gateway.settings.scalars import quote
from gateway.settings.yaml_reader import read_document

_UNREADABLE = "unreadable-file"
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Included:
    """What was included.

    Attributes:
        files: Every file and folder, whether it could be read or not.
        warnings: Folders that have no file to include.
    """

    files: tuple[FilePath, ...] = ()
    warnings: tuple[Problem, ...] = ()


class _RefusedError(Exception):
    """It cannot be included; the message says why."""


def include(document: Document, main: FilePath | None, environ: Mapping[str, str]) -> Included:
    """Read the files that `document` includes, and merge them into it.

    `main` is the main file; None if the configuration is from the environment only.

    Raises:
        SettingsError: A file cannot be read, so that any message about the rest would be a guess.
    """
    mark = document.marks.get(("include",))
    by_variable = mark is None or bool(mark.variable)
    reader = _Reader(document, FilePath() if main is None or by_variable else main.parent, environ)
    if main is not None:
        reader.seen.add(main.resolve())
    for path, text in _entries(document):
        try:
            reader.read(path, text)
        except _RefusedError as error:
            document.spoil(path, str(error), rule=_UNREADABLE)
            reader.failed = True
    if reader.failed:
        found = [it for doc in (document, *reader.parts) for it in doc.findings(doc.problems)]
        raise SettingsError(found, tuple(reader.files))
    merge(document, reader.parts)
    return Included(tuple(reader.files), tuple(reader.warnings))


def _entries(document: Document) -> Iterator[tuple[Path, str]]:
    given = document.data.get("include")
    entries = list(enumerate(given)) if isinstance(given, list) else []
    found = [(("include",), given), *((("include", index), it) for index, it in entries)]
    for path, text in found:
        if isinstance(text, str) and not document.is_broken(path):
            yield path, text


@dataclass(slots=True)
class _Reader:
    """Reads files below the folder `base`.

    Attributes:
        seen: The files read, without links.
    """

    document: Document
    base: FilePath
    environ: Mapping[str, str]
    parts: list[Document] = field(default_factory=list)
    files: list[FilePath] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    seen: set[FilePath] = field(default_factory=set)
    failed: bool = False

    def read(self, path: Path, text: str) -> None:
        """Read the file or folder that `text`, written at `path`, names."""
        named = FilePath(text)
        if named.is_absolute() or ".." in named.parts:
            raise _RefusedError(f"{quote(text)} is not below the folder of this file")
        entry = self.base / named
        self.files.append(entry)
        real = self._real(entry)
        if not real.is_dir():
            self._read_file(entry)
            return
        try:
            inside = files_in(entry)
        except OSError as error:
            raise _RefusedError(f"cannot read {str(entry)!r}: {error.strerror}") from error
        if not inside:
            message = f"{quote(text)} has no .yaml or .yml file"
            self.warnings.append(Problem(path, message, rule="no-effect"))
        for file in inside:
            self.files.append(file)
            try:
                self._read_file(file)
            except _RefusedError as error:
                self.document.spoil(path, str(error), rule=_UNREADABLE)
                self.failed = True

    def _real(self, path: FilePath) -> FilePath:
        """`path` without links, which must be below the base."""
        shown = repr(str(path))
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            hint = ": write the folder to include all its files" if "*" in path.name else ""
            reason = getattr(error, "strerror", None) or "not a file name, or links in a circle"
            raise _RefusedError(f"cannot read {shown}: {reason}{hint}") from error
        if not real.is_relative_to(self.base.resolve()):
            raise _RefusedError(f"{shown} is a link that leaves the folder of this file")
        return real

    def _read_file(self, file: FilePath) -> None:
        real = self._real(file)
        if real in self.seen:
            raise _RefusedError(f"{str(file)!r} is already part of the configuration")
        self.seen.add(real)
        part = read_document(_text_of(file, real), str(file), self.environ)
        resolve_files(part, file.parent)
        self.parts.append(part)
        self.failed |= () in part.broken


def _text_of(file: FilePath, real: FilePath) -> str:
    shown = repr(str(file))
    try:
        # Without waiting, because a pipe would stop the gateway from starting.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _RefusedError(f"{shown} is not a file")
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise _RefusedError(f"{shown} is larger than 1 MiB: divide it into several files")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _RefusedError(f"{shown} is not UTF-8 text, see byte {error.start}") from error
    except OSError as error:
        raise _RefusedError(f"cannot read {shown}: {error.strerror}") from error
