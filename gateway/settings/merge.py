"""Merges included files into the main one, and puts all routes in their final order.

Works on documents, so that the checks see one configuration, and each problem its own file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.settings.document import INVALID, Data, Document, Path, Problem
from gateway.settings.route_order import Placement, order_of
from gateway.settings.scalars import EMPTY, kind_of, printable, quote, unknown_message
from gateway.settings.shape import settings_names

_CONFLICT = "conflicting-settings"
# What an included file may have.
_LISTS = ("routes", "tests")
_SHARED = ("routes", "conditions", "tests")


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a list, and where it is written."""

    document: Document
    index: int
    value: Data


def merge(document: Document, included: Sequence[Document]) -> None:
    """Add the routes, conditions and tests of `included` to `document`, the main file.

    Problems, such as a name that is defined twice, go to `document`.
    """
    for part in included:
        document.included.append(printable(part.source))
        document.problems += _unfit(part, document.source)
        _take_conditions(document, part)
    for name in _LISTS:
        _take_list(document, included, name)
    for part in included:
        document.problems += [
            replace(it, path=(), place=it.place or part.place(part.nearest(it.path)))
            for it in part.problems
        ]


def _unfit(part: Document, main: str) -> Iterator[Problem]:
    """Problems with the settings that the file `part` has at its top, which are then dropped."""
    for name in list(part.data):
        message = _unfit_message(name, part.data[name], main)
        if message:
            rule = INVALID if name in _SHARED else "unknown-setting"
            yield Problem((), f"{name}: {message}", part.marks[(name,)].key, rule)
            del part.data[name]


def _unfit_message(name: str, value: Data, main: str) -> str:
    if name == "include":
        return f"an included file cannot include others: include them in {main}"
    if name not in _SHARED:
        if name in settings_names():
            return f"an included file may have only {', '.join(_SHARED)}: move it to {main}"
        return unknown_message("setting", name, _SHARED)
    if value is None:
        return EMPTY
    wanted, form = ("a list", list) if name in _LISTS else ("a mapping", dict)
    return "" if isinstance(value, form) else f"must be {wanted}, not {kind_of(value)}"


def _take_conditions(document: Document, part: Document) -> None:
    given = part.data.get("conditions")
    known = document.data.setdefault("conditions", {}) if given else {}
    if not isinstance(given, dict) or not isinstance(known, dict):
        return
    moves: dict[Path, Path] = {}
    for name, value in given.items():
        path: Path = ("conditions", name)
        if name in known:
            message = f"{quote(name)} is already defined at {document.marks[path].key}"
            document.problems.append(Problem(path, message, part.marks[path].key, _CONFLICT))
        else:
            known[name] = value
            moves[path] = path
    document.marks.setdefault(("conditions",), part.marks[("conditions",)])
    _move(part, document, moves)


def _take_list(document: Document, included: Sequence[Document], name: str) -> None:
    """Add the items of the list `name` of all `included`, in their final order."""
    own = document.data.get(name, [])
    if not isinstance(own, list):
        return  # Reported as such.
    items = [_Item(document, index, value) for index, value in enumerate(own)]
    for part in included:
        given = part.data.get(name, [])
        assert isinstance(given, list)  # noqa: S101 - _unfit drops anything else
        items += [_Item(part, index, value) for index, value in enumerate(given)]
    if name == "routes":
        items = _in_order(document, items)
    if len(items) == len(own):
        return
    document.data[name] = [item.value for item in items]
    for source in (document, *included):
        moves: dict[Path, Path] = {
            (name, item.index): (name, number)
            for number, item in enumerate(items)
            if item.document is source
        }
        if moves:
            document.marks.setdefault((name,), source.marks[(name,)])
        _move(source, document, moves)
    for number, item in enumerate(items):
        document.written[name, number] = (item.document.source, item.index)


def _in_order(document: Document, items: Sequence[_Item]) -> list[_Item]:
    """The routes `items` in their final order."""
    order, problems = order_of([_placement(document, item) for item in items])
    for number, word, message in problems:
        item = items[number]
        item.document.spoil((*_path(item), word), message, rule=_CONFLICT)
        # Where it would stand is unknown, so nothing is said about what hides it.
        item.document.unsure.add(_path(item))
    return [items[number] for number in order]


def _path(item: _Item) -> Path:
    return ("routes", item.index)


def _placement(document: Document, item: _Item) -> Placement:
    given = item.value if isinstance(item.value, dict) else {}
    texts = {
        word: text
        for word in ("name", "before", "after")
        if isinstance(text := given.get(word), str)
    }
    return Placement(
        texts.get("name"), texts.get("before"), texts.get("after"), item.document is document
    )


def _move(source: Document, target: Document, moves: Mapping[Path, Path]) -> None:
    """Move what `source` knows about the paths in `moves` to their new paths in `target`."""

    def moved(path: Path) -> Path:
        return (*moves[path[:2]], *path[2:])

    def is_moved(path: Path) -> bool:
        return path[:2] in moves

    marks = {moved(path): mark for path, mark in source.marks.items() if is_moved(path)}
    problems = [replace(it, path=moved(it.path)) for it in source.problems if is_moved(it.path)]
    source.problems = [it for it in source.problems if not is_moved(it.path)]
    for path in list(filter(is_moved, source.marks)):
        del source.marks[path]
    target.marks |= marks
    target.problems += problems
    for name in ("broken", "unsure", "filled"):
        paths = getattr(source, name)
        found = set(filter(is_moved, paths))
        paths -= found
        getattr(target, name).update(map(moved, found))
