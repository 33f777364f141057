"""Parses the field lines of a head or trailer section strictly (RFC 9112, section 5).

Refuses what two servers could read differently: bare LF, a space before the colon, folded lines,
control characters.
"""

import re

from gateway.message.fields import Field

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# Matches the name of each well-formed field line, and nothing else, in a block without bare LF.
# Possessive, so that a line cannot cause backtracking.
_NAME = re.compile(rb"^(" + _TOKEN + rb"++):[\t\x20-\x7e\x80-\xff]*+\r\n", re.MULTILINE)
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class HeadError(ValueError):
    """A head, or a trailer section, is malformed.

    The message names the fault and never quotes what was sent, because it goes to the log.
    """


def parse_field_lines(block: bytes) -> tuple[Field, ...]:
    """Split field lines, each ending in CRLF, into (name, value) pairs; values are stripped.

    Raises:
        HeadError: A line is not ``name:value``, or contains a control character.
    """
    names, lines = split_fields(block)
    fields = zip(names, lines, strict=True)
    return tuple([(name, line[len(name) + 1 :].strip(b" \t")) for name, line in fields])


def split_fields(block: bytes) -> tuple[list[bytes], list[bytes]]:
    """The names, and the lines without their line ends, of well-formed field lines.

    Raises:
        HeadError: See `parse_field_lines`.
    """
    lines = block.split(b"\r\n")
    names: list[bytes] = _NAME.findall(block)
    if lines.pop() or not len(names) == len(lines) == block.count(b"\n"):
        raise HeadError(_field_fault(block))
    return names, lines


# Error messages go to the log, and a client may send a credential as a field name.  So only these
# names are quoted.
_TOLD_NAMES = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-disposition",
        b"content-length",
        b"content-type",
        b"cookie",
        b"date",
        b"etag",
        b"expires",
        b"host",
        b"last-modified",
        b"location",
        b"origin",
        b"proxy-authorization",
        b"referer",
        b"server",
        b"set-cookie",
        b"transfer-encoding",
        b"user-agent",
        b"www-authenticate",
        b"x-api-key",
        b"x-powered-by",
    }
)


def _field_fault(block: bytes) -> str:
    """Which field is malformed, and how."""
    for number, line in enumerate(block.split(b"\r\n"), start=1):
        if _NAME.fullmatch(line + b"\r\n") is None:
            return f"{which_field(number, line)}: {_one_fault(line)}"
    return "a line feed without a carriage return"


def which_field(number: int, line: bytes) -> str:
    """The field's position, from 1, and its name if well known; for the log."""
    name = line.partition(b":")[0].strip(b" \t").lower()
    return f"field {number}" + (f" ({name.decode()})" if name in _TOLD_NAMES else "")


def _one_fault(line: bytes) -> str:
    name, colon, value = line.partition(b":")
    if line.startswith((b" ", b"\t")):
        return "a folded line"
    if b"\n" in line:
        return "a line feed without a carriage return"
    if not colon:
        return "no colon"
    if name.endswith((b" ", b"\t")):
        return "a space before the colon"
    if re.fullmatch(_TOKEN + rb"+", name) is None:
        return "a character that is not allowed in a name"
    control = CONTROL.search(value)
    return "malformed" if control is None else f"the control character 0x{control[0].hex()}"
