"""Checks an expression against the facts, before any request.

A misspelt fact, a comparison that can never hold, or work that grows with the square of what a
request brings is a mistake in the configuration.
"""

from collections.abc import Iterable

from gateway.expressions.kinds import FACTS, Kind
from gateway.expressions.parse import FUNCTIONS, MACROS
from gateway.expressions.problem import did_you_mean
from gateway.expressions.tree import (
    Call,
    Choice,
    Comparison,
    Constant,
    Each,
    Has,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    Not,
    Several,
    children,
    path_of,
)

_SIZED = (Kind.TEXT, Kind.LIST, Kind.NAMES, Kind.ANY)
_ORDERED = (Kind.TEXT, Kind.NUMBER, Kind.ANY)
_MAPS = (Kind.CLAIMS, Kind.HEADERS)


def problems_of(tree: Node, text: str) -> list[tuple[int, str]]:
    """(offset, what is wrong) for each mistake in the parsed `text`, in its order."""
    check = _Check(text)
    kind = check.kind_of(tree)
    if not check.problems and kind not in (Kind.BOOL, Kind.ANY):
        check.refuse(tree, f"gives {kind.value}, but an expression is true or false")
    if not check.problems and not names_in(tree):
        check.refuse(tree, "names no fact, so it is always the same")
    return sorted(set(check.problems))


def names_in(tree: Node) -> frozenset[str]:
    """The facts that `tree` names."""
    own = {tree.name} & FACTS.keys() if isinstance(tree, Name) else set()
    return frozenset(own).union(*map(names_in, children(tree)))


class _Check:
    def __init__(self, text: str) -> None:
        self.problems: list[tuple[int, str]] = []
        self._text = text
        self._variable: str | None = None
        self._variable_kind = Kind.ANY

    def refuse(self, node: Node, message: str) -> Kind:
        """Note a mistake; what depends on `node` is then not judged."""
        self.problems.append((node.start, message))
        return Kind.ANY

    def _shown(self, node: Node) -> str:
        text = " ".join(self._text[node.start : node.end].split())
        return f'"{text}"' if len(text) <= 40 else f'"{text[:39]}…"'  # noqa: PLR2004

    def kind_of(self, node: Node) -> Kind:
        """The kind of value that `node` gives."""
        match node:
            case Literal():
                return _kind_of_constant(node.value)
            case ListOf():
                return self._list(node)
            case Name():
                return self._name(node)
            case Member():
                return self._member(node)
            case Choice():
                return self._choice(node)
            case Call():
                return self._call(node)
            case _:
                self._question(node)
                return Kind.BOOL

    def _question(self, node: Has | Not | Several | Comparison | Each) -> None:
        match node:
            case Has():
                self._member(node.of)
            case Not():
                self._logical(node.of)
            case Several():
                for part in node.parts:
                    self._logical(part)
            case Comparison():
                self._comparison(node)
            case Each():
                self._each(node)

    def _list(self, node: ListOf) -> Kind:
        kinds = set(map(_kind_of_constant, node.values))
        if len(kinds) > 1 or Kind.NULL in kinds:
            self.refuse(node, "a list holds texts only, or numbers only")
        return Kind.LIST

    def _name(self, node: Name) -> Kind:
        if node.name == self._variable:
            return self._variable_kind
        fact = FACTS.get(node.name)
        if fact is None:
            return self._unknown(node)
        if fact.kind in _MAPS:
            return self.refuse(node, f"name one of them, as in {node.name}.level")
        return fact.kind

    def _unknown(self, node: Name) -> Kind:
        near = did_you_mean(node.name, (*FACTS, *FUNCTIONS, *MACROS))
        hint = near or f": known are {', '.join(FACTS)}"
        return self.refuse(node, f'unknown name "{node.name}"' + hint)

    def _member(self, node: Member) -> Kind:
        root = FACTS.get(node.of.name) if isinstance(node.of, Name) else None
        if root is not None and root.kind in _MAPS:
            return self._entry(node, root.kind, node.key)
        kind = self.kind_of(node.of)
        if kind is Kind.NAMES:
            return self.refuse(node, f"{self._shown(node.of)} has no order: use in, or exists")
        if kind is not Kind.ANY:
            return self.refuse(node, f"{self._shown(node.of)} is {kind.value}, without members")
        return Kind.ANY

    def _entry(self, node: Node, kind: Kind, key: Constant) -> Kind:
        """The kind of a claim or a header."""
        if not isinstance(key, str):
            return self.refuse(node, f"{kind.value} have names, not numbers")
        if kind is Kind.CLAIMS:
            return Kind.ANY
        if key != key.lower():
            self.refuse(node, f'write the field in lower case: "{key.lower()}"')
        return Kind.TEXT

    def _logical(self, node: Node) -> Kind:
        kind = self.kind_of(node)
        if kind not in (Kind.BOOL, Kind.ANY):
            self.refuse(node, f"{self._shown(node)} is {kind.value}, not true or false")
        return Kind.BOOL

    def _comparison(self, node: Comparison) -> None:
        if node.operator == "in":
            self._membership(node)
            return
        left, right = self.kind_of(node.left), self.kind_of(node.right)
        if node.operator in ("==", "!="):
            self._equality(node, left, right)
        elif left not in _ORDERED or right not in _ORDERED:
            kind = right if left in _ORDERED else left
            self.refuse(
                node, f"{kind.value} has no order: {node.operator} compares numbers or texts"
            )
        elif left is not right and Kind.ANY not in (left, right):
            self.refuse(node, f"compares {left.value} with {right.value}")

    def _equality(self, node: Comparison, left: Kind, right: Kind) -> None:
        for side, kind in ((node.left, left), (node.right, right)):
            if kind is Kind.NAMES:
                hint = f'write "admins" in {self._text[side.start : side.end]}'
                self.refuse(node, f"{self._shown(side)} is a list: {hint}")
                return
        if left is not right and Kind.ANY not in (left, right):
            self.refuse(node, f"compares {left.value} with {right.value}")

    def _membership(self, node: Comparison) -> None:
        fact = FACTS.get(node.right.name) if isinstance(node.right, Name) else None
        if fact is not None and fact.kind in _MAPS:
            if isinstance(node.left, Literal):
                self._entry(node.left, fact.kind, node.left.value)
            else:
                self.refuse(node.left, f'write out the name: "level" in {self._shown(node.right)}')
            return
        item, kind = self.kind_of(node.left), self.kind_of(node.right)
        if kind is Kind.TEXT:
            self.refuse(node, f"{self._shown(node.right)} is text: use contains, or ==")
        elif kind not in (Kind.LIST, Kind.NAMES, Kind.ANY):
            self.refuse(node, f"{self._shown(node.right)} is {kind.value}, not a list")
        elif item in (Kind.LIST, Kind.NAMES):
            self.refuse(node, f"{self._shown(node.left)} is a list: use exists, or all")
        else:
            self._item(node, item, kind)

    def _item(self, node: Comparison, item: Kind, kind: Kind) -> None:
        """Refuse to look for an item in a list that has none of its kind."""
        inside = _inside(node.right, kind)
        if item is not inside and Kind.ANY not in (item, inside):
            self.refuse(node, f"looks for {item.value} in a list of {inside.value}")

    def _choice(self, node: Choice) -> Kind:
        self._logical(node.condition)
        then, otherwise = self.kind_of(node.then), self.kind_of(node.otherwise)
        if then is not otherwise and Kind.ANY not in (then, otherwise):
            return self.refuse(node, f"gives {then.value} or {otherwise.value}")
        return then if otherwise is Kind.ANY else otherwise

    def _call(self, node: Call) -> Kind:
        kind = self.kind_of(node.of)
        if node.function == "size":
            if kind not in _SIZED:
                self.refuse(node, f"{self._shown(node.of)} is {kind.value}, which has no size")
            return Kind.NUMBER
        for part, found in ((node.of, kind), *((it, self.kind_of(it)) for it in node.arguments)):
            if found not in (Kind.TEXT, Kind.ANY):
                message = f"{self._shown(part)} is {found.value}: {node.function} is for text"
                self.refuse(part, message)
        return Kind.BOOL

    def _each(self, node: Each) -> None:
        if self._variable is not None:
            self.refuse(node, f"{node.macro} inside exists or all takes too long")
            return
        if node.variable in FACTS:
            self.refuse(node, f'"{node.variable}" is a fact: give the variable another name')
            return
        kind = self.kind_of(node.over)
        if kind not in (Kind.LIST, Kind.NAMES, Kind.ANY):
            self.refuse(node, f"{self._shown(node.over)} is {kind.value}, not a list")
            return
        self._variable, self._variable_kind = node.variable, _inside(node.over, kind)
        self._logical(node.body)
        self._variable = None
        if not self.problems and not isinstance(node.over, ListOf):
            for slow in _slow(node.body, node.variable):
                self.refuse(slow, f"{self._shown(slow)} inside {node.macro} takes too long")


def _inside(container: Node, kind: Kind) -> Kind:
    """The kind of the items of `container`."""
    if isinstance(container, ListOf) and container.values:
        return _kind_of_constant(container.values[0])
    return Kind.TEXT if kind is Kind.NAMES else Kind.ANY


def _kind_of_constant(value: Constant) -> Kind:
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOL
    return Kind.TEXT if isinstance(value, str) else Kind.NUMBER


def _slow(body: Node, variable: str) -> Iterable[Node]:
    """The parts of `body` that would read the same long value again for each item of a list."""
    for part in children(body):
        yield from _slow(part, variable)
    match body:
        case Comparison(operator="in"):
            if not _is_short(body.right, variable) and _is_long(body.right):
                yield body
        case Call(function="contains"):
            if not _is_short(body.of, variable):
                yield body
        case Comparison() | Call(arguments=[_]):
            if not any(_is_short(side, variable) for side in children(body)):
                yield body
        case _:
            pass


def _is_long(container: Node) -> bool:
    """Whether it takes long to find something in `container`: all but maps of known names."""
    return not isinstance(container, Name) or container.name not in ("claims", "headers")


def _is_short(node: Node, variable: str) -> bool:
    """Whether `node` is written out, or is a part of the current item."""
    if isinstance(node, Literal | ListOf):
        return True
    found = path_of(node)
    return found is not None and found[0] == variable
