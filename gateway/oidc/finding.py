"""One finding about a provider: its severity, its topic, and what to do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

# note: for information.  warning: sign-ins work, something else may not.  problem: sign-ins fail.
Level = Literal["ok", "note", "warning", "problem"]

# A document may list thousands of names; a line shows the first few.
_SHOWN = 12
_MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report.

    Attributes:
        says: What was found; may quote the provider, so it is escaped before it is printed.
        do: What to do; ``""`` if nothing.
    """

    level: Level
    topic: str
    says: str
    do: str = ""


def names_in(document: Mapping[str, object], member: str) -> tuple[str, ...] | None:
    """The strings in the list `member`; None if the document has no such list."""
    value = document.get(member)
    if not isinstance(value, list):
        return None
    return tuple(item for item in value if isinstance(item, str))


def shown(names: Collection[str]) -> str:
    """The first few of `names`, for a line of text."""
    listed = ", ".join(quoted(name) for name in list(names)[:_SHOWN]) or "none"
    more = len(names) - _SHOWN
    return f"{listed} and {more} more" if more > 0 else listed


def quoted(value: object) -> str:
    """`value` as text, truncated if long."""
    text = str(value)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"
