"""Where a running gateway answers `/healthz`, left for `gatepost healthcheck` to find.

The address may stand in a file that is slow to read, and may by now be another than the one of
the gateway that runs.  So that gateway leaves it in two places that are known without reading
anything: in `data_dir`, for a container, whose image names it in the environment; and in a
directory of the user's own, under the path of the configuration file.

Kept to the standard library's small modules: a health check imports it.
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
    """Leave `address` for a health check; the files, to be removed at the end.

    Nothing depends on it: a place that cannot be written to is passed over.
    """
    places = [_in(data_dir)]
    directory = _own_directory()
    if config is not None and _is_own(directory, make=True):
        places.append(_place(directory, config))
    return [place for place in places if _write(place, address)]


def remove(places: list[str]) -> None:
    """Remove what `leave` left."""
    for place in places:
        try:
            os.unlink(place)  # noqa: PTH108
        except OSError:
            continue


def find(environ: Mapping[str, str]) -> str | None:
    """The address that was left by the gateway this environment would start; None if none was."""
    config = environ.get("GATEPOST_CONFIG") or _DEFAULT_FILE
    places = [*_of_data_dir(environ), *_of_file(config)]
    # Without a file, and with one that does not say otherwise.
    places += [] if environ.get("GATEPOST_DATA_DIR") else [_in(_DEFAULT_DATA_DIR)]
    return _first(places)


def find_of(config: str, environ: Mapping[str, str]) -> str | None:
    """The address that was left by the gateway of the file `config`; None if none was."""
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
    # systemd and most desktops give every user one (XDG Base Directory Specification).
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return os.path.join(given, "gatepost")  # noqa: PTH118
    return f"/tmp/gatepost-{os.getuid()}"  # noqa: S108 - used only where it is one's own


def _is_own(directory: str, *, make: bool) -> bool:
    """Whether nobody else could have written what is in `directory`."""
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
    # A file name is at most 255 bytes; the end of a path tells more than its start.
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
