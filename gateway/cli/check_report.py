"""What `gatepost check` found, for any form of output."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import Finding

if TYPE_CHECKING:
    from gateway.cli.policy_coverage import Coverage
    from gateway.cli.policy_tests import Tried
    from gateway.settings.schema import Settings

_POSITION = re.compile(r"(.+):([0-9]+):([0-9]+)")


@dataclass(frozen=True, slots=True)
class Test:
    """A policy test that was run; `finding` is what to say of it if it failed."""

    # Not a test class, whatever its name says to pytest.
    __test__ = False

    finding: Finding
    tried: "Tried"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        source: The configuration's name in messages; ``""`` if it cannot be served.
        settings: None if it cannot be served.
        order: The routes in the order in which they are tried: the name and place of each.
        coverage: None if it was not asked for; so `untested` is empty.
        strict: Whether a warning fails.
    """

    errors: tuple[Finding, ...] = ()
    source: str = ""
    settings: "Settings | None" = None
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    coverage: "Coverage | None" = None
    untested: tuple[Finding, ...] = ()
    strict: bool = False

    @property
    def failed_tests(self) -> list[Test]:
        """The tests that did not get what they expect."""
        return [it for it in self.tests if not it.tried.passed]

    @property
    def status(self) -> int:
        """The exit status: 2 if the gateway would not start, 1 if something else fails, else 0."""
        if self.errors:
            return 2
        return 1 if self.failed_tests or (self.strict and self.warnings) else 0

    def leveled(self) -> Iterator[tuple[str, Finding]]:
        """Everything found, as ``error``, ``warning`` or ``note``; tests with their reasons."""
        yield from (("error", it) for it in self.errors)
        for test in self.failed_tests:
            found, why = test.finding, test.tried.why
            message = "\n".join([found.message, *why])
            yield "error", Finding(found.rule, message, found.place)
        yield from (("warning", it) for it in self.warnings)
        yield from (("note", it) for it in self.untested)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is, for programs that show it in the file.

    Attributes:
        file: Relative to the working directory if it is below it.
        line: Counts from 1, as `column` does; None for the whole file.
        column: In characters.
    """

    file: str
    line: int | None = None
    column: int | None = None


def place_of(finding: Finding) -> Place | None:
    """The place of `finding`; None if it is in no file."""
    found = _POSITION.fullmatch(finding.place)
    if found is not None:
        return Place(_relative(found[1]), int(found[2]), int(found[3]))
    if not finding.place or finding.place.startswith("environment"):
        return None
    return Place(_relative(finding.place))


def _relative(file: str) -> str:
    path = Path(file)
    if not path.is_absolute():
        return file
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return file
