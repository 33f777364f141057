"""Parses an expression: a Pratt parser for the subset of CEL.

Every limit is here, so that no later walk over the tree meets one that is deep or large.
"""

from gateway.expressions.problem import ExpressionError, did_you_mean
from gateway.expressions.tokens import Token, meant_by, tokens_of
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
)

MAX_CHARS = 2000
MAX_PARTS = 100
MAX_DEPTH = 20

FUNCTIONS = {"size": 0, "startsWith": 1, "endsWith": 1, "contains": 1}
MACROS = ("exists", "all")
_CONSTANTS = {"true": True, "false": False, "null": None}
# CEL specification, "Syntax": RESERVED.
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let"}
    | {"loop", "package", "namespace", "return", "var", "void", "while"}
)
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


def parse(text: str) -> Node:
    """The tree of `text`.

    Raises:
        ExpressionError: `text` is no expression of the subset, or it is over a limit.
    """
    if len(text) > MAX_CHARS:
        raise ExpressionError((0, f"is too long: {MAX_CHARS:,} characters at most"))
    parser = _Parser(tokens_of(text))
    if parser.next.kind == "end":
        raise ExpressionError((0, "is empty"))
    found = parser.choice()
    parser.expect_end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._parts = 0

    @property
    def next(self) -> Token:
        """The token that is not yet taken."""
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self.next
        self._at += 1
        # Every part of the tree has a token of its own, so this bounds them all.
        if token.kind != "end" and token.value not in (")", ",", "]"):
            self._parts += 1
        if self._parts > 2 * MAX_PARTS:
            raise ExpressionError((token.start, f"is too long: about {MAX_PARTS} terms at most"))
        return token

    def _is(self, *values: str) -> bool:
        return self.next.kind in ("sign", "word") and self.next.value in values

    def _expect(self, value: str) -> Token:
        if not self._is(value):
            raise ExpressionError((self.next.start, f'expected "{value}", not {self._shown()}'))
        return self._take()

    def _shown(self) -> str:
        if self.next.kind == "end":
            return "the end"
        value = str(self.next.value)
        return f'"{value}"' + meant_by(value)

    def expect_end(self) -> None:
        """Refuse what follows a complete expression."""
        if self.next.kind != "end":
            raise ExpressionError((self.next.start, f"unexpected {self._shown()}"))

    def choice(self) -> Node:
        """``a ? b : c``, or what binds closer."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError((self.next.start, f"is nested too deeply: {MAX_DEPTH} at most"))
        found = self._several("||")
        if self._is("?"):
            self._take()
            then = self._several("||")
            self._expect(":")
            otherwise = self.choice()
            found = Choice(found, then, otherwise, found.start, otherwise.end)
        self._depth -= 1
        return found

    def _several(self, operator: str) -> Node:
        """Parts joined by ``||``, each of parts joined by ``&&``."""
        parts = [self._part(operator)]
        while self._is(operator):
            self._take()
            parts.append(self._part(operator))
        if len(parts) == 1:
            return parts[0]
        return Several(operator, tuple(parts), parts[0].start, parts[-1].end)

    def _part(self, operator: str) -> Node:
        return self._several("&&") if operator == "||" else self._comparison()

    def _comparison(self) -> Node:
        found = self._unary()
        if not self._is(*_COMPARISONS):
            return found
        operator = str(self._take().value)
        right = self._unary()
        if self._is(*_COMPARISONS):
            message = "two comparisons in a row: join them with && or use parentheses"
            raise ExpressionError((self.next.start, message))
        return Comparison(operator, found, right, found.start, right.end)

    def _unary(self) -> Node:
        bangs = []
        while self._is("!"):
            bangs.append(self._take())
        if len(bangs) > 1:
            raise ExpressionError((bangs[0].start, 'several "!" in a row'))
        found = self._postfix()
        return Not(found, bangs[0].start, found.end) if bangs else found

    def _postfix(self) -> Node:
        found = self._primary()
        while self._is(".", "["):
            if self._take().value == "[":
                key = self._key()
                found = Member(found, key, False, found.start, self._expect("]").end)
            else:
                found = self._dotted(found)
        return found

    def _key(self) -> str | int:
        token = self.next
        if token.kind == "text" or (token.kind == "number" and isinstance(token.value, int)):
            self._take()
            assert not isinstance(token.value, float)  # noqa: S101 - for mypy
            return token.value
        message = f'a key is written out, as in ["level"] or [0], not {self._shown()}'
        raise ExpressionError((token.start, message))

    def _dotted(self, of: Node) -> Node:
        name = self._word("a name")
        if not self._is("("):
            return Member(of, str(name.value), True, of.start, name.end)
        if name.value in MACROS:
            return self._each(of, str(name.value))
        return self._call(name, of, of.start)

    def _each(self, over: Node, macro: str) -> Node:
        self._take()
        variable = self._word("the name of a variable")
        self._expect(",")
        body = self.choice()
        end = self._expect(")").end
        return Each(macro, over, str(variable.value), body, over.start, end)

    def _call(self, name: Token, of: Node | None, start: int) -> Node:
        """A function: ``size(x)``, or ``of.name(…)``."""
        self._take()
        function = str(name.value)
        if function not in FUNCTIONS:
            raise ExpressionError((name.start, _unknown_function(function)))
        arguments = [] if self._is(")") else [self.choice()]
        while self._is(","):
            self._take()
            arguments.append(self.choice())
        end = self._expect(")").end
        if of is None and function != "size":
            message = f'write x.{function}("…"), not {function}(x, "…")'
            raise ExpressionError((name.start, message))
        given = arguments if of is None else [of, *arguments]
        if len(given) != FUNCTIONS[function] + 1:
            takes_none = of is not None and FUNCTIONS[function] == 0
            what = "no argument" if takes_none else "one argument"
            raise ExpressionError((name.start, f"{function} takes {what}"))
        return Call(function, given[0], tuple(given[1:]), start, end)

    def _word(self, what: str) -> Token:
        token = self.next
        if token.kind != "word" or token.value in _RESERVED or token.value in _CONSTANTS:
            raise ExpressionError((token.start, f"expected {what}, not {self._shown()}"))
        return self._take()

    def _primary(self) -> Node:
        token = self.next
        if self._is("("):
            self._take()
            found = self.choice()
            self._expect(")")
            return found
        if self._is("["):
            return self._list()
        if token.kind == "word" and token.value not in _CONSTANTS:
            name = self._word("a value")
            if not self._is("("):
                return Name(str(name.value), name.start, name.end)
            return self._has(name) if name.value == "has" else self._call(name, None, name.start)
        return Literal(self._constant(), token.start, self._tokens[self._at - 1].end)

    def _has(self, name: Token) -> Node:
        self._take()
        of = self._postfix()
        end = self._expect(")").end
        if not isinstance(of, Member) or not of.dotted:
            message = "has takes a member with a dot, as in has(claims.level)"
            raise ExpressionError((of.start, message))
        return Has(of, name.start, end)

    def _constant(self) -> Constant:
        token = self.next
        if self._is("-"):
            self._take()
            if self.next.kind != "number":
                raise ExpressionError((token.start, '"-" stands only before a number'))
            value = self._take().value
            assert not isinstance(value, str)  # noqa: S101 - for mypy
            return -value
        if token.kind in ("text", "number"):
            return self._take().value
        if self._is(*_CONSTANTS):
            return _CONSTANTS[str(self._take().value)]
        raise ExpressionError((token.start, f"expected a value, not {self._shown()}"))

    def _list(self) -> ListOf:
        start = self._take().start
        values = [] if self._is("]") else [self._constant()]
        while self._is(","):
            self._take()
            values.append(self._constant())
        return ListOf(tuple(values), start, self._expect("]").end)


def _unknown_function(name: str) -> str:
    if name == "matches":
        return (
            "matches is not supported, because no regular expression here is sure to end in time:"
            " use startsWith, endsWith, contains, or in"
        )
    return f'unknown function "{name}"' + did_you_mean(name, (*FUNCTIONS, *MACROS, "has"))
