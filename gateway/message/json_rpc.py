"""Reads the JSON-RPC messages of a request to an MCP server, as every server reads them.

JSON-RPC 2.0 over Streamable HTTP (MCP 2026-07-28, "Streamable HTTP"; batches as of 2025-03-26).
What two parsers could read differently is refused: of a member given twice, one takes the first and
another the last, and some take ``Method`` for ``method``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from gateway.errors import GatewayError
from gateway.message.fields import Fields, fold

# Far more than a call by a person needs, and no more than the gateway's own forms.
MAX_MESSAGE_BYTES: Final = 65536
_MAX_DEPTH: Final = 64
_MAX_MESSAGES: Final = 100
# Twice what MCP recommends for the name of a tool (2025-11-25, "Tools").
_MAX_NAME_CHARS: Final = 256
_MEMBERS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_NAMES: Final = frozenset({"name", "uri"})
# The member of `params` that Mcp-Name repeats.
_NAMED: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
}
_CALL: Final = "tools/call"
_MEDIA_TYPE: Final = re.compile(
    rb'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE
)


class UnreadableMessageError(GatewayError):
    """The body is not one JSON-RPC message, or batch, that all servers read alike."""

    reason = "mcp-unreadable"
    status = 400


class MessageTooLargeError(GatewayError):
    """The body is longer than `MAX_MESSAGE_BYTES`."""

    reason = "mcp-too-large"
    status = 413


class HeaderMismatchError(GatewayError):
    """Mcp-Method or Mcp-Name says something else than the body."""

    reason = "mcp-mismatch"
    status = 400


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON-RPC message.

    Attributes:
        method: ``""`` for a response, which has none.
        tool: The tool that a ``tools/call`` calls; None for any other message.
        named: What Mcp-Name may say.
    """

    method: str
    tool: str | None = None
    named: frozenset[str] = frozenset()


def check_media_type(fields: Fields) -> None:
    """Check that the body is JSON in UTF-8, without a content coding.

    Raises:
        UnreadableMessageError: It is not, or servers could disagree whether it is.
    """
    media_type = _only(fields, b"content-type")
    if media_type is None or _MEDIA_TYPE.fullmatch(media_type) is None:
        raise UnreadableMessageError("Content-Type is not application/json in UTF-8")
    if fields.folded(b"content-encoding"):
        coding = _only(fields, b"content-encoding")
        if coding is None or coding.lower() != b"identity":
            raise UnreadableMessageError("the body has a content coding")


def read_messages(body: bytes, fields: Fields) -> tuple[Message, ...]:
    """The messages of `body`, at least one; `fields` are those of the request.

    Raises:
        UnreadableMessageError, HeaderMismatchError: See there.
    """
    value = _read_json(body)
    given = value if isinstance(value, list) else [value]
    if not 0 < len(given) <= _MAX_MESSAGES:
        raise UnreadableMessageError(f"a batch of {len(given)} messages")
    messages = tuple(map(_message, given))
    _check_headers(fields, messages)
    return messages


def _read_json(body: bytes) -> object:
    """The value of `body`.

    orjson is strict about UTF-8, NaN, lone surrogates and control characters, and takes the last of
    two equal members; the standard library's reader only looks for these.
    """
    try:
        value: object = orjson.loads(body)
        _check_depth(value)
        json.loads(body.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableMessageError(f"not JSON: {error}") from error
    return value


def _once(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("an object has a member twice")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [it for one in level for it in _inside(one)]
        if not level:
            return
    raise ValueError(f"nested more than {_MAX_DEPTH} deep")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _message(given: object) -> Message:
    if not isinstance(given, dict):
        raise UnreadableMessageError("a message is not an object")
    _check_members(given, _MEMBERS)
    if given.get("jsonrpc") != "2.0":
        raise UnreadableMessageError("jsonrpc is not 2.0")
    is_answer = "result" in given or "error" in given
    if "method" not in given:
        if not is_answer:
            raise UnreadableMessageError("a message has neither method nor result nor error")
        return Message("")
    if is_answer:
        raise UnreadableMessageError("a message has both a method and a result or an error")
    return _call(_name(given["method"], "method"), given.get("params"))


def _call(method: str, params: object) -> Message:
    key = _NAMED.get(method)
    if not isinstance(params, dict):
        if method == _CALL or params is not None:
            raise UnreadableMessageError("params is not an object")
        return Message(method)
    if key is None:
        texts = (value for value in params.values() if isinstance(value, str))
        return Message(method, named=frozenset(texts))
    _check_members(params, _NAMES)
    named = params.get(key)
    if method == _CALL:
        tool = _name(named, "params.name")
        return Message(method, tool, frozenset({tool}))
    return Message(method, named=frozenset({named} if isinstance(named, str) else ()))


def _check_members(given: Mapping[str, object], known: frozenset[str]) -> None:
    """Refuse names that some parsers take for a `known` one: in other case, or cut at a NUL."""
    for name in given:
        if name not in known and name.casefold() in known:
            raise UnreadableMessageError(f"the member {name!r} differs only in case from a known")
        if "\0" in name:
            raise UnreadableMessageError("a member's name has a NUL")


def _name(value: object, what: str) -> str:
    """A method or the name of a tool, in which every server reads the same characters."""
    if not isinstance(value, str):
        raise UnreadableMessageError(f"{what} is not a text")
    if not 0 < len(value) <= _MAX_NAME_CHARS:
        raise UnreadableMessageError(f"{what} has {len(value)} characters")
    if not value.isprintable() or value != value.strip():
        raise UnreadableMessageError(f"{what} has invisible characters")
    return value


def _check_headers(fields: Fields, messages: tuple[Message, ...]) -> None:
    """Compare the fields that repeat the body, if they are there.

    "Servers that process the request body MUST reject requests where the values specified in the
    headers do not match" it (MCP 2026-07-28, "Server Validation").
    """
    if fields.folded(b"mcp-method"):
        method = _text(_only(fields, b"mcp-method"))
        if any(it.method != method for it in messages):
            raise HeaderMismatchError(f"Mcp-Method is {method!r}")
    if fields.folded(b"mcp-name"):
        name = _decoded(_only(fields, b"mcp-name"))
        if any(name not in it.named for it in messages):
            raise HeaderMismatchError(f"Mcp-Name is {name!r}")


def _only(fields: Fields, name: bytes) -> bytes | None:
    """The value of the field `name`; None if it is repeated, or in a spelling some servers read."""
    found = fields.folded(fold(name))
    if len(found) != 1 or found[0][0].lower() != name:
        return None
    return found[0][1]


def _text(value: bytes | None) -> str | None:
    return None if value is None or not value.isascii() else value.decode()


def _decoded(value: bytes | None) -> str | None:
    """The value of Mcp-Name (MCP 2026-07-28, "Value Encoding"); None if it is none."""
    text = _text(value)
    if text is None or not (text.startswith("=?base64?") and text.endswith("?=")):
        return text
    from base64 import b64decode  # Almost every name is plain.

    try:
        return b64decode(text[9:-2], validate=True).decode()
    except ValueError:
        return None
