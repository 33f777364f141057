"""Settings as plain data that remembers where each value was written, and what is wrong with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.settings.scalars import printable, quote

Path = tuple[str | int, ...]
Data = str | None | list["Data"] | dict[str, "Data"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value was written.

    Attributes:
        value: Place of the value, printable: ``gatepost.yaml:12:5``.
        key: Place of its key, of the value itself in a list.
        base: What the place stands for already: () in a file, a variable's path for a variable.
        variable: The environment variable's name; ``""`` in a file.
    """

    value: str
    key: str
    base: Path = ()
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or a warning.

    Attributes:
        path: The value it is about.
        message: What is wrong, in words that need no path.
        place: Where, if not where the value at `path` was written.
    """

    path: Path
    message: str
    place: str = ""


@dataclass(slots=True)
class Document:
    """Data under construction: a file first, then what the environment lays over it.

    Attributes:
        source: Named where nothing better is known.
        data: The root mapping.
        marks: Path -> where it was written.
        problems: What was wrong so far.
        broken: Paths whose values are not known, so nothing more is said about them.
        unsure: Paths of mappings that lack a value, so they may seem inconsistent.
        filled: Paths whose values hold one of the environment's.
    """

    source: str
    data: dict[str, Data] = field(default_factory=dict)
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    unsure: set[Path] = field(default_factory=set)
    filled: set[Path] = field(default_factory=set)

    def spoil(self, path: Path, message: str, place: str = "") -> None:
        """Note a problem that leaves the value at `path` unknown."""
        self.problems.append(Problem(path, message, place))
        self.broken.add(path)

    def forget(self, path: Path) -> None:
        """Drop what is known of the value at `path`, since another takes its place."""
        for known in [known for known in self.marks if known[: len(path)] == path]:
            del self.marks[known]
        self.broken = {it for it in self.broken if it[: len(path)] != path}
        self.problems = [it for it in self.problems if it.path[: len(path)] != path]

    def nearest(self, path: Path) -> Path:
        """The longest beginning of `path` that was written somewhere.

        One value may stand for a list, so that its number appears in `path` only.
        """
        found: Path = ()
        for part in path:
            if (*found, part) in self.marks:
                found = (*found, part)
            elif isinstance(part, str):
                break
        return found

    def is_broken(self, path: Path) -> bool:
        """Whether `path` lies at or under a value that is not known."""
        return path in self.unsure or any(
            path[:length] in self.broken for length in range(len(path) + 1)
        )

    def describe(self, problem: Problem) -> str:
        """The line printed for `problem`: ``file:line:column: path: message``."""
        path = self.nearest(problem.path)
        mark = self.marks.get(path)
        if mark is None:
            return printable(f"{problem.place or self.source}: {problem.message}")
        # A list or mapping is found by its key, a scalar by itself.
        compound = isinstance(value_at(self.data, path), dict | list)
        place = problem.place or (mark.key if compound else mark.value)
        dotted = "" if mark.variable and len(path) <= len(mark.base) else dotted_path(path)
        return printable(": ".join(part for part in (place, dotted, problem.message) if part))

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """A line for each of `problems`, in the order of the file, none twice."""
        return sorted(dict.fromkeys(map(self.describe, problems)), key=_file_order)


def _file_order(line: str) -> tuple[int, int]:
    found = re.search(r":([0-9]+):([0-9]+): ", line)
    return (int(found[1]), int(found[2])) if found else (0, 0)


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
    """The value at `path`; None where there is none."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
