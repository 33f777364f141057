"""Which package speaks to the database of a DSN, and whether it is installed."""

import re
from importlib.util import find_spec

# Where the URL names no driver: the package, which speaks asyncio, and the extra that has it.
DRIVERS = {
    "postgresql": ("asyncpg", "postgres"),
    "postgres": ("asyncpg", "postgres"),
    "mysql": ("asyncmy", "mysql"),
    "mariadb": ("asyncmy", "mysql"),
    "sqlite": ("aiosqlite", "sql"),
}
_EXTRAS = dict(DRIVERS.values())


def driver_problem(dsn: str) -> str | None:
    """What is missing to open `dsn`, an SQLAlchemy URL; None if nothing is, or it is no URL."""
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
