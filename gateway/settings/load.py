"""Loads the configuration: first the file, then the environment, then secret files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.errors import Finding, SettingsError
from gateway.settings.cautions import cautions
from gateway.settings.decode import decode
from gateway.settings.document import Document
from gateway.settings.document import Path as SettingPath
from gateway.settings.environment import CONFIG, overlay
from gateway.settings.files import leave_unread, read_files
from gateway.settings.include import include
from gateway.settings.notes import notes
from gateway.settings.relative import resolve_files
from gateway.settings.scalars import printable
from gateway.settings.schema import Settings
from gateway.settings.yaml_reader import read_document

DEFAULT_FILE = Path("gatepost.yaml")
# Many times the size of a file with all the values that are read.
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration.

    Attributes:
        settings: The configuration.
        path: The file it came from; None if it comes only from the environment.
        files: Every file and included folder it depends on, `path` first; a change to one requires
            a reload.
        findings: Risky settings.
        notes: Printable lines about what must be set up outside the gateway.
        document: Knows where each setting was written.
    """

    settings: Settings
    path: Path | None
    files: tuple[Path, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    document: Document = field(repr=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Printable lines about risky settings."""
        return tuple(map(str, self.findings))

    def place(self, path: SettingPath) -> str:
        """Where the setting at `path` is written; ``""`` if it is a default."""
        found = self.document.nearest(path)
        return self.document.place(found) if len(found) > 1 else ""

    def route_places(self) -> list[tuple[str, str]]:
        """The name of each route and its place, in order; ``""`` for the default route."""
        routes = enumerate(self.settings.routes)
        return [(route.name, self.place(("routes", index))) for index, route in routes]

    @property
    def source(self) -> str:
        """The configuration's name in messages."""
        return "environment" if self.path is None else str(self.path)


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: `path`, else that in GATEPOST_CONFIG, else ./gatepost.yaml if it exists."""
    if path is not None:
        return path
    if environ.get(CONFIG):
        return Path(environ[CONFIG])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(path: Path | None, environ: Mapping[str, str], *, reads_secrets: bool = True) -> Loaded:
    """Read the whole configuration; without `reads_secrets`, no secret file.

    Without its secrets the configuration can explain decisions, but cannot be served.

    Raises:
        SettingsError: There are mistakes; `problems` has a line for each.
    """
    file = find_file(path, environ)
    document = Document("environment") if file is None else _read(file, environ)
    overlay(document, environ)
    included = include(document, file, environ)
    secrets, file_warnings = read_files(document) if reads_secrets else leave_unread(document)
    files = (*(() if file is None else (file,)), *included.files, *secrets)
    settings = decode(document)
    unfound = () if file is not None else (_nothing_found(),)
    if settings is None:
        is_bare = "public_url" not in document.data or "upstreams" not in document.data
        missing = [Finding("unreadable-file", it) for it in unfound if is_bare]
        raise SettingsError([*missing, *document.findings(document.problems)], files)
    warnings = [*cautions(settings, document), *included.warnings, *file_warnings]
    return Loaded(
        settings=settings,
        path=file,
        files=files,
        findings=tuple(document.findings(warnings)),
        notes=(*unfound, *notes(settings)),
        document=document,
    )


def load_beside(path: Path | None, shadow: Path | None, environ: Mapping[str, str]) -> Loaded:
    """As `load`, with the file `shadow` as the other settings, whose secrets are not read.

    Raises:
        SettingsError: There are mistakes in one of them.
    """
    loaded = load(path, environ)
    if shadow is None:
        return loaded
    other = load(shadow, environ, reads_secrets=False)
    return replace(
        loaded,
        settings=loaded.settings.beside(other.settings),
        files=(*loaded.files, *other.files),
        findings=(*loaded.findings, *other.findings),
    )


def _nothing_found() -> str:
    return printable(
        f"there is no {DEFAULT_FILE} in {Path.cwd()}, and -c and {CONFIG} are not set: "
        "the configuration is from the environment only"
    )


def _read(file: Path, environ: Mapping[str, str]) -> Document:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        text = content[:_LARGEST].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text, see byte {error.start}: save it as UTF-8"
        raise _unreadable(file, message) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise _unreadable(file, f"cannot be read: {reason}") from error
    if len(content) > _LARGEST:
        raise _unreadable(file, f"is larger than {_LARGEST >> 20} MiB: is it the right file?")
    document = read_document(text, str(file), environ)
    if () in document.broken:  # Not YAML, so any further message would be a guess.
        raise SettingsError(document.findings(document.problems))
    resolve_files(document, file.parent)
    return document


def _unreadable(file: Path, message: str) -> SettingsError:
    return SettingsError([Finding("unreadable-file", message, printable(str(file)))])
