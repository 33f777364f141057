"""Reads oauth2-proxy's options from TOML, from flags, from variables, and from YAML with either."""

import csv
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from gateway.importing.findings import UnreadableError
from gateway.importing.given import Given
from gateway.importing.options import known_option
from gateway.settings.document import Data, Document
from gateway.settings.document import Path as DataPath
from gateway.settings.scalars import printable
from gateway.settings.yaml_reader import read_written

Format = Literal["toml", "flags", "env", "yaml"]

_PREFIX = "OAUTH2_PROXY_"
_VARIABLE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?", re.DOTALL)
# Members whose text is a command line, in Kubernetes and Compose.
_COMMANDS = frozenset({"args", "command", "entrypoint"})
_MOST_TOML_CHARS = 1024 * 1024
_DEEPEST_TOML = 40


def shape_of(text: str) -> Format:
    """The format that `text` has the shape of."""
    lines = [it.strip() for it in text.splitlines()]
    lines = [it for it in lines if it and not it.startswith("#")]
    if not lines:
        return "toml"
    if any(it.startswith("--") and it != "---" for it in lines) and not _is_yaml(lines):
        return "flags"
    if re.fullmatch(r"\S*oauth2[-_]proxy\S*(\s.*)?", lines[0]) and "=" not in lines[0].split()[0]:
        return "yaml" if lines[0].endswith(":") else "flags"
    if all(re.match(r"(export\s+)?[A-Z_][A-Z0-9_]*=", it) for it in lines):  # noqa: TID251
        return "env"
    return "yaml" if _is_yaml(lines) else "toml"


def _is_yaml(lines: list[str]) -> bool:
    return any(re.match(r"(---|-\s|[\"']?[A-Za-z][\w./-]*[\"']?:(\s|$))", it) for it in lines)  # noqa: TID251


def read_options(text: str, path: Path, given: Given, form: Format) -> None:
    """Put every option in `text` into `given`.

    Raises:
        UnreadableError: It is not in the format `form`.
    """
    {"toml": _read_toml, "flags": _read_flags, "env": _read_env}[form](text, path, given)


def _read_toml(text: str, path: Path, given: Given) -> None:
    if len(text) > _MOST_TOML_CHARS:
        raise UnreadableError(printable(f"{path}: is larger than 1 MiB, which no TOML file is"))
    _refuse_deep_toml(text, path)
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line ([0-9]+)", str(error))
        place = f"{path}:{line[1]}" if line else f"{path}"
        why = re.sub(r" \(at .*\)", "", str(error)) or "too deeply nested"
        raise UnreadableError(printable(f"{place}: is not TOML: {why}")) from error
    lines = _toml_lines(text)
    for name, value in found.items():
        place = f"{path}:{lines[name]}" if name in lines else str(path)
        if isinstance(value, dict):
            given.report.add("unknown", place, name, "a table is no option of oauth2-proxy")
            continue
        values = value if isinstance(value, list) else [value]
        given.put(name, [_as_text(it) for it in values], place)


def _refuse_deep_toml(text: str, path: Path) -> None:
    """Refuse what would make the parser recurse, or look at each of many parts again and again."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count("[") > _DEEPEST_TOML and re.search(r"(\[\s*){40}", line):
            raise UnreadableError(printable(f"{path}:{number}: is nested too deeply"))
        if line.partition("=")[0].count(".") > _DEEPEST_TOML:
            raise UnreadableError(printable(f"{path}:{number}: has a name of too many parts"))


def _toml_lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", line)  # noqa: TID251 - a beginning
        if found is not None:
            lines.setdefault(found[1], number)
    return lines


def _as_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _read_env(text: str, path: Path, given: Given) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()  # noqa: PLW2901 - blanks around mean nothing
        if not line or line.startswith("#"):
            continue
        found = _VARIABLE.fullmatch(line)
        if found is None:
            raise UnreadableError(printable(f"{path}:{number}: is not NAME=value"))
        _put_variable(given, found[1], _unquoted(found[2]), f"{path}:{number}")


def _unquoted(value: str) -> str:
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _put_variable(given: Given, name: str, value: str, place: str) -> None:
    if not name.upper().startswith(_PREFIX):
        return  # Of another program.
    option = name[len(_PREFIX) :]
    if known_option(option) is None:
        given.put(name, [value], place)
    else:
        given.put(option.lower(), _split(option, value), place)


def _split(name: str, value: str) -> list[str]:
    """The values of one text: a list is split at commas, as in a line of CSV."""
    known = known_option(name.lstrip("-"))
    if known is None or known.form != "list":
        return [value]
    try:
        return next(csv.reader([value], strict=True), [])
    except csv.Error:
        return value.split(",")


def _read_flags(text: str, path: Path, given: Given) -> None:
    words: list[tuple[str, str]] = []
    for number, line in _logical_lines(text):
        try:
            split = shlex.split(line, comments=True)
        except ValueError as error:
            why = str(error).lower()
            raise UnreadableError(
                printable(f"{path}:{number}: is not a command line: {why}")
            ) from error
        words += [(word, f"{path}:{number}") for word in split]
    _put_flags(given, words)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with those that it goes on in after a backslash, and the number of the first."""
    first, gathered = 1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        first = number if not gathered else first
        if line.rstrip().endswith("\\"):
            gathered += line.rstrip()[:-1] + " "
            continue
        yield first, gathered + line
        gathered = ""
    if gathered:
        yield first, gathered


def _put_flags(given: Given, words: list[tuple[str, str]]) -> None:
    at = 0
    while at < len(words):
        word, place = words[at]
        at += 1
        found = _FLAG.fullmatch(word.strip())
        if found is None:
            continue  # The program's name, or a value that stands alone.
        name, value = found[1], found[2]
        known = known_option(name)
        if value is None and known is not None and known.form == "flag":
            value = "true"
        elif value is None and at < len(words) and not _FLAG.fullmatch(words[at][0]):
            value = words[at][0]
            at += 1
        given.put(f"--{name}", _split(name, value or ""), place, adds=True)


def read_yaml(text: str, path: Path) -> tuple[list[Data], Document]:
    """The documents of a YAML file.

    Raises:
        UnreadableError: It is not acceptable YAML.
    """
    documents, about = read_written(text, str(path))
    if about.problems:
        raise UnreadableError(about.lines(about.problems)[0])
    return documents, about


def place_of(about: Document, path: DataPath) -> str:
    """``file:line`` of the value at `path`."""
    mark = about.marks.get(about.nearest(path))
    return about.source if mark is None else mark.key.rpartition(":")[0]


def put_from_yaml(data: Data, about: Document, given: Given, path: DataPath = ()) -> bool:
    """Put flags and variables from anywhere in `data`, such as a Deployment or a Compose file.

    Returns:
        Whether there were any.
    """
    if isinstance(data, dict):
        return _put_mapping(data, about, given, path)
    return isinstance(data, list) and _put_list(data, about, given, path)


def _put_mapping(data: dict[str, Data], about: Document, given: Given, path: DataPath) -> bool:
    name, value = data.get("name"), data.get("value")
    if isinstance(name, str) and isinstance(value, str) and name.startswith(_PREFIX):
        _put_variable(given, name, value, place_of(about, (*path, "value")))
        return True
    found = False
    for key, item in data.items():
        place = place_of(about, (*path, key))
        if isinstance(item, str) and key.startswith(_PREFIX):
            _put_variable(given, key, item, place)
        elif isinstance(item, str) and key in _COMMANDS and "--" in item:
            _put_flags(given, [(word, place) for word in item.split()])
        elif not put_from_yaml(item, about, given, (*path, key)):
            continue
        found = True
    return found


def _put_list(data: list[Data], about: Document, given: Given, path: DataPath) -> bool:
    texts = [(it, place_of(about, (*path, i))) for i, it in enumerate(data) if isinstance(it, str)]
    if any(word.startswith("--") for word, _ in texts):
        _put_flags(given, texts)
        return True
    found = False
    for text, place in texts:
        variable = _VARIABLE.fullmatch(text)
        if variable is not None and variable[1].startswith(_PREFIX):
            _put_variable(given, variable[1], variable[2], place)
            found = True
    for index, item in enumerate(data):
        found |= put_from_yaml(item, about, given, (*path, index))
    return found
