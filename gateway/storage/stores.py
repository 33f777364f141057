"""The stores there are: one line each, and everything that follows from these lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

from gateway.errors import StoreUnavailableError
from gateway.storage.location import PostgresLocation, RedisLocation
from gateway.storage.store import Clock, Store


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of store.

    Attributes:
        module: Its ``build(location, data_dir, clock)`` makes it.  Imported when it is chosen: the
            drivers of networked stores are optional and slow to import.
        read: Reads its URL without any driver, and raises ValueError where that cannot be used;
            the text never repeats the URL, which may hold a password.  None for a store on this
            machine, which has no URL.
        files: The options in the URL that name files.
        extra: What to install of `gatepost` where the driver is missing.
    """

    module: str
    read: Callable[[str], object] | None = None
    files: frozenset[str] = frozenset()
    extra: str = ""


_REDIS = Kind(
    "gateway.storage.redis",
    RedisLocation.read,
    frozenset({"ca_file", "password_file", "sentinel_password_file"}),
    "redis",
)
_POSTGRES = Kind(
    "gateway.storage.postgres",
    PostgresLocation.read,
    frozenset({"password_file", "sslcert", "sslkey", "sslrootcert"}),
    "postgres",
)

# By the `store` setting, or by the scheme of its URL.
STORES: Mapping[str, Kind] = {
    "sqlite": Kind("gateway.storage.sqlite"),
    "memory": Kind("gateway.storage.memory"),
    "redis": _REDIS,
    "rediss": _REDIS,
    "postgresql": _POSTGRES,
}


def is_networked(location: str) -> bool:
    """Whether the store is a server that gateways on several machines share."""
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme in STORES and STORES[scheme].read is not None


def check_location(location: str) -> None:
    """Nothing, where the URL of a networked store can be used.

    Raises:
        ValueError: It cannot; the text says why, without repeating what may be a password.
    """
    read = STORES[location.partition("://")[0]].read
    if read is not None:
        read(location)


def file_options(location: str) -> dict[str, str]:
    """The options that name files, of the URL of a networked store; none where that is wrong."""
    try:
        check_location(location)
    except (KeyError, ValueError):
        return {}
    files = STORES[location.partition("://")[0]].files
    options = parse_qsl(location.partition("?")[2])
    return {name: value for name, value in options if name in files}


def open_store(location: str, data_dir: Path, clock: Clock) -> Store:
    """The store the `store` setting names: ``sqlite``, ``memory``, ``scheme://…``.

    Open it in the process that uses it, never before a fork.

    Raises:
        KeyError: No store of that name is known.
        StoreUnavailableError: A local store cannot be opened, or the driver of a networked one
            is not installed; the message says why.
    """
    scheme = location.partition(":")[0]
    kind = STORES[scheme]
    try:
        module = import_module(kind.module)
    except ModuleNotFoundError as error:
        if not kind.extra or (error.name or "").startswith("gateway."):
            raise
        hint = f"pip install 'gatepost[{kind.extra}]'"
        raise StoreUnavailableError(f"{scheme}: the driver is not installed: {hint}") from error
    return cast("Store", module.build(location, data_dir, clock))
