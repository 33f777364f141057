"""The setting `when`: an expression, checked when it is read."""

from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from gateway.expressions.expression import Expression
from gateway.expressions.parse import MAX_CHARS
from gateway.expressions.problem import ExpressionError
from gateway.settings.scalars import as_text, wrong


def parse_expression(value: object) -> Expression:
    """The expression in `value`; a mistake is an error that names its line and column."""
    if isinstance(value, Expression):
        return value
    text = as_text(value, "an expression")
    try:
        return Expression.of(text)
    except ExpressionError as error:
        raise wrong("; ".join(_said(text, *problem) for problem in error.problems)) from error


def _said(text: str, at: int, message: str) -> str:
    if len(text) > MAX_CHARS or not text.strip():
        return message
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    place = f"column {column}" if line == 1 else f"line {line}, column {column}"
    return f"at {place}: {message}"


ExpressionText = Annotated[
    Expression,
    PlainValidator(parse_expression),
    PlainSerializer(lambda expression: expression.text, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_CHARS}),
]
