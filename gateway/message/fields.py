"""Header fields (RFC 9110, section 5) as received, and how their names are compared."""

from collections.abc import Iterable
from string import ascii_lowercase, digits
from typing import Any, Final

Field = tuple[bytes, bytes]

_KEPT = (ascii_lowercase + digits).encode()
# What each byte becomes.
_FOLDED = bytes(n if n in _KEPT else ord("-") for n in bytes(range(256)).lower())


def fold(name: bytes) -> bytes:
    """Fold a field name the way the laxest upstream does: case, and all marks to ``-``.

    WSGI and CGI upstreams turn ``X_User`` and ``X-User`` into one variable (RFC 3875,
    section 4.1.18; CVE-2025-64484), and some ``X.User`` too (lighttpd, Apache before 2.4), so a
    strip that compares exact names can be walked around.
    """
    return name.translate(_FOLDED)


# Not to be changed either.
_NONE: Final[list[bytes]] = []


class Fields:
    """The fields of one head in the order received; names and values as sent.  Immutable.

    Attributes:
        items: (name, value) pairs, values without surrounding white space.
        derived: What other stages worked out from these fields alone, kept with them: the same
            fields come again and again on a kept connection.
    """

    __slots__ = ("_values", "derived", "items")

    def __init__(self, items: Iterable[Field]) -> None:
        self.items: tuple[Field, ...] = tuple(items)
        values: dict[bytes, list[bytes]] = {}
        for name, value in self.items:
            key = name.lower()
            found = values.get(key)
            if found is None:
                values[key] = [value]
            else:
                found.append(value)
        self._values = values
        self.derived: dict[object, Any] = {}

    def all(self, name: bytes) -> list[bytes]:
        """Every value of `name` (given in lower case), in order; not to be changed."""
        values = self._values.get(name)
        return _NONE if values is None else values

    def folded(self, name: bytes) -> list[Field]:
        """Every field that the laxest upstream reads as `name` (folded), however it is spelt."""
        return [field for field in self.items if fold(field[0]) == name]

    def only(self, name: bytes) -> bytes | None:
        """The value of `name` (lower case), or None when it is absent or repeated."""
        values = self._values.get(name)
        return values[0] if values is not None and len(values) == 1 else None

    def has(self, name: bytes) -> bool:
        """Whether `name` (lower case) is there at all."""
        return name in self._values

    def text(self, name: bytes) -> str:
        """The only value of `name` as text, ``""`` when absent or repeated; never fails."""
        value = self.only(name)
        return "" if value is None else value.decode("utf-8", "replace")

    def tokens(self, name: bytes) -> frozenset[bytes]:
        """Comma-separated tokens of every `name` field, lower-cased (RFC 9110, section 5.6.1)."""
        values = self._values.get(name)
        if values is None:
            return frozenset()
        parts = b",".join(values).lower().split(b",")
        return frozenset(token for part in parts if (token := part.strip(b" \t")))
