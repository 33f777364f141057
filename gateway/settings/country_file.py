"""Opens `country_file`, a MaxMind DB that tells the country of an address.

The whole file is read into memory: one that is written over while it is mapped would end the
process (SIGBUS).  Reload reads it again.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import maxminddb

from gateway.bounded import remember
from gateway.settings.countries import CODES

_MOST_REMEMBERED = 4096
# Networks that are looked at to see what the file is about.
_LOOKED_AT = 1000
_LARGEST = 512 * 1024 * 1024


class Countries:
    """The countries of addresses; what was asked last is remembered."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self._reader = reader
        self._known: dict[str, str | None] = {}

    def __call__(self, address: str) -> str | None:
        """The country's code; None if the file does not know the address."""
        if address not in self._known:
            remember(self._known, address, self._look_up(address), _MOST_REMEMBERED)
        return self._known[address]

    def _look_up(self, address: str) -> str | None:
        try:
            return country_in(self._reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError):
            # An IPv6 address in a file of IPv4 networks, or a record that is damaged.
            return None


def open_countries(path: Path) -> Callable[[str], str | None]:
    """What tells the country of an address.

    Raises:
        ValueError: The file cannot be read, or has no countries; the message is for the operator.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}") from error
    if found.st_size > _LARGEST:
        raise ValueError(f"{str(path)!r} is too large")
    return _opened(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


# A check of the file and its use are one reading.
@lru_cache(maxsize=1)
def _opened(path: Path, stamp: tuple[int, ...]) -> Countries:
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except maxminddb.InvalidDatabaseError as error:
        raise ValueError(f"{str(path)!r} is not an mmdb file") from error
    try:
        looked_at = [record for _, record in islice(reader, _LOOKED_AT)]
    except (ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ValueError(f"{str(path)!r} is damaged") from error
    if not any(country_in(record) for record in looked_at):
        kind = reader.metadata().database_type
        raise ValueError(
            f"{str(path)!r} ({kind}) has no countries: use one such as GeoLite2-Country"
        )
    return Countries(reader)


def country_in(record: Any) -> str | None:
    """The code in a record of MaxMind's, DB-IP's or IPinfo's files; None if there is none."""
    if not isinstance(record, dict):
        return None
    found = record.get("country_code") or record.get("country")
    if isinstance(found, dict):
        found = found.get("iso_code")
    code = found.upper() if isinstance(found, str) else None
    return code if code in CODES else None
