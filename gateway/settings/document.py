"""Settings as plain data, with the source position of each value and the problems found."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.errors import Finding
from gateway.settings.scalars import printable, quote

Path = tuple[str | int, ...]
# The rule of every problem that is of no special kind.
INVALID = "invalid-value"
Data = str | None | list["Data"] | dict[str, "Data"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value was written.

    Attributes:
        value: Position of the value, printable: ``gatepost.yaml:12:5``.
        key: Position of its key; in a list, of the value itself.
        base: The path that the position already implies: () in a file, a variable's path for a
            variable.
        variable: The environment variable's name; ``""`` in a file.
    """

    value: str
    key: str
    base: Path = ()
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning.

    Attributes:
        path: The path of the value it is about.
        message: What is wrong, without the path.
        place: The position, if it is not that of the value at `path`.
        rule: What kind it is, see `gateway.settings.rules`.
    """

    path: Path
    message: str
    place: str = ""
    rule: str = INVALID


@dataclass(slots=True)
class Document:
    """Configuration data being assembled: first the file, then the environment over it.

    Attributes:
        source: Name of the source, for problems without a better position.
        data: The root mapping.
        marks: Path -> where it was written.
        problems: The problems found so far.
        broken: Paths whose values are unknown, so that nothing more is reported about them.
        unsure: Paths of mappings that lack a value, so that they may seem inconsistent.
        filled: Paths whose values contain a value from the environment.
        included: Names of the included files, in the order in which they were read.
        written: With included files, the path of each route and test -> its file, and its index
            there.
    """

    source: str
    data: dict[str, Data] = field(default_factory=dict)
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    unsure: set[Path] = field(default_factory=set)
    filled: set[Path] = field(default_factory=set)
    included: list[str] = field(default_factory=list)
    written: dict[Path, tuple[str, int]] = field(default_factory=dict)

    def spoil(self, path: Path, message: str, place: str = "", rule: str = INVALID) -> None:
        """Add a problem that makes the value at `path` unknown."""
        self.problems.append(Problem(path, message, place, rule))
        self.broken.add(path)

    def forget(self, path: Path) -> None:
        """Drop marks and problems of the value at `path`, because it is replaced."""
        for known in [known for known in self.marks if known[: len(path)] == path]:
            del self.marks[known]
        self.broken = {it for it in self.broken if it[: len(path)] != path}
        self.problems = [it for it in self.problems if it.path[: len(path)] != path]

    def nearest(self, path: Path) -> Path:
        """The longest prefix of `path` that has a position.

        A single value may stand for a list, and then its index appears only in `path`.
        """
        found: Path = ()
        for part in path:
            if (*found, part) in self.marks:
                found = (*found, part)
            elif isinstance(part, str):
                break
        return found

    def is_broken(self, path: Path) -> bool:
        """Whether `path` is at or under a value that is unknown."""
        return path in self.unsure or any(
            path[:length] in self.broken for length in range(len(path) + 1)
        )

    def finding(self, problem: Problem) -> Finding:
        """`problem` with its position: ``file:line:column: path: message``."""
        path = self.nearest(problem.path)
        mark = self.marks.get(path)
        if mark is None:
            place = problem.place or self.source
            return Finding(problem.rule, printable(problem.message), printable(place))
        place = problem.place or self.place(path)
        is_known = bool(mark.variable) and len(path) <= len(mark.base)
        dotted = "" if is_known else dotted_path(self.as_written(path))
        message = ": ".join(part for part in (dotted, problem.message) if part)
        return Finding(problem.rule, printable(message), printable(place))

    def place(self, path: Path) -> str:
        """Where the value at `path` is written: of a list or mapping, where its key is."""
        mark = self.marks[path]
        return mark.key if isinstance(value_at(self.data, path), dict | list) else mark.value

    def as_written(self, path: Path) -> Path:
        """`path` with the index that its list item has in its own file."""
        found = self.written.get(path[:2])
        return path if found is None else (*path[:1], found[1], *path[2:])

    def named(self, path: Path, name: str = "") -> str:
        """The list item at `path`, for a message about another: its path and `name`, if given.

        Its place too, if several files have such items.
        """
        at = f" at {self.place(self.nearest(path))}" if path in self.written else ""
        shown = f" {quote(name)}" if name else ""
        return f"{dotted_path(self.as_written(path))}{shown}{at}"

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """The lines printed for `problems`, see `findings`."""
        return [str(it) for it in self.findings(problems)]

    def findings(self, problems: Iterable[Problem]) -> list[Finding]:
        """`problems` with their positions, in the order of the files, without duplicates."""
        found = {str(it): it for it in map(self.finding, problems)}
        return sorted(found.values(), key=lambda it: self._file_order(str(it)))

    def _file_order(self, line: str) -> tuple[int, int, int]:
        found = re.search(r":([0-9]+):([0-9]+): ", line)
        if found is None:
            return 0, 0, 0
        file = line[: found.start()]
        number = self.included.index(file) + 1 if file in self.included else 0
        return number, int(found[1]), int(found[2])


def dotted_path(path: Path) -> str:
    """`("routes", 2, "access")` as `routes[2].access`."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_/:-]+", part):
            shown += f".{part}" if shown else part
        else:
            shown += f"[{quote(part)}]"
    return shown


def value_at(data: Data, path: Path) -> Data:
    """The value at `path`, or None."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
