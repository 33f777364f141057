"""Records where a running gateway answers `/healthz`, for `gatepost healthcheck`.

The file with the address may be slow to read, or may have changed since the gateway started.  So
the gateway records its address in two places that can be found without reading anything: in
`data_dir`, for containers, whose image names it in the environment; and in a directory of the
user's own, under the path of the configuration file.
Uses only small modules of the standard library, because a health check imports this.
"""

import os
import stat
from binascii import hexlify
from collections.abc import Iterator, Mapping

_NAME = "admin"
_DEFAULT_FILE = "gatepost.yaml"
_DEFAULT_DATA_DIR = "data"
_LONGEST = 200


def leave(address: str, data_dir: str, config: str | None) -> list[str]:
    """Record `address` for a health check; returns the files, to be removed at the end.

    Nothing depends on it, so a place that cannot be written is skipped.
    """
    places = [_in(data_dir)]
    directory = _own_directory()
    if config is not None and _is_own(directory, make=True):
        places.append(_place(directory, config))
    return [place for place in places if _write(place, address)]


def remove(places: list[str]) -> None:
    """Remove the files that `leave` wrote."""
    for place in places:
        try:
            os.unlink(place)  # noqa: PTH108
        except OSError:
            continue


def find(environ: Mapping[str, str]) -> str | None:
    """The address recorded by the gateway that this environment would start, or None."""
    config = environ.get("GATEPOST_CONFIG") or _DEFAULT_FILE
    places = [*_of_data_dir(environ), *_of_file(config)]
    # The default data directory, unless the environment names another.
    places += [] if environ.get("GATEPOST_DATA_DIR") else [_in(_DEFAULT_DATA_DIR)]
    return _first(places)


def find_of(config: str, environ: Mapping[str, str]) -> str | None:
    """The address recorded by the gateway of the file `config`, or None."""
    return _first([*_of_data_dir(environ), *_of_file(config)])


def _first(places: list[str]) -> str | None:
    for place in places:
        try:
            with open(place, encoding="utf-8") as file:  # noqa: PTH123
                address = file.read(_LONGEST).strip()
        except (OSError, UnicodeDecodeError):
            continue
        if address:
            return address
    return None


def _of_data_dir(environ: Mapping[str, str]) -> Iterator[str]:
    data_dir = environ.get("GATEPOST_DATA_DIR")
    if data_dir:
        yield _in(data_dir)


def _of_file(config: str) -> Iterator[str]:
    directory = _own_directory()
    if _is_own(directory, make=False):
        yield _place(directory, config)


def _in(data_dir: str) -> str:
    return os.path.join(data_dir, _NAME)  # noqa: PTH118 - pathlib is slow to import


def _own_directory() -> str:
    # systemd and most desktops set this for every user (XDG Base Directory Specification).
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return os.path.join(given, "gatepost")  # noqa: PTH118
    return f"/tmp/gatepost-{os.getuid()}"  # noqa: S108 - its owner and mode are checked


def _is_own(directory: str, *, make: bool) -> bool:
    """Whether only this user can write to `directory`, so that its content can be trusted."""
    try:
        if make:
            os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103
        found = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _place(directory: str, config: str) -> str:
    path = os.path.realpath(config).encode()
    name = hexlify(path).decode()
    # A file name has 255 bytes at most; the end of a path is more specific than its start.
    return os.path.join(directory, name[-_LONGEST:])  # noqa: PTH118


def _write(place: str, address: str) -> bool:
    temporary = f"{place}.{os.getpid()}"
    try:
        with open(temporary, "x", encoding="utf-8") as file:  # noqa: PTH123
            file.write(address + "\n")
        os.replace(temporary, place)  # noqa: PTH105
    except OSError:
        return False
    return True
