"""All kinds of store, one line each, and everything that follows from these lines."""

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
        module: Its ``build(location, data_dir, clock)`` makes the store.  Imported only if chosen,
            because the drivers of networked stores are optional and slow to import.
        read: Parses its URL without any driver; raises ValueError if the URL is not valid, with a
            text that never repeats it, because it may contain a password.  None for a store on
            this machine, which has no URL.
        files: The URL options that name files.
        extra: The extra of `gatepost` that installs the driver.
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

# By the value of the `store` setting, or by the scheme of its URL.
STORES: Mapping[str, Kind] = {
    "sqlite": Kind("gateway.storage.sqlite"),
    "memory": Kind("gateway.storage.memory"),
    "redis": _REDIS,
    "rediss": _REDIS,
    "postgresql": _POSTGRES,
}


def is_networked(location: str) -> bool:
    """Whether the store is a server that gateways on several machines can share."""
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme in STORES and STORES[scheme].read is not None


def check_location(location: str) -> None:
    """Check the URL of a networked store.

    Raises:
        ValueError: It is not valid; the text says why, without repeating it.
    """
    read = STORES[location.partition("://")[0]].read
    if read is not None:
        read(location)


def file_options(location: str) -> dict[str, str]:
    """The options that name files in the URL of a networked store; empty if it is not valid."""
    try:
        check_location(location)
    except (KeyError, ValueError):
        return {}
    files = STORES[location.partition("://")[0]].files
    options = parse_qsl(location.partition("?")[2])
    return {name: value for name, value in options if name in files}


def open_store(location: str, data_dir: Path, clock: Clock) -> Store:
    """Open the store that the `store` setting names: ``sqlite``, ``memory``, ``scheme://…``.

    Call this in the process that uses the store, never before a fork.

    Raises:
        KeyError: There is no such kind of store.
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
