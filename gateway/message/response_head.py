"""Parses the head of an HTTP/1.1 response strictly (RFC 9112, sections 2, 4 and 6).

One exception for old apps: a Content-Length that repeats the same value is accepted, and passed on
once.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.bounded import remember
from gateway.message.field_lines import HeadError, split_fields
from gateway.message.fields import fold
from gateway.message.framing import LENGTH, UNTIL_CLOSE, framed_length

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_REMEMBERED_RESPONSES, _REMEMBERED_RESPONSE_BYTES = 512, 1024


class BareLinesError(HeadError):
    """The first line of the head ends in bare LF; see `gateway.message.response_start`."""


class ResponseHead:
    """A status line and its fields.  Immutable, except for `derived`.

    Attributes:
        line: The status line.
        lines: The field lines as sent, without their line ends.
        names: The field names, folded, in the same order.
        length: Content-Length, `CHUNKED`, or `UNTIL_CLOSE`, from the fields alone; the request's
            method and the status may override it (RFC 9112, section 6.3).
        connection: The tokens of Connection in lower case.
        derived: A cache for values that other stages compute from this head alone; see
            `Fields.derived`.
    """

    __slots__ = (
        "connection",
        "derived",
        "http_1_0",
        "length",
        "line",
        "lines",
        "names",
        "status",
    )

    def __init__(
        self,
        status: int,
        http_1_0: bool,
        line: bytes,
        lines: list[bytes],
        names: tuple[bytes, ...],
        length: int,
        connection: frozenset[bytes],
    ) -> None:
        self.status = status
        self.http_1_0 = http_1_0
        self.line = line
        self.lines = lines
        self.names = names
        self.length = length
        self.connection = connection
        self.derived: dict[object, bytes] = {}

    def value(self, name: bytes) -> bytes:
        """The first value of the field `name` (folded), ``b""`` if absent."""
        if name not in self.names:
            return b""
        return _value(self.lines[self.names.index(name)])


def parse_response_head(head: bytes) -> ResponseHead:
    """Parse the head of an upstream's response (without the empty line).

    Raises:
        BareLinesError: Its first line ends in bare LF, so the head may end elsewhere.
        HeadError: The head is malformed, or its framing is ambiguous.
    """
    known = _KNOWN_RESPONSES.get(head)
    if known is None:
        known = _read_response_head(head)
        # A head that sets a cookie is for one browser and does not repeat.
        if len(head) <= _REMEMBERED_RESPONSE_BYTES and b"set-cookie" not in known.names:
            remember(_KNOWN_RESPONSES, head, known, _REMEMBERED_RESPONSES)
    return known


# Within a second, the unit of Date, an app mostly sends the same few heads.
_KNOWN_RESPONSES: Final[dict[bytes, ResponseHead]] = {}


def _read_response_head(head: bytes) -> ResponseHead:
    line, _, block = head.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        if b"\n" in line:
            raise BareLinesError("the status line: a line feed without a carriage return")
        raise HeadError("not a status line: " + _status_fault(line))
    minor, status = match.groups()
    names, lines = split_fields(block)
    # An app's answers have few different lists of names, however their values differ.
    shape = _shape(tuple(names))
    http_1_0 = minor == b"0"
    folded = shape.names
    connection = _NO_TOKENS
    for index in shape.connection_at:
        connection |= _tokens(_value(lines[index]))
    if shape.length_at >= 0 and LENGTH.fullmatch(value := _value(lines[shape.length_at])):
        length = int(value)
    elif shape.framing:
        values = {name: [_value(lines[i]) for i in at] for name, at in shape.framing.items()}
        if b"content-length" in values:
            values[b"content-length"] = one = [_one_length(values[b"content-length"])]
            folded, lines = _with_one_length(folded, lines, one[0])
        length = framed_length(values, http_1_0=http_1_0)
    else:
        length = UNTIL_CLOSE
    return ResponseHead(int(status), http_1_0, line, lines, folded, length, connection)


def _one_length(values: list[bytes]) -> bytes:
    """The one length that `values` repeat.

    RFC 9112, section 6.3, and RFC 9110, section 8.6: fields and lists that repeat one decimal value
    may be read as that value, and are forwarded as a single one.

    Raises:
        HeadError: They give different lengths.
    """
    said = {part.strip(b" \t") for value in values for part in value.split(b",")}
    if len(said) > 1:
        raise HeadError("different values of Content-Length")
    return said.pop()


def _with_one_length(
    names: tuple[bytes, ...], lines: list[bytes], value: bytes
) -> tuple[tuple[bytes, ...], list[bytes]]:
    kept = [i for i, name in enumerate(names) if name != b"content-length"]
    line = b"Content-Length: " + value
    return (*[names[i] for i in kept], b"content-length"), [*[lines[i] for i in kept], line]


def _status_fault(line: bytes) -> str:
    version, _, rest = line.partition(b" ")
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        return "neither HTTP/1.0 nor HTTP/1.1"
    if re.fullmatch(rb"[1-9][0-9]{2}(?: .*)?", rest, re.DOTALL) is None:
        return "no three-digit status"
    return "a control character in the reason"


_RESPONSE_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NO_TOKENS: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shape:
    """The folded names of a response's fields, and the positions of those that frame its body.

    Attributes:
        length_at: Position of Content-Length if it alone frames the body; else -1.
    """

    names: tuple[bytes, ...]
    framing: dict[bytes, list[int]]
    length_at: int
    connection_at: tuple[int, ...]


@lru_cache(maxsize=1024)
def _shape(names: tuple[bytes, ...]) -> _Shape:
    folded = tuple(map(fold, names))
    framing: dict[bytes, list[int]] = {}
    for index, name in enumerate(folded):
        if name in _RESPONSE_FRAMING:
            # The client compares names without folding, so it would frame the body differently.
            if name != names[index].lower():
                raise HeadError(f"{name.decode()} is misspelled")
            framing.setdefault(name, []).append(index)
    connection_at = tuple(framing.pop(b"connection", ()))
    lengths = framing.get(b"content-length", [])
    is_plain = len(lengths) == 1 and len(framing) == 1
    return _Shape(folded, framing, lengths[0] if is_plain else -1, connection_at)


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip(b" \t")


@lru_cache(maxsize=256)
def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(part.strip(b" \t") for part in value.lower().split(b","))
