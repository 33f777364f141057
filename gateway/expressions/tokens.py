"""Splits an expression into tokens (CEL specification, "Syntax")."""

import re
from dataclasses import dataclass
from math import isfinite

from gateway.expressions.problem import ExpressionError

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<number>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+)[A-Za-z0-9_]*)
    | (?P<text>[rR]?(?:"[^"\r\n\\]*(?:\\.[^"\r\n\\]*)*"|'[^'\r\n\\]*(?:\\.[^'\r\n\\]*)*'))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!?:.,()\[\]-])
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]+|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))",
    re.DOTALL,
)
_PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# What people write who know other languages.
_MEANT = {"&": "&&", "|": "||", "=": "==", "and": "&&", "or": "||", "not": "!"}
_MOST_DIGITS = 18  # So that every number fits 64 bits.


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: ``number``, ``text``, ``word``, ``sign`` or ``end``.
        value: Its text; for a number or text, what it stands for.
    """

    kind: str
    value: str | int | float
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """The tokens of `text`, with one of kind ``end`` after them.

    Raises:
        ExpressionError: Something in `text` begins no token.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError((at, _strange(text, at)))
        kind, at = match.lastgroup or "", match.end()
        if kind != "space":
            found.append(Token(kind, _value(kind, match[0], match.start()), match.start(), at))
    return [*found, Token("end", "", len(text), len(text))]


def meant_by(text: str) -> str:
    """The end of a message about `text`, if another language's operator is recognised."""
    return f' (did you mean "{_MEANT[text]}"?)' if text in _MEANT else ""


def _strange(text: str, at: int) -> str:
    if text[at] in "\"'":
        return "text without a closing quote"
    if text[at] in "+*/%":
        return f'"{text[at]}" is not supported: there is no arithmetic'
    if text[at] in "{}":
        return "a map cannot be written out here"
    return f'unexpected "{text[at]}"' + meant_by(text[at])


def _value(kind: str, raw: str, at: int) -> str | int | float:
    if kind == "number":
        return _number(raw, at)
    return _text(raw, at) if kind == "text" else raw


def _number(raw: str, at: int) -> int | float:
    if _NUMBER.fullmatch(raw) is None:
        raise ExpressionError((at, f'"{raw}" is not a number: write 15 or 1.5'))
    if not raw.isdigit() and isfinite(float(raw)):
        return float(raw)
    if len(raw) > _MOST_DIGITS or not raw.isdigit():
        raise ExpressionError((at, f'"{raw}" is too large: {_MOST_DIGITS} digits at most'))
    return int(raw)


def _text(raw: str, at: int) -> str:
    if raw[0] in "rR":
        return raw[2:-1]
    return _ESCAPE.sub(lambda found: _escaped(found, at + 1), raw[1:-1])


def _escaped(found: re.Match[str], start: int) -> str:
    plain, *codes, _ = found.groups()
    if plain is not None:
        return _PLAIN_ESCAPES.get(plain, plain)
    digits = next((code for code in codes if code is not None), None)
    number = None if digits is None else int(digits, 16)
    # Surrogates stand for nothing on their own (CEL specification, "String and Bytes Values").
    if number is None or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:  # noqa: PLR2004
        message = f'unknown escape "{found[0]}": write \\\\ for a backslash'
        raise ExpressionError((start + found.start(), message))
    return chr(number)
