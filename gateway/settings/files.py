"""Files the configuration names: secrets are read here, certificates only remembered."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path as FilePath

from gateway.settings.document import Data, Document, Path, Problem

# Settings `x` that may be given as `x_file`, by the section they stand in.
_SECRETS = (
    ((), "secret"),
    (("providers", "*"), "client_secret"),
    (("providers", "*"), "client_key"),
    (("bearer", "*", "introspection"), "client_secret"),
    (("bearer", "*", "introspection"), "client_key"),
)
_CERTIFICATES = (
    (("server", "tls"), ("cert_file", "key_file")),
    (("upstreams", "*", "tls"), ("ca_file", "cert_file", "key_file")),
)
_HEADERS = ("upstreams", "*", "request_headers", "set", "*")

_LARGEST = 1024 * 1024
# Stands for what is in a file that was not read; as long as a secret must be.
_UNREAD = "what is in a file that was not read"


def read_files(document: Document) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """Put the content of every secret file in its setting.

    Returns:
        Every file the configuration depends on, and warnings about files all may read.
    """
    files: list[FilePath] = []
    warnings: list[Problem] = []
    for path, section in _secret_sections(document):
        _read_secret(document, path, section, files, warnings)
    for path, section in _sections(document.data, (), _HEADERS):
        named = section.get("file")
        if isinstance(named, str) and "value" in section:
            document.spoil(path, "give value or file, not both")
        elif isinstance(named, str):
            section["value"] = _read(document, (*path, "file"), named, files, warnings)
    for pattern, names in _CERTIFICATES:
        for path, section in _sections(document.data, (), pattern):
            for name in names:
                named = section.get(name)
                if isinstance(named, str):
                    _look(document, (*path, name), named, files)
    return tuple(files), tuple(warnings)


def leave_unread(document: Document) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """Put something in the place of what every file holds, and read none; as `read_files`.

    What the rules say of a request depends on none, and whoever asks need not be allowed to.
    """
    for path, section in _secret_sections(document):
        name = str(path[-1])
        if section.pop(f"{name}_file", None) is not None:
            section.setdefault(name, _UNREAD)
    # The environment of the service may hold it.
    document.data.setdefault("secret", _UNREAD)
    for _, section in _sections(document.data, (), _HEADERS):
        if section.pop("file", None) is not None:
            section.setdefault("value", _UNREAD)
    for _, section in _sections(document.data, (), ("upstreams", "*", "tls")):
        for name in ("ca_file", "cert_file", "key_file"):
            section.pop(name, None)
    return (), ()


def _read_secret(
    document: Document,
    path: Path,
    section: dict[str, Data],
    files: list[FilePath],
    warnings: list[Problem],
) -> None:
    """Set the secret at `path`, a member of `section`, from the file or files it names."""
    name = str(path[-1])
    at = (*path[:-1], f"{name}_file")
    named = section.get(f"{name}_file")
    if named is None:
        return
    if name in section:
        document.spoil(at, f"{name} is given too: give only one of them")
        return
    contents = [_read(document, where, file, files, warnings) for where, file in _each(at, named)]
    found: list[Data] = [content for content in contents if content is not None]
    if not found or len(found) < len(contents):
        # Without its secret the whole section would be called inconsistent.
        document.broken.add(path)
        document.unsure.add(path[:-1])
    else:
        section[name] = found if isinstance(named, list) else found[0]
        document.marks[path] = document.marks[document.nearest(at)]
        document.filled.add(path)


def _secret_sections(document: Document) -> Iterator[tuple[Path, dict[str, Data]]]:
    for pattern, name in _SECRETS:
        for path, section in _sections(document.data, (), pattern):
            yield (*path, name), section


def _sections(
    data: Data, path: Path, pattern: tuple[str, ...]
) -> Iterator[tuple[Path, dict[str, Data]]]:
    if isinstance(data, list) and pattern[:1] == ("*",):
        for index, item in enumerate(data):
            yield from _sections(item, (*path, index), pattern[1:])
    if not isinstance(data, dict):
        return
    if not pattern:
        yield path, data
        return
    for name in list(data) if pattern[0] == "*" else [pattern[0]]:
        yield from _sections(data.get(name), (*path, name), pattern[1:])


def _each(path: Path, named: Data) -> Iterator[tuple[Path, str]]:
    if isinstance(named, str):
        yield path, named
    elif isinstance(named, list):
        for index, item in enumerate(named):
            if isinstance(item, str):
                yield (*path, index), item


def _look(document: Document, path: Path, named: str, files: list[FilePath]) -> None:
    files.append(FilePath(named))
    try:
        readable = os.access(named, os.R_OK) and FilePath(named).is_file()
    except ValueError:
        readable = False
    if not readable:
        document.spoil(path, f"cannot read {named!r}")


def _read(
    document: Document,
    path: Path,
    named: str,
    files: list[FilePath],
    warnings: list[Problem],
) -> str | None:
    """The text in the file `named`, without the line break at its end; None if it has none."""
    if not named or document.is_broken(path):
        return None
    files.append(FilePath(named))
    try:
        with FilePath(named).open("rb") as file:
            content = file.read(_LARGEST)
            mode = os.fstat(file.fileno()).st_mode
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        document.spoil(path, f"{named!r} does not hold text (try: base64)")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        document.spoil(path, f"cannot read {named!r}: {reason}")
    else:
        if text:
            if mode & stat.S_IROTH and _is_ours(FilePath(named)):
                warnings.append(Problem(path, f"every user of this machine can read {named!r}"))
            return text
        document.spoil(path, f"{named!r} is empty")
    return None


def _is_ours(path: FilePath) -> bool:
    """Whether somebody chose the file's mode.

    Docker and Kubernetes mount secrets world-readable into containers of one user: under
    /run/secrets, and by way of a link called ``..data``.
    """
    return "/run/secrets/" not in str(path) and "..data" not in str(path.resolve())
