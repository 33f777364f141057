"""Finds the database driver for a DSN, and checks that it is installed."""

import re
from importlib.util import find_spec

# Dialect -> the asyncio driver to use if the URL names none, and the extra that installs it.
DRIVERS = {
    "postgresql": ("asyncpg", "postgres"),
    "postgres": ("asyncpg", "postgres"),
    "mysql": ("asyncmy", "mysql"),
    "mariadb": ("asyncmy", "mysql"),
    "sqlite": ("aiosqlite", "sql"),
}
_EXTRAS = dict(DRIVERS.values())


def driver_problem(dsn: str) -> str | None:
    """The packages missing for `dsn`, an SQLAlchemy URL; None if none, or if it is not one."""
    found = re.fullmatch(r"([a-z0-9_]+)(?:\+([a-z0-9_]+))?://.*", dsn)
    if found is None:
        return None
    dialect, driver = found[1], found[2] or DRIVERS.get(found[1], ("", ""))[0]
    if not driver:
        return f"{dialect} needs a driver with asyncio, as in {dialect}+DRIVER://…"
    extras = [] if find_spec("sqlalchemy") and find_spec("greenlet") else ["sql"]
    if driver in _EXTRAS and find_spec(driver) is None:
        extras.append(_EXTRAS[driver])
    if not extras:
        return None
    wanted = ",".join(dict.fromkeys(extras))
    return f"{dialect} needs packages that are not installed: pip install 'gatepost[{wanted}]'"
