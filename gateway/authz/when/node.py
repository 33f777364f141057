"""A part of a compiled expression, and why one may have no value.

A part never raises.  One that has no value gives a `Fault`, as CEL's errors are values: ``&&`` and
``||`` drop it where the other side decides (CEL specification, "Logical Operators").
"""

from gateway.authz.facts import Facts, Unmet, Unreadable


class Fault:
    """Why a part has no value.  Never modified.

    Attributes:
        result: What it makes of the condition.
        is_unreadable: Whether something is there that cannot be read; otherwise it is missing.
    """

    __slots__ = ("is_unreadable", "result")

    def __init__(self, result: Unmet | Unreadable) -> None:
        self.result = result
        self.is_unreadable = isinstance(result, Unreadable)


def missing(reason: str, detail: str) -> Fault:
    """The fault of a fact that is not there."""
    return Fault(Unmet(reason, detail))


def unreadable(detail: str) -> Fault:
    """The fault of a fact that cannot be read."""
    return Fault(Unreadable(detail))


class Faults:
    """The faults that a part of the expression gives for the values of its own parts."""

    __slots__ = ("null", "partial", "wrong")

    def __init__(self, text: str, wrong: str = "has a value of the wrong type") -> None:
        shown = repr(text)
        self.wrong = unreadable(f"{shown} {wrong}")
        # As for every condition, null counts as missing.
        self.null = missing("claim-missing", f"{shown} reads null")
        self.partial = unreadable(f"{shown} reads a list of which some entries cannot be read")

    def of(self, value: object) -> Fault:
        """The fault for a `value` that is not usable here."""
        if isinstance(value, Fault):
            return value
        return self.null if value is None else self.wrong


def worse(first: Fault | None, second: Fault) -> Fault:
    """The fault that counts of two: unreadable before missing, because it meets a `deny`."""
    return second if first is None or (second.is_unreadable and not first.is_unreadable) else first


def fault_of_two(left: object, right: object, faults: Faults) -> Fault:
    """The fault of two values that do not go together."""
    fault: Fault | None = None
    for value in (left, right):
        if value is None or isinstance(value, Fault):
            fault = worse(fault, faults.of(value))
    return faults.wrong if fault is None else fault


class Node:
    """A part of an expression."""

    __slots__ = ()

    def value(self, facts: Facts, item: object) -> object:
        """The value for a request; `item` is that of the variable of `exists` or `all`."""
        raise NotImplementedError


class Names(Node):
    """A fact that is a list of texts; its value is a container of them, or a Fault."""

    __slots__ = ()

    def is_partial(self, facts: Facts) -> bool:
        """Whether some entries of the list cannot be read."""
        return False


class Constant(Node):
    """A value that is written out."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def value(self, facts: Facts, item: object) -> object:
        """The value, whatever the request."""
        return self._value


class Item(Node):
    """The variable of `exists` or `all`."""

    __slots__ = ()

    def value(self, facts: Facts, item: object) -> object:
        """The current item."""
        return item
