"""What an import has to tell about the file it read, one line each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from gateway.settings.scalars import printable

# In the order of their weight.
Kind = Literal["to do", "no equal", "unknown", "differs", "not needed"]
KINDS: tuple[Kind, ...] = ("to do", "no equal", "unknown", "differs", "not needed")


class UnreadableError(Exception):
    """The file cannot be read as what it should be; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        place: ``file:line``, or the file alone.
        option: The option's name as written in the file; ``""`` for the whole file.
    """

    place: str
    option: str
    kind: Kind
    message: str

    def line(self) -> str:
        """``file:line: option: kind: message``."""
        parts = (self.place, self.option, f"{self.kind}: {self.message}")
        return printable(": ".join(part for part in parts if part))


@dataclass(slots=True)
class Report:
    """The findings so far; `source` is the name of the imported file."""

    source: str
    findings: dict[Finding, None] = field(default_factory=dict)

    def add(self, kind: Kind, place: str, option: str, message: str) -> None:
        """Add a finding, once."""
        self.findings[Finding(place, option, kind, message)] = None

    def lines(self) -> Iterator[str]:
        """All findings in the order of the file, then how many there are of each kind."""
        yield from (it.line() for it in sorted(self.findings, key=_order))
        counts = {kind: sum(it.kind == kind for it in self.findings) for kind in KINDS}
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        yield f"summary: {told or 'everything was translated'}"


def _order(finding: Finding) -> tuple[str, int]:
    found = re.fullmatch(r"(.*):([0-9]+)", finding.place)
    return (found[1], int(found[2])) if found else (finding.place, 0)
