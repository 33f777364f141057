"""Stores: everything that must last or be shared, behind one small protocol."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from gateway.errors import StoreUnavailableError
from gateway.storage.store import Clock, Handler, Lock, OnGap, Store, Unsubscribe

# The one place a new store is named: the scheme of the `store` setting, and the module whose
# `build(location, data_dir, clock)` makes it.  Modules are imported when chosen, because the
# drivers of networked stores are optional and slow to import.
STORES: Mapping[str, str] = {
    "memory": "gateway.storage.memory",
    "postgresql": "gateway.storage.postgres",
    "redis": "gateway.storage.redis",
    "rediss": "gateway.storage.redis",
    "sqlite": "gateway.storage.sqlite",
}
# What to install for a store whose driver is optional, by the driver's package.
_EXTRAS = {"asyncpg": "postgres", "redis": "redis"}


def open_store(location: str, data_dir: Path, clock: Clock) -> Store:
    """The store the `store` setting names: ``sqlite``, ``memory``, ``scheme://…``.

    Open it in the process that uses it, never before a fork.

    Raises:
        KeyError: No store of that name is known.
        StoreUnavailableError: A local store cannot be opened, or the driver of a networked one
            is not installed; the message says why.
    """
    scheme = location.partition(":")[0]
    try:
        module = import_module(STORES[scheme])
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        hint = f"pip install 'gatepost[{extra}]'"
        raise StoreUnavailableError(f"{scheme}: the driver is not installed: {hint}") from error
    return cast("Store", module.build(location, data_dir, clock))


__all__ = [
    "STORES",
    "Clock",
    "Handler",
    "Lock",
    "OnGap",
    "Store",
    "Unsubscribe",
    "open_store",
]
