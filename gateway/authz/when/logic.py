"""Parts that join others: ``!``, ``&&``, ``||``, ``? :``, `exists` and `all`."""

from gateway.authz.facts import Facts
from gateway.authz.when.node import Fault, Faults, Names, Node, worse


class Not(Node):
    """``!of``."""

    __slots__ = ("_faults", "_of")

    def __init__(self, of: Node, faults: Faults) -> None:
        self._of = of
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """The opposite."""
        found = self._of.value(facts, item)
        if found is True:
            return False
        return True if found is False else self._faults.of(found)


class Several(Node):
    """``&&`` (`decisive` is False) or ``||`` (True): one decisive part is enough."""

    __slots__ = ("_decisive", "_faults", "_parts")

    def __init__(self, decisive: bool, parts: tuple[Node, ...], faults: Faults) -> None:
        self._decisive = decisive
        self._parts = parts
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """A fault counts only if no part decides."""
        fault: Fault | None = None
        for part in self._parts:
            found = part.value(facts, item)
            if found is True or found is False:
                if found is self._decisive:
                    return found
            else:
                fault = worse(fault, self._faults.of(found))
        return (not self._decisive) if fault is None else fault


class Choice(Node):
    """``condition ? then : otherwise``."""

    __slots__ = ("_condition", "_faults", "_otherwise", "_then")

    def __init__(self, condition: Node, then: Node, otherwise: Node, faults: Faults) -> None:
        self._condition = condition
        self._then = then
        self._otherwise = otherwise
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """Only one of the two is read."""
        found = self._condition.value(facts, item)
        if found is True:
            return self._then.value(facts, item)
        if found is False:
            return self._otherwise.value(facts, item)
        return self._faults.of(found)


class Each(Node):
    """``over.exists(x, body)`` (`decisive` is True) or ``over.all(x, body)`` (False)."""

    __slots__ = ("_body", "_decisive", "_faults", "_over")

    def __init__(self, decisive: bool, over: Node, body: Node, faults: Faults) -> None:
        self._decisive = decisive
        self._over = over
        self._body = body
        self._faults = faults

    def value(self, facts: Facts, item: object) -> object:
        """As if the body were joined by ``||`` or ``&&`` for all items; of a map, its keys."""
        over = self._over.value(facts, item)
        if not isinstance(over, list | tuple | frozenset | dict):
            return self._faults.of(over)
        fault: Fault | None = None
        for one in over:
            found = self._body.value(facts, one)
            if found is True or found is False:
                if found is self._decisive:
                    return found
            else:
                fault = worse(fault, self._faults.of(found))
        if isinstance(self._over, Names) and self._over.is_partial(facts):
            fault = worse(fault, self._faults.partial)
        return (not self._decisive) if fault is None else fault
