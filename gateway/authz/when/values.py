"""Parts that read texts, lists and maps."""

from gateway.authz.facts import Facts
from gateway.authz.when.node import Fault, Faults, Names, Node, fault_of_two


class Size(Node):
    """``size(of)``: characters of a text, items of a list, keys of a map."""

    __slots__ = ("_faults", "_of")

    def __init__(self, of: Node, faults: Faults) -> None:
        self._of = of
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """The number."""
        found = self._of.value(facts, item)
        if isinstance(self._of, Names) and self._of.is_partial(facts):
            return self._faults.partial
        if isinstance(found, str | list | tuple | frozenset | dict):
            return len(found)
        return self._faults.of(found)


class TextTest(Node):
    """``of.startsWith(part)`` and so on; `test` names which."""

    __slots__ = ("_ends", "_faults", "_of", "_part", "_starts")

    def __init__(self, test: str, of: Node, part: Node, faults: Faults) -> None:
        self._starts = test == "startsWith"
        self._ends = test == "endsWith"
        self._of = of
        self._part = part
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Whether it holds; case matters."""
        found, part = self._of.value(facts, item), self._part.value(facts, item)
        if not isinstance(found, str) or not isinstance(part, str):
            return fault_of_two(found, part, self._faults)
        if self._starts:
            return found.startswith(part)
        return found.endswith(part) if self._ends else part in found


class Step(Node):
    """``of.key`` or ``of[key]``, of a value whose type is known only at the request."""

    __slots__ = ("_absent", "_faults", "_key", "_of")

    def __init__(self, of: Node, key: str | int, faults: Faults, absent: Fault) -> None:
        self._of = of
        self._key = key
        self._faults = faults
        self._absent = absent

    def value(self, facts: Facts, item: object) -> object:
        """The member, or the item of a list."""
        return step(self._of.value(facts, item), self._key, self._faults, self._absent)


class HasStep(Node):
    """``has(of.key)``, of a value whose type is known only at the request."""

    __slots__ = ("_faults", "_key", "_of")

    def __init__(self, of: Node, key: str | int, faults: Faults) -> None:
        self._of = of
        self._key = key
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Whether the map has it, null included."""
        found = self._of.value(facts, item)
        return self._key in found if isinstance(found, dict) else self._faults.of(found)


def step(value: object, key: str | int, faults: Faults, absent: Fault) -> object:
    """The member `key` of a map, or the item of a list."""
    if isinstance(key, str):
        if isinstance(value, dict):
            return value.get(key, absent)
    elif isinstance(value, list | tuple):
        return value[key] if key < len(value) else absent
    return faults.of(value)
