"""A YAML text as plain data that remembers where each value was written.

Scalars stay the text in the file, so that the field they end up in decides what they mean; a
quoted one is never null.  `${NAME}` and `${NAME:-default}` are filled in here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from gateway.settings.scalars import printable, quote

Path = tuple[str | int, ...]
Data = str | None | list["Data"] | dict[str, "Data"]

# A configuration is hundreds of values; aliases can make billions of a few lines.
_MOST_VALUES = 50_000
_DEEPEST = 40
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "null", "bool", "int", "float", "timestamp", "value", "map", "seq", "merge")
)
_VARIABLE = re.compile(r"\$(\$)?\{(?:([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\})?")


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


def read_document(text: str, source: str, environ: Mapping[str, str]) -> Document:
    """Read a whole file; what is wrong with it is in the document's `problems`."""
    document = Document(source)
    document.marks[()] = Mark(f"{source}:1:1", f"{source}:1:1")
    data = _Reader(document, environ).read(text)
    if isinstance(data, dict):
        document.data = data
    elif data is not None and not document.problems:
        document.spoil((), "must be a mapping of settings")
    return document


def read_value(text: str, document: Document, path: Path, variable: str) -> Data:
    """Read the YAML of an environment variable that is to stand at `path`."""
    place = f"environment: {variable}"
    document.marks[path] = Mark(place, place, path, variable)
    return _Reader(document, None, path, variable).read(text)


class _Position(Protocol):
    """What both of PyYAML's marks have; both count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _RefusedError(Exception):
    """The text is not worth reading on."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


class _Reader:
    """Turns nodes into data, marking each on the way."""

    def __init__(
        self,
        document: Document,
        environ: Mapping[str, str] | None,
        base: Path = (),
        variable: str = "",
    ) -> None:
        self._document = document
        self._environ = environ
        self._base = base
        self._variable = variable
        self._values = 0

    def read(self, text: str) -> Data:
        """The data of `text`; None, and a problem, where it is not YAML we take."""
        try:
            self._refuse_depth(text)
            node = yaml.CSafeLoader(text).get_single_node()
            return None if node is None else self._convert(node, self._base, None)
        except _RefusedError as error:
            self._spoil(str(error), error.place)
        except yaml.MarkedYAMLError as error:
            self._spoil(*self._explain(text, error))
        except yaml.reader.ReaderError as error:
            line = text.encode("utf-8", "replace").count(b"\n", 0, error.position) + 1
            self._spoil("is not YAML: control characters", self._place(line))
        except UnicodeError:
            self._spoil("is not UTF-8 text", self._place(1))
        return None

    def _refuse_depth(self, text: str) -> None:
        """Refuse what would overflow the stack of the composer, which recurses in C."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEEPEST:
                raise _RefusedError("is nested too deeply", self._of(event.start_mark))

    def _spoil(self, message: str, place: str) -> None:
        self._document.spoil(self._base, message, place)

    def _place(self, line: int, column: int = 1) -> str:
        if self._variable:
            return f"environment: {self._variable}"
        return f"{self._document.source}:{line}:{column}"

    def _of(self, mark: _Position | None) -> str:
        return self._place(1) if mark is None else self._place(mark.line + 1, mark.column + 1)

    def _explain(self, text: str, error: yaml.MarkedYAMLError) -> tuple[str, str]:
        mark = error.problem_mark
        if mark is None:
            return f"is not YAML: {error.problem}", self._place(1)
        lines = text.splitlines()
        at = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
        if at.startswith("\t"):
            message = "is not YAML: a tab where YAML wants spaces"
        elif error.context == "expected a single document in the stream":
            message = "is not one YAML document but several"
        elif error.context is None:
            message = f"is not YAML: {error.problem}"
        else:
            message = f"is not YAML: {error.problem} {error.context}"
        return message, self._of(mark)

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise _RefusedError("is too large: more than 50,000 values", self._of(node.start_mark))
        if depth > _DEEPEST:
            raise _RefusedError("is nested too deeply", self._of(node.start_mark))
        if node.tag not in _TAGS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise _RefusedError(f"tag {quote(tag)} is not taken", self._of(node.start_mark))

    def _convert(self, node: yaml.Node, path: Path, key: _Position | None) -> Data:
        self._count(node, len(path) - len(self._base))
        place = self._of(node.start_mark)
        key_place = place if key is None else self._of(key)
        self._document.marks[path] = Mark(place, key_place, self._base, self._variable)
        if isinstance(node, yaml.MappingNode):
            return {
                name: self._convert(value, (*path, name), at)
                for name, (at, value) in self._entries(node, path, 0).items()
            }
        if isinstance(node, yaml.SequenceNode):
            return [self._convert(item, (*path, i), None) for i, item in enumerate(node.value)]
        plain = isinstance(node, yaml.ScalarNode) and node.style in (None, "")
        return self._scalar(node.value, plain, path)

    def _entries(
        self, node: yaml.MappingNode, path: Path, depth: int
    ) -> dict[str, tuple[_Position, yaml.Node]]:
        own: dict[str, tuple[_Position, yaml.Node]] = {}
        merged: dict[str, tuple[_Position, yaml.Node]] = {}
        for key, value in node.value:
            self._count(key, depth)
            place = self._of(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError("a key must be text", place)
            if key.tag == "tag:yaml.org,2002:merge":
                for target in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(target, yaml.MappingNode):
                        raise _RefusedError("<< takes a mapping", place)
                    merged = self._entries(target, path, depth + 1) | merged
            elif key.value in own:
                first = own[key.value][0].line + 1
                self._document.problems.append(
                    Problem(
                        path, f"{quote(key.value)} is there twice, first on line {first}", place
                    )
                )
            else:
                own[key.value] = (key.start_mark, value)
        return merged | own

    def _scalar(self, text: str, plain: bool, path: Path) -> Data:
        if plain and text in _NULL:
            return None
        if self._environ is None or "${" not in text:
            return text
        wrong: list[str] = []
        filled = _VARIABLE.sub(lambda found: _filled(found, self._environ or {}, wrong), text)
        for message in wrong:
            self._document.spoil(path, message)
        self._document.filled.add(path)
        return None if plain and not filled else filled


def _filled(found: re.Match[str], environ: Mapping[str, str], wrong: list[str]) -> str:
    """What stands for one `${…}`; what is wrong with it is added to `wrong`."""
    escaped, name, default, fallback = found.groups()
    if escaped:
        return found[0][1:]
    if name is None:
        wrong.append("has a ${ that is not ${NAME} or ${NAME:-default} (write $${ for a literal)")
        return ""
    value = environ.get(name)
    if default is not None and not value:
        return fallback or ""
    if value is None:
        wrong.append(f"variable {name} is not set (${{{name}:-default}} gives it a default)")
    return value or ""
