"""The parts of an expression.  `start` and `end` are offsets in its text."""

from dataclasses import dataclass

Constant = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    value: Constant
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values that are written out."""

    values: tuple[Constant, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A fact, or the variable of `exists` or `all`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """``of.key`` or ``of[key]``; `dotted` tells which."""

    of: "Node"
    key: str | int
    dotted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Has:
    """``has(of)``, whether a map has the last key of `of`."""

    of: Member
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """``!of``."""

    of: "Node"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Several:
    """Parts joined by `operator`, ``&&`` or ``||``."""

    operator: str
    parts: tuple["Node", ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values joined by ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``in``."""

    operator: str
    left: "Node"
    right: "Node"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Choice:
    """``condition ? then : otherwise``."""

    condition: "Node"
    then: "Node"
    otherwise: "Node"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `of`, with its other arguments."""

    function: str
    of: "Node"
    arguments: tuple["Node", ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Each:
    """``over.exists(variable, body)`` or ``over.all(variable, body)``."""

    macro: str
    over: "Node"
    variable: str
    body: "Node"
    start: int
    end: int


Node = Literal | ListOf | Name | Member | Has | Not | Several | Comparison | Choice | Call | Each


def children(node: Node) -> tuple[Node, ...]:
    """The parts of `node`."""
    match node:
        case Member() | Has() | Not():
            return (node.of,)
        case Several():
            return node.parts
        case Comparison():
            return node.left, node.right
        case Choice():
            return node.condition, node.then, node.otherwise
        case Call():
            return node.of, *node.arguments
        case Each():
            return node.over, node.body
        case _:
            return ()


def path_of(node: Node) -> tuple[str, tuple[str | int, ...]] | None:
    """The name at the root of `node` and the keys that follow; None if it is no such path."""
    keys: list[str | int] = []
    while isinstance(node, Member):
        keys.append(node.key)
        node = node.of
    return (node.name, tuple(reversed(keys))) if isinstance(node, Name) else None
