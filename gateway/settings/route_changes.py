"""What a new configuration changes about the routes, for the log."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.settings.access import AccessRules
from gateway.settings.routes import RouteSettings

# Names of each kind in a line for people; as JSON, all are listed.
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RouteChanges:
    """Names of routes, each in the order of its configuration; false if nothing has changed.

    Attributes:
        changed: Name of a route -> its settings that differ.
        moved: Name of a route -> the route that it now comes after; ``""`` for none.  Routes that
            kept their order among each other are not listed.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]
    moved: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved)

    def __str__(self) -> str:
        kinds = {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": [f"{name} ({', '.join(it)})" for name, it in self.changed.items()],
            "moved": [
                f"{name} ({f'after {other}' if other else 'first'})"
                for name, other in self.moved.items()
            ],
        }
        return "; ".join(f"{word} {_listed(texts)}" for word, texts in kinds.items() if texts)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": {name: list(settings) for name, settings in self.changed.items()},
            "moved": {name: other or None for name, other in self.moved.items()},
        }


def route_changes(old: Sequence[RouteSettings], new: Sequence[RouteSettings]) -> RouteChanges:
    """What is different in `new`; routes are the same if they have the same name."""
    before = {route.name: route for route in old}
    after = {route.name: route for route in new}
    pairs = {name: (before[name], route) for name, route in after.items() if name in before}
    differences = {name: tuple(_differences(*pair)) for name, pair in pairs.items()}
    return RouteChanges(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed={name: found for name, found in differences.items() if found},
        moved=_moved([name for name in before if name in after], list(after)),
    )


def _differences(old: RouteSettings, new: RouteSettings) -> Iterable[str]:
    """The settings in which two routes differ; where they are placed is seen in their order."""
    for name in RouteSettings.model_fields:
        one, other = getattr(old, name), getattr(new, name)
        if one == other or name in ("before", "after"):
            continue
        if name == "upstream" and None in (one, other):
            continue  # Filled in, or left out, because of another setting.
        if isinstance(one, AccessRules) and isinstance(other, AccessRules):
            lists = ("allow", "deny")
            yield from (f"access.{it}" for it in lists if getattr(one, it) != getattr(other, it))
        else:
            yield name


def _moved(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """The names of `old` that changed their order in `new` -> the name before each in `new`.

    All but a longest increasing subsequence, so that as few as possible count as moved.
    """
    places = {name: place for place, name in enumerate(old)}
    kept = [name for name in new if name in places]
    # The lowest place that a subsequence of each length ends with, and each name's length in it.
    ends: list[int] = []
    lengths: list[int] = []
    for name in kept:
        length = bisect_left(ends, places[name])
        ends[length : length + 1] = [places[name]]
        lengths.append(length)
    same: set[str] = set()
    for name, length in zip(reversed(kept), reversed(lengths), strict=True):
        if length == len(ends) - len(same) - 1:
            same.add(name)
    previous = dict(zip(new, ["", *new], strict=False))
    return {name: previous[name] for name in kept if name not in same}


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return ", ".join([*texts[:_MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])])
