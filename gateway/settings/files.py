"""Reads the secrets in the files that the configuration names."""

import stat
from collections.abc import Iterator
from pathlib import Path as FilePath

from gateway.settings.document import Data, Document, Path, Problem
from gateway.settings.file_checks import (
    PEM_FILES,
    is_public_key,
    try_assertion,
    try_client_key,
    try_countries,
    try_files,
)
from gateway.settings.file_text import UNREADABLE, UnreadableError, read_text
from gateway.settings.sections import sections

_HEADERS = ("upstreams", "*", "request_headers", "set", "*")
# Settings `x` that may be given as `x_file`, with their section.
_SECRETS = (
    ((), "secret"),
    (("providers", "*"), "client_secret"),
    (("providers", "*"), "client_key"),
    (("bearer", "*", "introspection"), "client_secret"),
    (("bearer", "*", "introspection"), "client_key"),
    (("tokens", "clients", "*"), "client_secret"),
    (("tokens", "clients", "*"), "client_key"),
    (("accounts", "hooks", "*", "http"), "secret"),
    (("accounts", "hooks", "*", "sql"), "dsn"),
    ((*_HEADERS, "basic"), "password"),
    (("smtp",), "password"),
    (("ldap",), "bind_password"),
)
# Stands for the content of a file that was not read; long enough for a secret.
_UNREAD = "what is in a file that was not read"
_UNREAD_DSN = "unread://"


def read_files(document: Document) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """Put the content of every secret file into its setting.

    Returns:
        Every file that the configuration depends on, and warnings about world-readable files.
    """
    files: list[FilePath] = []
    warnings: list[Problem] = []
    for path, section in _secret_sections(document):
        _read_secret(document, path, section, files, warnings)
        if path[-1] == "client_key":
            # Clients' keys are public.
            warnings = [it for it in warnings if not is_public_key(it.path)]
            try_client_key(document, path, section)
            try_assertion(document, path, section)
    for path, section in sections(document.data, (), _HEADERS):
        named = section.get("file")
        if isinstance(named, str) and "value" in section:
            document.spoil(path, "set value or file, not both")
        elif isinstance(named, str):
            section["value"] = _read(document, (*path, "file"), named, files, warnings)
    files += try_files(document)
    return tuple(files), tuple(warnings)


def leave_unread(document: Document) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """Like `read_files`, but read no file with a secret, and put placeholders for their content.

    The rules depend on no secret, and the caller may lack permission to read the files.
    """
    for path, section in _secret_sections(document):
        name = str(path[-1])
        if section.pop(f"{name}_file", None) is not None:
            section.setdefault(name, _UNREAD_DSN if name == "dsn" else _UNREAD)
    try_countries(document)
    # The secret may be in the environment of the service, which this process lacks.
    document.data.setdefault("secret", _UNREAD)
    for _, section in sections(document.data, (), _HEADERS):
        if section.pop("file", None) is not None:
            section.setdefault("value", _UNREAD)
    for pattern in (("upstreams", "*", "tls"), ("smtp", "tls"), ("ldap",)):
        for _, section in sections(document.data, (), pattern):
            for name in PEM_FILES:
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
        document.spoil(at, f"{name} is also set: set only one of them")
        return
    contents = [_read(document, where, file, files, warnings) for where, file in _each(at, named)]
    found: list[Data] = [content for content in contents if content is not None]
    if not found or len(found) < len(contents):
        # Without its secret, the whole section would be reported as inconsistent.
        document.broken.add(path)
        document.unsure.add(path[:-1])
    else:
        section[name] = found if isinstance(named, list) else found[0]
        document.marks[path] = document.marks[document.nearest(at)]
        document.filled.add(path)


def _secret_sections(document: Document) -> Iterator[tuple[Path, dict[str, Data]]]:
    for pattern, name in _SECRETS:
        for path, section in sections(document.data, (), pattern):
            yield (*path, name), section


def _each(path: Path, named: Data) -> Iterator[tuple[Path, str]]:
    if isinstance(named, str):
        yield path, named
    elif isinstance(named, list):
        for index, item in enumerate(named):
            if isinstance(item, str):
                yield (*path, index), item


def _read(
    document: Document,
    path: Path,
    named: str,
    files: list[FilePath],
    warnings: list[Problem],
) -> str | None:
    """The text in the file `named`, without the final line break; None on a problem."""
    if not named or document.is_broken(path):
        return None
    files.append(FilePath(named))
    try:
        text, mode = read_text(named)
    except UnreadableError as error:
        document.spoil(path, str(error), rule=UNREADABLE)
        return None
    if mode & stat.S_IROTH and _is_ours(FilePath(named)):
        message = f"every user on this machine can read {named!r}"
        warnings.append(Problem(path, message, rule="secret-exposed"))
    return text


def _is_ours(path: FilePath) -> bool:
    """Whether the operator chose the file's mode.

    Docker and Kubernetes mount secrets world-readable into single-user containers: under
    /run/secrets, or through a link called ``..data``.
    """
    return "/run/secrets/" not in str(path) and "..data" not in str(path.resolve())
