"""Tries what the configuration names: keys, certificates, databases, packages."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path as FilePath

from gateway.settings.countries import file_problem
from gateway.settings.document import Data, Document, Path
from gateway.settings.file_text import UNREADABLE, UnreadableError, is_readable, read_text
from gateway.settings.page_templates import read_templates, template_problems
from gateway.settings.pages import MAX_ICON_BYTES, MAX_LOGO_BYTES, read_picture
from gateway.settings.sections import sections
from gateway.settings.sql_drivers import driver_problem
from gateway.storage.stores import file_options

_CERTIFICATES = (
    ("server", "tls"),
    ("upstreams", "*", "tls"),
    ("providers", "*", "tls"),
    ("smtp", "tls"),
    ("ldap",),
)
PEM_FILES = ("ca_file", "cert_file", "key_file")
# Each with its setting, and the most bytes that it may have.
_PICTURES = (
    (("pages",), "logo_file", MAX_LOGO_BYTES),
    (("providers", "*"), "icon_file", MAX_ICON_BYTES),
    (("routes", "*", "launch"), "icon_file", MAX_ICON_BYTES),
)
# Their names in a store's URL; the store's driver reads the files at every connect.
_STORE_PEM_FILES = {
    "ca_file": "ca_file",
    "sslrootcert": "ca_file",
    "sslcert": "cert_file",
    "sslkey": "key_file",
}


def try_files(document: Document) -> list[FilePath]:
    """Try every file without a secret, and every package that a setting needs; returns the files.

    Problems go to `document`.
    """
    files = list(_try_certificates(document))
    _try_store(document)
    _try_drivers(document)
    _try_tracing(document)
    _try_ldap(document)
    return [*files, *try_countries(document), *_try_pictures(document), *_try_templates(document)]


def try_client_key(document: Document, path: Path, section: dict[str, Data]) -> None:
    """Check the key at `path`, a member of `section`."""
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

    if is_public_key(path):
        read_public_keys(text)
        return ""
    key, _ = read_client_key(text)
    is_odd = section.get("profile") == "apple" and key.get("crv") != "P-256"
    return "is not a key from Apple, which is on the curve P-256" if is_odd else ""


def is_public_key(path: Path) -> bool:
    """Whether the key at `path`, or in the file that it names, is public."""
    return path[:1] == ("tokens",) and str(path[-1]).startswith("client_key")


def try_assertion(document: Document, path: Path, section: dict[str, Data]) -> None:
    """Check that there is a client assertion; its content changes, and is read at each use."""
    named = section.get("client_assertion_file")
    if isinstance(named, str) and named and not is_readable(named):
        at = (*path[:-1], "client_assertion_file")
        document.spoil(at, f"cannot read {named!r}", rule=UNREADABLE)


def _try_certificates(document: Document) -> Iterator[FilePath]:
    for pattern in _CERTIFICATES:
        for path, section in sections(document.data, (), pattern):
            given = {name: it for name in PEM_FILES if isinstance(it := section.get(name), str)}
            yield from map(FilePath, given.values())
            for name, problem in _pem_problems(given):
                document.spoil((*path, name), problem, rule=UNREADABLE)


def _try_drivers(document: Document) -> None:
    for path, section in sections(document.data, (), ("accounts", "hooks", "*", "sql")):
        dsn = section.get("dsn")
        problem = driver_problem(dsn) if isinstance(dsn, str) else None
        if problem is not None:
            document.spoil((*path, "dsn_file" if "dsn_file" in section else "dsn"), problem)


def _try_pictures(document: Document) -> Iterator[FilePath]:
    """Check that pictures for pages are some; returns their files."""
    for pattern, name, most in _PICTURES:
        for path, section in sections(document.data, (), pattern):
            named = section.get(name)
            if isinstance(named, str) and named:
                _try_picture(document, (*path, name), named, most)
                yield FilePath(named)


def _try_templates(document: Document) -> list[FilePath]:
    """Check the operator's templates; returns their files."""
    pages, at = document.data.get("pages"), ("pages", "templates")
    named = pages.get("templates") if isinstance(pages, dict) else None
    if not isinstance(named, str) or not named:
        return []
    folder = FilePath(named)
    try:
        texts = read_templates(folder)
        problems = list(template_problems(texts))
    except ValueError as error:
        document.spoil(at, f"{named!r}: {error}")
        return []
    except OSError as error:
        reason = error.strerror or "cannot be read"
        document.spoil(at, f"cannot read {named!r}: {reason}", rule=UNREADABLE)
        return []
    if problems:
        document.spoil(at, "\n  ".join(problems))
    return [folder, *(folder / name for name in texts)]


def _try_picture(document: Document, at: Path, named: str, most: int) -> None:
    try:
        read_picture(FilePath(named), most)
    except ValueError as error:
        document.spoil(at, f"{named!r} {error}")
    except OSError as error:
        reason = error.strerror or "cannot be read"
        document.spoil(at, f"cannot read {named!r}: {reason}", rule=UNREADABLE)


def _try_tracing(document: Document) -> None:
    packages = ("opentelemetry.sdk", "opentelemetry.exporter")
    if document.data.get("tracing") is not None and not all(map(_is_installed, packages)):
        problem = "needs packages that are not installed: pip install 'gatepost[otel]'"
        document.spoil(("tracing",), problem)


def _try_ldap(document: Document) -> None:
    if document.data.get("ldap") is not None and not _is_installed("ldap3"):
        problem = "needs a package that is not installed: pip install 'gatepost[ldap]'"
        document.spoil(("ldap",), problem)


def try_countries(document: Document) -> tuple[FilePath, ...]:
    """The database of countries, if the file names one."""
    named = document.data.get("country_file")
    if not isinstance(named, str) or not named:
        return ()
    problem = file_problem(named)
    if problem is not None:
        document.spoil(("country_file",), problem, rule=UNREADABLE)
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
            read_text(named)
        except UnreadableError as error:
            document.spoil(("store",), f"{option}: {error}", rule=UNREADABLE)
    for name, problem in _pem_problems(pem_files):
        option = next(it for it in given if _STORE_PEM_FILES.get(it) == name)
        document.spoil(("store",), f"{option}: {problem}", rule=UNREADABLE)


def _pem_problems(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Problems of files, by their names in `PEM_FILES`."""
    if not files:
        return
    from gateway.settings import certificates  # OpenSSL is slow to load.

    usable = set()
    for name, file in files.items():
        if not is_readable(file):
            yield name, f"cannot read {file!r}"
        elif name != "key_file" and (problem := certificates.certificates_problem(file)):
            yield name, f"{file!r} {problem}"
        else:
            usable.add(name)
    if {"cert_file", "key_file"} <= usable:
        for name, problem in certificates.pair_problems(files["cert_file"], files["key_file"]):
            yield name, f"{files[name]!r} {problem}"
