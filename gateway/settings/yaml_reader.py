"""Reads YAML into a document.

Scalars stay text, so that their setting decides what they mean; a quoted one is never null.
`${NAME}` and `${NAME:-default}` are filled in here.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import yaml

from gateway.settings.document import Data, Document, Mark, Path, Problem
from gateway.settings.scalars import quote
from gateway.settings.yaml_mistakes import Position, explain

# A configuration has hundreds of values, but aliases can turn a few lines into billions.
_MOST_VALUES = 200_000
_DEEPEST = 40
# `kubectl get -o yaml` writes files of that size.
_MOST_WRITTEN = 500_000
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "null", "bool", "int", "float", "timestamp", "value", "map", "seq", "merge")
)
_VARIABLE = re.compile(r"\$(\$)?\{(?:([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\})?")


def read_document(text: str, source: str, environ: Mapping[str, str]) -> Document:
    """Read a whole file; errors go to the document's `problems`."""
    document = Document(source)
    document.marks[()] = Mark(f"{source}:1:1", f"{source}:1:1")
    data = _Reader(document, environ).read(text)
    if isinstance(data, dict):
        document.data = data
    elif data is not None and not document.problems:
        document.spoil((), "must be a mapping of settings")
    return document


def read_value(text: str, document: Document, path: Path, variable: str) -> Data:
    """Read the YAML of an environment variable for the setting at `path`."""
    place = f"environment: {variable}"
    document.marks[path] = Mark(place, place, path, variable)
    return _Reader(document, None, path, variable).read(text)


def read_written(text: str, source: str) -> tuple[list[Data], Document]:
    """The documents of a file of another program, with every scalar and variable as written.

    Marks and problems are in the document returned; the first part of each path is the index.
    """
    document = Document(source)
    reader = _Reader(document, None)
    reader.limit = _MOST_WRITTEN
    return reader.read_all(text), document


_Read = TypeVar("_Read")


class _RefusedError(Exception):
    """Reading stops here with an error."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


class _Reader:
    """Converts YAML nodes to data, and records their positions."""

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
        self._open: list[yaml.Node] = []
        self.limit = _MOST_VALUES

    def read(self, text: str) -> Data:
        """The data of `text`; None, with a problem, if it is not acceptable YAML."""
        return self._guarded(text, self._single)

    def read_all(self, text: str) -> list[Data]:
        """The data of every document in `text`; empty, with a problem, if one is not acceptable."""
        return self._guarded(text, self._every) or []

    def _single(self, text: str) -> Data:
        node = yaml.CSafeLoader(text).get_single_node()
        return None if node is None else self._convert(node, self._base, None)

    def _every(self, text: str) -> list[Data]:
        found: list[Data] = []
        for node in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            found.append(self._convert(node, (*self._base, len(found)), None))
        return found

    def _guarded(self, text: str, read: Callable[[str], _Read]) -> _Read | None:
        try:
            self._refuse_depth(text)
            return read(text)
        except _RefusedError as error:
            self._spoil(str(error), error.place)
        except yaml.MarkedYAMLError as error:
            message, mark = explain(text, error)
            self._spoil(message, self._of(mark))
        except yaml.reader.ReaderError as error:
            line = text.encode("utf-8", "replace").count(b"\n", 0, error.position) + 1
            found = f"U+{error.character:04X}" if isinstance(error.character, int) else "one"
            message = f"is not YAML: remove the control character {found}"
            self._spoil(message, self._place(line))
        except UnicodeError:
            self._spoil("is not UTF-8 text", self._place(1))
        return None

    def _refuse_depth(self, text: str) -> None:
        """Refuse what would overflow the composer's stack, which is C's, or fill the memory."""
        depth = written = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            written += isinstance(event, yaml.NodeEvent)
            if written > self.limit:
                raise self._too_large(event.start_mark)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEEPEST:
                raise _RefusedError("is nested too deeply", self._of(event.start_mark))

    def _spoil(self, message: str, place: str) -> None:
        self._document.spoil(self._base, message, place, "invalid-yaml")

    def _place(self, line: int, column: int = 1) -> str:
        if self._variable:
            return f"environment: {self._variable}"
        return f"{self._document.source}:{line}:{column}"

    def _of(self, mark: Position | None) -> str:
        return self._place(1) if mark is None else self._place(mark.line + 1, mark.column + 1)

    def _too_large(self, mark: Position | None) -> _RefusedError:
        return _RefusedError(f"is too large: more than {self.limit:,} values", self._of(mark))

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._values += 1
        if self._values > self.limit:
            raise self._too_large(node.start_mark)
        if depth > _DEEPEST:
            raise _RefusedError("is nested too deeply", self._of(node.start_mark))
        if node.tag not in _TAGS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise _RefusedError(f"tag {quote(tag)} is not supported", self._of(node.start_mark))

    def _enter(self, node: yaml.Node, place: str) -> None:
        """Note that `node` is being read, and refuse it if it already is."""
        if any(node is outer for outer in self._open):
            raise _RefusedError("contains itself, by an alias to its own anchor", place)
        self._open.append(node)

    def _convert(self, node: yaml.Node, path: Path, key: Position | None) -> Data:
        self._count(node, len(path) - len(self._base))
        place = self._of(node.start_mark)
        self._enter(node, place)
        key_place = place if key is None else self._of(key)
        self._document.marks[path] = Mark(place, key_place, self._base, self._variable)
        data = self._data_of(node, path)
        self._open.pop()
        return data

    def _data_of(self, node: yaml.Node, path: Path) -> Data:
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
    ) -> dict[str, tuple[Position, yaml.Node]]:
        own: dict[str, tuple[Position, yaml.Node]] = {}
        merged: dict[str, tuple[Position, yaml.Node]] = {}
        for key, value in node.value:
            self._count(key, depth)
            place = self._of(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError("a key must be text", place)
            if key.tag == "tag:yaml.org,2002:merge":
                for target in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    # Empty mappings have no keys to count, and can be merged billions of times too.
                    self._count(target, depth)
                    if not isinstance(target, yaml.MappingNode):
                        raise _RefusedError("<< needs a mapping", place)
                    self._enter(target, place)
                    merged = self._entries(target, path, depth + 1) | merged
                    self._open.pop()
            elif key.value in own:
                first = own[key.value][0].line + 1
                self._document.problems.append(
                    Problem(
                        path,
                        f"{quote(key.value)} is repeated, first on line {first}",
                        place,
                        "repeated-setting",
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
            self._document.spoil(path, message, rule="unset-variable")
        self._document.filled.add(path)
        return None if plain and not filled else filled


def _filled(found: re.Match[str], environ: Mapping[str, str], wrong: list[str]) -> str:
    """The value of one `${…}`; errors are added to `wrong`."""
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
