"""Writes a configuration as YAML with comments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

_WIDTH = 100
# No indicator of YAML can occur in these, wherever they stand.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-](?:[A-Za-z0-9/._+@:=-]*[A-Za-z0-9/._+@=-])?")


@dataclass(frozen=True, slots=True)
class Noted:
    """A value, and the comment that explains it."""

    value: "Value"
    note: str


Value = str | int | bool | Noted | Mapping[str, "Value"] | Sequence["Value"]


def emit(settings: Mapping[str, Value], indent: int = 0) -> Iterator[str]:
    """The lines of `settings`."""
    pad = "  " * indent
    for name, given in settings.items():
        note, value = (given.note, given.value) if isinstance(given, Noted) else ("", given)
        head, inside = f"{pad}{scalar(name)}:", _block(value, indent)
        if inside is None:
            head += f" {flow(value)}"
        if note and len(head) + len(note) + 4 > _WIDTH:
            yield from _above(note, pad)
        elif note:
            head += f"  # {_one_line(note)}"
        yield head
        yield from inside or ()


def _block(value: Value, indent: int) -> list[str] | None:
    """The lines of a value that does not fit on its name's line; None if it does."""
    if isinstance(value, Mapping) and value:
        return list(emit(value, indent + 1))
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    if not any(isinstance(it, Mapping | Noted) for it in value):
        return None
    return [line for it in value for line in _item(it, indent + 1)]


def _item(value: Value, indent: int) -> list[str]:
    """The lines of one item of a list."""
    pad = "  " * indent
    note = value.note if isinstance(value, Noted) else ""
    value = value.value if isinstance(value, Noted) else value
    above = list(_above(note, pad)) if note else []
    if not isinstance(value, Mapping):
        return [*above, f"{pad}- {flow(value)}"]
    if _is_simple(value) and len(line := f"{pad}- {flow(value)}") <= _WIDTH:
        return [*above, line]
    first, *rest = emit(value, indent + 1)
    # A comment above the first name stays above the whole item.
    while first.lstrip().startswith("#"):
        above.append(pad + first.lstrip())
        first, *rest = rest
    return [*above, f"{pad}- {first.lstrip()}", *rest]


def _is_simple(value: Mapping[str, Value]) -> bool:
    """Whether `value` is read easily on one line."""
    return not any(isinstance(it, Mapping | Noted) for it in value.values())


def _above(note: str, pad: str) -> Iterator[str]:
    line = f"{pad}#"
    for word in _one_line(note).split():
        if len(line) + len(word) >= _WIDTH and line != f"{pad}#":
            yield line
            line = f"{pad}#"
        line += f" {word}"
    yield line


def _one_line(text: str) -> str:
    """`text` without what could end a comment, because it may quote the imported file."""
    return "".join(c if c.isprintable() else "?" for c in text)


def flow(value: Value) -> str:
    """`value` on one line."""
    if isinstance(value, Noted):
        return flow(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]"


def scalar(text: str) -> str:
    """`text` so that every reader of YAML takes it for this text."""
    if _PLAIN.fullmatch(text) is not None and yaml.safe_load(text) == text:
        return text
    escaped = {'"': '\\"', "\\": "\\\\"}
    inside = "".join(escaped.get(c) or (c if c.isprintable() else _escaped(c)) for c in text)
    return f'"{inside}"'


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08x}"


def literal(text: str) -> str:
    """`text` of the imported file, so that no part of it is taken for a variable."""
    return text.replace("${", "$${")
