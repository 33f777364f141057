"""Files that the configuration names: reads secrets, and tries certificates and keys."""

import os
import stat
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path as FilePath

from gateway.settings.countries import file_problem
from gateway.settings.document import Data, Document, Path, Problem
from gateway.settings.pages import read_logo
from gateway.settings.sql_drivers import driver_problem
from gateway.storage.stores import file_options

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
_CERTIFICATES = (
    ("server", "tls"),
    ("upstreams", "*", "tls"),
    ("providers", "*", "tls"),
    ("smtp", "tls"),
    ("ldap",),
)
_PEM_FILES = ("ca_file", "cert_file", "key_file")
# Their names in a store's URL; the store's driver reads the files at every connect.
_STORE_PEM_FILES = {
    "ca_file": "ca_file",
    "sslrootcert": "ca_file",
    "sslcert": "cert_file",
    "sslkey": "key_file",
}

_UNREADABLE = "unreadable-file"
_LARGEST = 1024 * 1024
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
            warnings = [it for it in warnings if not _is_public_key(it.path)]
            _try_client_key(document, path, section)
            _try_assertion(document, path, section)
    for path, section in _sections(document.data, (), _HEADERS):
        named = section.get("file")
        if isinstance(named, str) and "value" in section:
            document.spoil(path, "set value or file, not both")
        elif isinstance(named, str):
            section["value"] = _read(document, (*path, "file"), named, files, warnings)
    for pattern in _CERTIFICATES:
        for path, section in _sections(document.data, (), pattern):
            given = {name: it for name in _PEM_FILES if isinstance(it := section.get(name), str)}
            files += [FilePath(named) for named in given.values()]
            for name, problem in _pem_problems(given):
                document.spoil((*path, name), problem, rule=_UNREADABLE)
    _try_store(document)
    _try_drivers(document)
    _try_tracing(document)
    _try_ldap(document)
    files += _try_countries(document)
    files += _try_logo(document)
    return tuple(files), tuple(warnings)


def leave_unread(document: Document) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """Like `read_files`, but read no file with a secret, and put placeholders for their content.

    The rules depend on no secret, and the caller may lack permission to read the files.
    """
    for path, section in _secret_sections(document):
        name = str(path[-1])
        if section.pop(f"{name}_file", None) is not None:
            section.setdefault(name, _UNREAD_DSN if name == "dsn" else _UNREAD)
    _try_countries(document)
    # The secret may be in the environment of the service, which this process lacks.
    document.data.setdefault("secret", _UNREAD)
    for _, section in _sections(document.data, (), _HEADERS):
        if section.pop("file", None) is not None:
            section.setdefault("value", _UNREAD)
    for pattern in (("upstreams", "*", "tls"), ("smtp", "tls"), ("ldap",)):
        for _, section in _sections(document.data, (), pattern):
            for name in _PEM_FILES:
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


def _try_client_key(document: Document, path: Path, section: dict[str, Data]) -> None:
    text = section.get("client_key")
    if not isinstance(text, str) or document.is_broken(path):
        return
    try:
        problem = _client_key_problem(path, section, text)
    except ValueError as error:
        problem = str(error)
    if problem:
        named = section.get("client_key_file")
        at = path if named is None else (*path[:-1], "client_key_file")
        document.spoil(at, problem if named is None else f"{named!r} {problem}")


def _client_key_problem(path: Path, section: dict[str, Data], text: str) -> str:
    # Only who has such a key pays for it.
    from gateway.settings.client_key import read_client_key
    from gateway.settings.public_keys import read_public_keys

    if _is_public_key(path):
        read_public_keys(text)
        return ""
    key, _ = read_client_key(text)
    is_odd = section.get("profile") == "apple" and key.get("crv") != "P-256"
    return "is not a key from Apple, which is on the curve P-256" if is_odd else ""


def _try_assertion(document: Document, path: Path, section: dict[str, Data]) -> None:
    """Check that there is a client assertion; its content changes, and is read at each use."""
    named = section.get("client_assertion_file")
    if isinstance(named, str) and named and not _is_readable(named):
        at = (*path[:-1], "client_assertion_file")
        document.spoil(at, f"cannot read {named!r}", rule=_UNREADABLE)


def _is_public_key(path: Path) -> bool:
    return path[:1] == ("tokens",) and str(path[-1]).startswith("client_key")


def _try_drivers(document: Document) -> None:
    for path, section in _sections(document.data, (), ("accounts", "hooks", "*", "sql")):
        dsn = section.get("dsn")
        problem = driver_problem(dsn) if isinstance(dsn, str) else None
        if problem is not None:
            document.spoil((*path, "dsn_file" if "dsn_file" in section else "dsn"), problem)


def _try_logo(document: Document) -> list[FilePath]:
    """Check that the logo is one; returns the file."""
    pages = document.data.get("pages")
    named = pages.get("logo_file") if isinstance(pages, dict) else None
    if not isinstance(named, str) or not named:
        return []
    try:
        read_logo(FilePath(named))
    except ValueError as error:
        document.spoil(("pages", "logo_file"), f"{named!r} {error}")
    except OSError as error:
        reason = error.strerror or "cannot be read"
        document.spoil(("pages", "logo_file"), f"cannot read {named!r}: {reason}", rule=_UNREADABLE)
    return [FilePath(named)]


def _try_tracing(document: Document) -> None:
    packages = ("opentelemetry.sdk", "opentelemetry.exporter")
    if document.data.get("tracing") is not None and not all(map(_is_installed, packages)):
        problem = "needs packages that are not installed: pip install 'gatepost[otel]'"
        document.spoil(("tracing",), problem)


def _try_ldap(document: Document) -> None:
    if document.data.get("ldap") is not None and not _is_installed("ldap3"):
        problem = "needs a package that is not installed: pip install 'gatepost[ldap]'"
        document.spoil(("ldap",), problem)


def _try_countries(document: Document) -> tuple[FilePath, ...]:
    """The database of countries, if the file names one."""
    named = document.data.get("country_file")
    if not isinstance(named, str) or not named:
        return ()
    problem = file_problem(named)
    if problem is not None:
        document.spoil(("country_file",), problem, rule=_UNREADABLE)
    return (FilePath(named),)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _try_store(document: Document) -> None:
    location = document.data.get("store")
    given = file_options(location) if isinstance(location, str) else {}
    pem_files = {}
    for option, named in given.items():
        if option in _STORE_PEM_FILES:
            pem_files[_STORE_PEM_FILES[option]] = named
            continue
        try:
            _read_text(named)
        except _UnreadableError as error:
            document.spoil(("store",), f"{option}: {error}", rule=_UNREADABLE)
    for name, problem in _pem_problems(pem_files):
        option = next(it for it in given if _STORE_PEM_FILES.get(it) == name)
        document.spoil(("store",), f"{option}: {problem}", rule=_UNREADABLE)


def _pem_problems(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Problems of files, by their names in `_PEM_FILES`."""
    if not files:
        return
    from gateway.settings import certificates  # OpenSSL is slow to load.

    usable = set()
    for name, file in files.items():
        if not _is_readable(file):
            yield name, f"cannot read {file!r}"
        elif name != "key_file" and (problem := certificates.certificates_problem(file)):
            yield name, f"{file!r} {problem}"
        else:
            usable.add(name)
    if {"cert_file", "key_file"} <= usable:
        for name, problem in certificates.pair_problems(files["cert_file"], files["key_file"]):
            yield name, f"{files[name]!r} {problem}"


def _is_readable(file: str) -> bool:
    try:
        return os.access(file, os.R_OK) and FilePath(file).is_file()
    except ValueError:
        return False


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
        text, mode = _read_text(named)
    except _UnreadableError as error:
        document.spoil(path, str(error), rule=_UNREADABLE)
        return None
    if mode & stat.S_IROTH and _is_ours(FilePath(named)):
        message = f"every user on this machine can read {named!r}"
        warnings.append(Problem(path, message, rule="secret-exposed"))
    return text


class _UnreadableError(Exception):
    """The file has no usable text; the message says why."""


def _read_text(named: str) -> tuple[str, int]:
    """The text in the file `named`, without the final line break, and the file's mode.

    Raises:
        _UnreadableError: It cannot be read, is not UTF-8, or is blank.
    """
    try:
        with FilePath(named).open("rb") as file:
            content = file.read(_LARGEST)
            mode = os.fstat(file.fileno()).st_mode
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _UnreadableError(f"{named!r} is not a text file (try: base64)") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise _UnreadableError(f"cannot read {named!r}: {reason}") from error
    if not text.strip():
        raise _UnreadableError(f"{named!r} is empty")
    return text, mode


def _is_ours(path: FilePath) -> bool:
    """Whether the operator chose the file's mode.

    Docker and Kubernetes mount secrets world-readable into single-user containers: under
    /run/secrets, or through a link called ``..data``.
    """
    return "/run/secrets/" not in str(path) and "..data" not in str(path.resolve())
