"""Reading the configuration: the file, then the environment over it, then the secrets' files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import SettingsError
from gateway.settings.cautions import cautions
from gateway.settings.decode import decode
from gateway.settings.document import Document
from gateway.settings.environment import CONFIG, overlay
from gateway.settings.files import leave_unread, read_files
from gateway.settings.notes import notes
from gateway.settings.relative import resolve_files
from gateway.settings.scalars import printable
from gateway.settings.schema import Settings
from gateway.settings.yaml_reader import read_document

DEFAULT_FILE = Path("gatepost.yaml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used.

    Attributes:
        settings: The configuration.
        path: The file it came from; None if it is from the environment alone.
        files: Every file it depends on, `path` first: a change of one is a change of it.
        warnings: Printable lines about settings that work and may hurt.
        notes: Printable lines about what the configuration leaves to something else.
    """

    settings: Settings
    path: Path | None
    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def source(self) -> str:
        """What to call the configuration in a message."""
        return "environment" if self.path is None else str(self.path)


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: `path`, else what GATEPOST_CONFIG names, else ./gatepost.yaml if there."""
    if path is not None:
        return path
    if environ.get(CONFIG):
        return Path(environ[CONFIG])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(path: Path | None, environ: Mapping[str, str], *, reads_secrets: bool = True) -> Loaded:
    """Read the configuration as a whole; unless it `reads_secrets`, the file alone.

    Without its secrets it says all that it says of requests, and cannot be served by.

    Raises:
        SettingsError: Something is wrong; `problems` has a line for each mistake.
    """
    file = find_file(path, environ)
    document = Document("environment") if file is None else _read(file, environ)
    overlay(document, environ)
    files, file_warnings = read_files(document) if reads_secrets else leave_unread(document)
    settings = decode(document)
    unfound = [] if file is not None else [_nothing_found()]
    if settings is None:
        is_bare = "public_url" not in document.data or "upstreams" not in document.data
        raise SettingsError([*(unfound if is_bare else []), *document.lines(document.problems)])
    warnings = document.lines([*cautions(settings, document), *file_warnings])
    return Loaded(
        settings=settings,
        path=file,
        files=files if file is None else (file, *files),
        warnings=tuple(warnings),
        notes=(*unfound, *notes(settings)),
    )


def _nothing_found() -> str:
    return printable(
        f"there is no {DEFAULT_FILE} in {Path.cwd()}, and -c and {CONFIG} are not set: "
        "the configuration is from the environment only"
    )


def _read(file: Path, environ: Mapping[str, str]) -> Document:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            [printable(f"{file}: is not UTF-8 text, see byte {error.start}")]
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise SettingsError([printable(f"{file}: cannot be read: {reason}")]) from error
    document = read_document(text, str(file), environ)
    if () in document.broken:  # Not YAML: whatever else there is to say would be guessed.
        raise SettingsError(document.lines(document.problems))
    resolve_files(document, file.parent)
    return document
