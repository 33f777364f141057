"""Parts that compare: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` and ``in``.

Stricter than CEL, values of different types are a fault and not unequal: a claim of a type that the
rule did not expect says nothing.
"""

from gateway.authz.facts import Facts
from gateway.authz.when.node import Fault, Faults, Names, Node, fault_of_two

UNLIKE = "compares values of different types"


class Equals(Node):
    """``left == right`` (`wanted` is True) or ``left != right``."""

    __slots__ = ("_faults", "_left", "_right", "_wanted")

    def __init__(self, left: Node, right: Node, wanted: bool, faults: Faults) -> None:
        self._left = left
        self._right = right
        self._wanted = wanted
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Numbers are compared by value, lists item by item."""
        left, right = self._left.value(facts, item), self._right.value(facts, item)
        if isinstance(left, str) and isinstance(right, str):
            return (left == right) is self._wanted
        found = equal(left, right)
        if found is None:
            return fault_of_two(left, right, self._faults)
        return found is self._wanted


class IsNull(Node):
    """``of == null`` (`wanted` is True) or ``of != null``."""

    __slots__ = ("_of", "_wanted")

    def __init__(self, of: Node, wanted: bool) -> None:
        self._of = of
        self._wanted = wanted

    def value(self, facts: Facts, item: object) -> object:
        """Whether the value is there and null."""
        found = self._of.value(facts, item)
        return found if isinstance(found, Fault) else (found is None) is self._wanted


class Less(Node):
    """``left < right``, or ``left <= right`` if `or_equal`."""

    __slots__ = ("_faults", "_left", "_or_equal", "_right")

    def __init__(self, left: Node, right: Node, or_equal: bool, faults: Faults) -> None:
        self._left = left
        self._right = right
        self._or_equal = or_equal
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Numbers by value, texts by code points."""
        left, right = self._left.value(facts, item), self._right.value(facts, item)
        if isinstance(left, bool) or isinstance(right, bool):
            return fault_of_two(left, right, self._faults)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return left < right or (self._or_equal and left == right)
        if isinstance(left, str) and isinstance(right, str):
            return left < right or (self._or_equal and left == right)
        return fault_of_two(left, right, self._faults)


class InValues(Node):
    """``of in [...]``, of values that are written out."""

    __slots__ = ("_faults", "_number", "_of", "_text", "_truth", "_values")

    def __init__(self, of: Node, values: frozenset[object], faults: Faults) -> None:
        self._of = of
        self._values = values
        self._faults = faults
        one = next(iter(values), None)
        self._text = isinstance(one, str)
        self._truth = isinstance(one, bool)
        self._number = isinstance(one, int | float) and not self._truth

    def value(self, facts: Facts, item: object) -> object:
        """Whether the value is one of them."""
        found = self._of.value(facts, item)
        if isinstance(found, str):
            is_like = self._text
        elif isinstance(found, bool):
            is_like = self._truth
        else:
            is_like = self._number and isinstance(found, int | float)
        if is_like:
            return found in self._values
        return self._faults.of(found) if self._values or isinstance(found, Fault) else False


class InNames(Node):
    """``of in groups``, or in another fact that is a list of texts."""

    __slots__ = ("_faults", "_names", "_of")

    def __init__(self, of: Node, names: Names, faults: Faults) -> None:
        self._of = of
        self._names = names
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Whether the list has the text."""
        names = self._names.value(facts, item)
        found = self._of.value(facts, item)
        if not isinstance(found, str):
            return fault_of_two(found, names, self._faults)
        if not isinstance(names, tuple | frozenset):
            return self._faults.of(names)
        is_there = found in names
        if not is_there and self._names.is_partial(facts):
            return self._faults.partial
        return is_there


class InAny(Node):
    """``of in container``, whose type is known only at the request: a list, or a map's keys."""

    __slots__ = ("_container", "_faults", "_of")

    def __init__(self, of: Node, container: Node, faults: Faults) -> None:
        self._of = of
        self._container = container
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """As ``container.exists(x, x == of)``."""
        found, container = self._of.value(facts, item), self._container.value(facts, item)
        if found is None or isinstance(found, Fault) or isinstance(container, Fault):
            return fault_of_two(found, container, self._faults)
        if isinstance(container, dict):
            return found in container if isinstance(found, str) else self._faults.wrong
        if not isinstance(container, list | tuple):
            return self._faults.of(container)
        is_unlike = False
        for one in container:
            is_same = equal(one, found)
            if is_same is True:
                return True
            is_unlike = is_unlike or is_same is None
        return self._faults.wrong if is_unlike else False


def equal(left: object, right: object) -> bool | None:
    """Whether two values are equal; None if they are not of one type."""
    if isinstance(left, str):
        return left == right if isinstance(right, str) else None
    if isinstance(left, bool) or isinstance(right, bool):
        is_like = isinstance(left, bool) and isinstance(right, bool)
        return left is right if is_like else None
    if isinstance(left, int | float):
        return left == right if isinstance(right, int | float) else None
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return _equal_lists(left, right)
    return None


def _equal_lists(
    left: list[object] | tuple[object, ...], right: list[object] | tuple[object, ...]
) -> bool | None:
    if len(left) != len(right):
        return False
    found: bool | None = True
    for one, other in zip(left, right, strict=True):
        # One level, so that no claim decides how deep this goes.
        is_deep = isinstance(one, list | tuple) or isinstance(other, list | tuple)
        is_same = None if is_deep else equal(one, other)
        if is_same is False:
            return False
        if is_same is None:
            found = None
    return found
