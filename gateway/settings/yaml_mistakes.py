"""What to do about text that is not YAML, in words that need no knowledge of its grammar."""

from typing import Protocol

import yaml


class Position(Protocol):
    """The common part of PyYAML's two mark types; both count from 0."""

    @property
    def line(self) -> int:
        """The line."""

    @property
    def column(self) -> int:
        """The column, in characters."""


_BEGINS = "a value cannot begin with this character: put the value in quotes"
# Part of the parser's words, ours, and whether the place is where the thing began that is wrong;
# {start} is that line, and {end} where the parser gave up.
_WORDS: tuple[tuple[str, str, bool], ...] = (
    ("tab character", "indent with spaces, not tabs", False),
    (
        "mapping values are not allowed",
        'a ":" does not belong here: indent the line as its neighbours, end the name above with'
        ' ":", or put the value in quotes',
        False,
    ),
    ("expected ':'", "this is no setting: write name: value", True),
    ("unexpected end of stream", "the quote is never closed", True),
    ("',' or ']'", 'the "[" is not closed, or a comma is missing, by line {end}', True),
    ("',' or '}'", 'the "{" is not closed, or a comma is missing, by line {end}', True),
    (
        "did not find expected key",
        "this does not belong here: indent it as the other settings of the mapping that begins on"
        " line {start}, and put text after a quote or bracket inside it",
        False,
    ),
    (
        "'-' indicator",
        'this is no item of the list that begins on line {start}: begin each with "- ", indented'
        " alike",
        False,
    ),
    ("<document start>", "indent this line as the first setting of the file", False),
    ("cannot start any token", _BEGINS, False),
    ("undefined alias", "put a value that begins with * in quotes", False),
    ("second occurrence", "line {start} has an anchor of this name: use another one", False),
    ("alphabetic or numeric", "put a value that begins with * or & in quotes", True),
    (
        "escape character",
        "a backslash in double quotes begins an escape: use single quotes",
        False,
    ),
    ("comment or line break", "put a value that begins with | or > in quotes", True),
    ("expected node content", "a value is missing before this character, or needs quotes", False),
    ("block sequence entries", "begin a list on a line of its own, or write [a, b]", False),
    ("incompatible YAML", "remove the line that begins with %", False),
)


def explain(text: str, error: yaml.MarkedYAMLError) -> tuple[str, Position | None]:
    """What is wrong with `text` and what to do, and where."""
    end, start = error.problem_mark, error.context_mark
    if error.context == "expected a single document in the stream":
        return "contains several YAML documents", end
    if end is not None and _at(text, end).startswith("\t"):
        return "is not YAML: indent with spaces, not tabs", end
    problem = error.problem or ""
    quoted = _open_quote(text, end) if end is not None and "expected key" in problem else None
    if quoted is not None:
        return "is not YAML: the quote is not closed on its line", quoted
    if end is not None and "node content" in problem and _is_end(text, end):
        return "is not YAML: the file ends where a value or a closing bracket is missing", end
    for part, words, at_start in _WORDS:
        if part in problem:
            said = words.replace("{start}", _line(start)).replace("{end}", _line(end))
            return f"is not YAML: {said}", start if at_start and start is not None else end
    return f"is not YAML: {' '.join(filter(None, (problem, error.context)))}", end


def _line(mark: Position | None) -> str:
    return str(1 if mark is None else mark.line + 1)


def _at(text: str, mark: Position) -> str:
    lines = text.split("\n", mark.line + 1)
    return lines[mark.line][mark.column :] if mark.line < len(lines) else ""


def _is_end(text: str, mark: Position) -> bool:
    return not any(line.strip() for line in text.split("\n")[mark.line + 1 :]) and not _at(
        text, mark
    )


def _open_quote(text: str, end: Position) -> Position | None:
    """Where the quoted value just before `end` begins, if that is on another line."""
    found: Position | None = None
    try:
        for token in yaml.scan(text, Loader=yaml.CSafeLoader):
            if (token.start_mark.line, token.start_mark.column) >= (end.line, end.column):
                break
            is_quoted = isinstance(token, yaml.ScalarToken) and token.style in ("'", '"')
            spans = token.start_mark.line < token.end_mark.line
            found = token.start_mark if is_quoted and spans else None
    except yaml.YAMLError:
        return found
    return found
