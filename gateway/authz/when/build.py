"""Compiles an expression: its checked tree becomes parts that answer for a request."""

from collections.abc import Mapping
from typing import assert_never

from gateway.authz.when import facts
from gateway.authz.when.comparison import (
    UNLIKE,
    Equals,
    InAny,
    InNames,
    InValues,
    IsNull,
    Less,
)
from gateway.authz.when.logic import Choice, Each, Not, Several
from gateway.authz.when.node import Constant, Faults, Item, Names, Node, missing
from gateway.authz.when.values import HasStep, Size, Step, TextTest
from gateway.expressions import tree
from gateway.expressions.expression import Expression
from gateway.expressions.kinds import FACTS

_SINGLE: Mapping[str, Node] = {
    "user": facts.Known("identity.user"),
    "email": facts.Email(False),
    "email_domain": facts.Email(True),
    "groups": facts.Listed("groups"),
    "roles": facts.Listed("roles"),
    # They come with the credential, whatever of the provider cannot be read.
    "scopes": facts.Listed("scopes", of_provider=False),
    "provider": facts.Known("identity.provider"),
    "credential": facts.Known("identity.credential"),
    "acr": facts.Acr(),
    "amr": facts.Listed("amr"),
    "auth_age": facts.AuthAge(),
    "ip": facts.Ip(),
    "method": facts.Known("request.method"),
    "path": facts.Path(),
    "host": facts.Known("request.host"),
    "now": facts.Known("now"),
}


def build(expression: Expression, *, knows_who: bool = True) -> Node:
    """The compiled `expression`; without `knows_who`, facts of the identity are missing."""
    return _Build(expression.text, knows_who).node(expression.tree)


class _Build:
    def __init__(self, text: str, knows_who: bool) -> None:
        self._text = text
        self._knows_who = knows_who

    def _faults(self, part: tree.Node) -> Faults:
        shown = " ".join(self._text[part.start : part.end].split())
        if isinstance(part, tree.Comparison):
            return Faults(shown, UNLIKE)
        return Faults(shown)

    def node(self, part: tree.Node) -> Node:
        """The compiled `part`."""
        match part:
            case tree.Literal():
                return Constant(part.value)
            case tree.ListOf():
                return Constant(part.values)
            case tree.Name():
                return self._fact(part.name)
            case tree.Member():
                return self._member(part, asks=False)
            case tree.Has():
                return self._member(part.of, asks=True)
            case tree.Comparison():
                return self._comparison(part)
            case _:
                return self._joined(part)

    def _joined(self, part: tree.Not | tree.Several | tree.Choice | tree.Call | tree.Each) -> Node:
        faults = self._faults(part)
        match part:
            case tree.Not():
                return Not(self.node(part.of), faults)
            case tree.Several():
                return Several(part.operator == "||", tuple(map(self.node, part.parts)), faults)
            case tree.Choice():
                then, otherwise = self.node(part.then), self.node(part.otherwise)
                return Choice(self.node(part.condition), then, otherwise, faults)
            case tree.Call(function="size"):
                return Size(self.node(part.of), faults)
            case tree.Call():
                return TextTest(
                    part.function, self.node(part.of), self.node(part.arguments[0]), faults
                )
            case tree.Each():
                over, body = self.node(part.over), self.node(part.body)
                return Each(part.macro == "exists", over, body, faults)
            case _:
                assert_never(part)

    def _fact(self, name: str) -> Node:
        known = FACTS.get(name)
        if known is None:
            return Item()
        return facts.Nobody() if known.of_identity and not self._knows_who else _SINGLE[name]

    def _member(self, part: tree.Member, *, asks: bool) -> Node:
        root, keys = tree.path_of(part) or ("", ())
        if root in ("claims", "headers"):
            return self._entry(root, keys, asks=asks)
        of, faults = self.node(part.of), self._faults(part)
        if asks:
            return HasStep(of, part.key, faults)
        shown = self._text[part.start : part.end]
        return Step(of, part.key, faults, missing("claim-missing", f"no {shown!r}"))

    def _entry(self, root: str, keys: tuple[str | int, ...], *, asks: bool) -> Node:
        """A claim or a header, or whether it is there."""
        if root == "headers":
            return facts.Header(str(keys[0]), asks)
        return facts.Claim(keys, asks) if self._knows_who else facts.Nobody()

    def _comparison(self, part: tree.Comparison) -> Node:
        faults = self._faults(part)
        if part.operator == "in":
            return self._membership(part, faults)
        sides = [part.left, part.right]
        if part.operator in ("==", "!="):
            wanted = part.operator == "=="
            for side, other in (sides, reversed(sides)):
                if isinstance(side, tree.Literal) and side.value is None:
                    return IsNull(self.node(other), wanted)
            return Equals(self.node(part.left), self.node(part.right), wanted, faults)
        if part.operator in (">", ">="):
            sides.reverse()
        left, right = map(self.node, sides)
        return Less(left, right, len(part.operator) > 1, faults)

    def _membership(self, part: tree.Comparison, faults: Faults) -> Node:
        within = part.right
        if isinstance(within, tree.Name) and within.name in ("claims", "headers"):
            assert isinstance(part.left, tree.Literal)  # noqa: S101 - it is checked
            return self._entry(within.name, (str(part.left.value),), asks=True)
        of = self.node(part.left)
        if isinstance(within, tree.ListOf):
            return InValues(of, frozenset(within.values), faults)
        container = self.node(within)
        if isinstance(container, Names):
            return InNames(of, container, faults)
        return InAny(of, container, faults)
