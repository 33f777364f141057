"""Header fields (RFC 9110, section 5) as received, and how names are compared."""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase, digits
from typing import Any, Final

Field = tuple[bytes, bytes]

_KEPT = (ascii_lowercase + digits).encode()
# Maps each byte to its folded form.
_FOLDED = bytes(n if n in _KEPT else ord("-") for n in bytes(range(256)).lower())


def fold(name: bytes) -> bytes:
    """Fold a field name as the most lenient upstream does: lower case, punctuation to ``-``.

    WSGI and CGI upstreams turn ``X_User`` and ``X-User`` into one variable (RFC 3875,
    section 4.1.18; CVE-2025-64484), and some ``X.User`` too (lighttpd, Apache before 2.4).  So
    removing fields by their exact name could be evaded.
    """
    return name.translate(_FOLDED)


# Shared by all callers: never modify it.
_NONE: Final[list[bytes]] = []


class Fields:
    """The fields of one head in the order received, as sent.  Immutable, except for `derived`.

    Attributes:
        items: (name, value) pairs, values without surrounding white space.
        derived: A cache for values that other stages compute from these fields alone.  It pays
            because a client repeats its fields on a kept connection.
        changing: Those of `items` that proxies write anew for each request; see `steady`.
    """

    __slots__ = ("_steady", "_values", "changing", "derived", "items")

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
        self._steady: Fields | None = None
        self.changing: tuple[Field, ...] = ()

    def adding(self, changing: Sequence[tuple[int, Field]]) -> "Fields":
        """These fields, which are `steady` in the result, and those of `changing`.

        Each comes with the number of fields before it, without those that follow it in `changing`.
        """
        items, values = list(self.items), self._values.copy()
        for number, field in reversed(changing):
            items.insert(number, field)
        more = Fields(())
        for _, (name, value) in changing:
            key = name.lower()
            if key in values:
                # In which order follows from all of them.
                more = Fields(items)
                values = more._values
                break
            values[key] = [value]
        more.items, more._values = tuple(items), values
        more._steady, more.changing = self, tuple([field for _, field in changing])
        return more

    @property
    def steady(self) -> "Fields":
        """The fields without `changing`, whose `derived` lasts; these if nothing changes."""
        return self if self._steady is None else self._steady

    def all(self, name: bytes) -> list[bytes]:
        """All values of `name` (lower case), in order.  Do not modify the list."""
        values = self._values.get(name)
        return _NONE if values is None else values

    def folded(self, name: bytes) -> list[Field]:
        """All fields that the most lenient upstream reads as `name` (folded)."""
        return [field for field in self.items if fold(field[0]) == name]

    def only(self, name: bytes) -> bytes | None:
        """The value of `name` (lower case), or None if absent or repeated."""
        values = self._values.get(name)
        return values[0] if values is not None and len(values) == 1 else None

    def has(self, name: bytes) -> bool:
        """Whether there is a field `name` (lower case)."""
        return name in self._values

    def text(self, name: bytes) -> str:
        """The only value of `name` as text, ``""`` if absent or repeated; never raises."""
        value = self.only(name)
        return "" if value is None else value.decode("utf-8", "replace")

    def tokens(self, name: bytes) -> frozenset[bytes]:
        """The comma-separated tokens of all `name` fields, lower case (RFC 9110, section 5.6.1)."""
        values = self._values.get(name)
        if values is None:
            return frozenset()
        parts = b",".join(values).lower().split(b",")
        return frozenset(token for part in parts if (token := part.strip(b" \t")))
