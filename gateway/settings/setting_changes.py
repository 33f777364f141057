"""What a new configuration changes, for those who administer the gateway; without its secrets."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import PlainSerializer
from pydantic.fields import FieldInfo

from gateway.settings.access import Named
from gateway.settings.document import Path, dotted_path
from gateway.settings.scalars import Section, format_duration, printable
from gateway.settings.schema import Settings

# Besides what its model hides: texts that people put secrets into.
_HIDDEN: Final = frozenset({"set", "authorize_params", "header", "headers", "sha256"})
_MOST_CHANGES: Final = 200
_MOST_CHARS: Final = 200
_NEVER: Final = object()

# User name and password, and the query, of a URL.
_USERINFO = re.compile(r"(://)[^/\s@]*@")
_QUERY = re.compile(r"(://[^\s?]*\?)\S+")

IsHidden = Callable[[Path], bool]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that differs.

    Attributes:
        path: Its dotted path; list items that have a name are under that: ``routes[board].access``.
        old: Its value as text; None if it was not set, or may not be shown.
        new: As `old`.
        is_hidden: Whether its values may not be shown: they are secrets, or may hold some.
    """

    path: str
    old: str | None
    new: str | None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: object
    text: str
    is_hidden: bool
    is_default: bool


def setting_changes(
    old: Settings,
    new: Settings,
    hides: IsHidden = lambda path: False,
) -> tuple[SettingChange, ...]:
    """The settings that differ, by the order of `new`; never more than so many.

    `hides` tells of a path, with the places of lists, whether its value may not be shown: because
    it is from the environment or a file.
    """
    before, after = (dict(_leaves(it, (), "", hides, hidden=False)) for it in (old, new))
    paths = dict.fromkeys((*after, *before))
    changes = (it for path in paths if (it := _change(path, before.get(path), after.get(path))))
    return tuple(change for change, _ in zip(changes, range(_MOST_CHANGES), strict=False))


def _change(path: str, old: _Leaf | None, new: _Leaf | None) -> SettingChange | None:
    if old is not None and new is not None and old.value == new.value:
        return None
    if all(it is None or it.is_default for it in (old, new)):
        # Of a section that was added or removed.
        return None
    is_hidden = any(it is not None and it.is_hidden for it in (old, new))
    texts = [None if it is None or is_hidden else it.text for it in (old, new)]
    return SettingChange(path, texts[0], texts[1], is_hidden)


def _leaves(
    section: Section, path: Path, shown: str, hides: IsHidden, *, hidden: bool
) -> Iterator[tuple[str, _Leaf]]:
    for name, info in type(section).model_fields.items():
        value, key = getattr(section, name), info.alias or name
        at = (*path, key)
        text = f"{shown}.{key}" if shown else key
        default = _NEVER if info.is_required() else info.get_default(call_default_factory=True)
        is_hidden = hidden or not info.repr or name in _HIDDEN or hides(at)
        for inner, leaf in _of_value(value, info, at, text, hides, is_hidden):
            is_default = leaf.is_default or (value == default and inner == text)
            yield inner, _Leaf(leaf.value, leaf.text, leaf.is_hidden, is_default)


def _of_value(
    value: Any, info: FieldInfo, path: Path, shown: str, hides: IsHidden, hidden: bool
) -> Iterator[tuple[str, _Leaf]]:
    hidden = hidden or hides(path)
    if isinstance(value, Section):
        yield from _leaves(value, path, shown, hides, hidden=hidden)
    elif isinstance(value, Mapping) and value:
        for name, inner in value.items():
            at = f"{shown}{dotted_path(('_', str(name)))[1:]}"
            yield from _of_value(inner, info, (*path, str(name)), at, hides, hidden)
    elif isinstance(value, tuple) and any(isinstance(it, Section) for it in value):
        for index, inner in enumerate(value):
            # A list of named items is not changed all over by a new one at its beginning.
            name = getattr(inner, "name", None) if isinstance(inner, Section) else None
            at = f"{shown}[{index if name is None else name}]"
            yield from _of_value(inner, info, (*path, index), at, hides, hidden)
    else:
        inside = isinstance(value, tuple) and any(hides((*path, it)) for it in range(len(value)))
        yield shown, _Leaf(value, _text(value, info), hidden or inside, is_default=False)


def _text(value: object, info: FieldInfo) -> str:
    if isinstance(value, tuple):
        text = ", ".join(_text(it, info) for it in value)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = format_duration(value) if _is_duration(info) else f"{value:g}"
    elif value is None or isinstance(value, Mapping):
        text = ""
    else:
        text = value.name if isinstance(value, Named) else str(value)
    text = printable(without_secrets(text))
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"


def _is_duration(info: FieldInfo) -> bool:
    return any(isinstance(it, PlainSerializer) for it in info.metadata) or _serializes(
        info.annotation
    )


def _serializes(annotation: object) -> bool:
    inner = get_args(annotation)
    return any(isinstance(it, PlainSerializer) or _serializes(it) for it in inner)


def without_secrets(text: str) -> str:
    """`text` without what a URL in it may have of credentials."""
    return _QUERY.sub(r"\1…", _USERINFO.sub(r"\1…@", text))
