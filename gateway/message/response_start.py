"""Finds the head at the start of an upstream's response, and accepts line ends of old apps.

RFC 9112, section 2.2: a head in which every line ends in bare LF is accepted too.
"""

from typing import Final

from gateway.message.field_lines import HeadError, which_field
from gateway.message.response_head import BareLinesError, ResponseHead, parse_response_head

_MAX_HEAD_BYTES: Final = 65536


def take_head(data: bytes) -> tuple[ResponseHead | None, bytes]:
    """The head at the start of `data`, and what follows it.

    While the head is not complete, None and the bytes to try again with more.

    Raises:
        HeadError: The head is malformed or too long, or its framing is ambiguous.
    """
    while True:
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > _MAX_HEAD_BYTES:
            strict = _strict_beginning(data)
            if not strict:
                return None, data
            data = strict
            continue
        try:
            return parse_response_head(data[: end + 2]), data[end + 4 :]
        except BareLinesError:
            # The head has bare line ends, so this empty line belongs to the body.
            data = _with_strict_lines(data)


def _strict_beginning(data: bytes) -> bytes:
    """Convert the head at the start of `data`, which has no strict one, to strict form.

    ``b""`` while the head is not complete.

    Raises:
        HeadError: No more bytes can make it a valid head.
    """
    if _ends_lines_bare(data):
        return _with_strict_lines(data)
    bare = data.find(b"\n\n")
    if bare >= 0:
        # Raises an error that names the field.
        parse_response_head(data[: bare + 2] + b"\r\n")
    if bare >= 0 or len(data) > _MAX_HEAD_BYTES:
        raise HeadError("the response's head does not end")
    return b""


def _ends_lines_bare(data: bytes) -> bool:
    """Whether the first line of `data` ends in bare LF."""
    at = data.find(b"\n")
    return at >= 0 and data[at - 1 : at] != b"\r"


def _with_strict_lines(data: bytes) -> bytes:
    """Convert the head of `data`, whose first line ends in bare LF, to strict form.

    RFC 9112, section 2.2: a recipient may accept a single LF as a line end.  It is accepted only if
    all lines of the head end so: among lines that end in CRLF, an LF may have come in with a value,
    and an attacker would write the fields that follow it.  For the same reason ``Connection:
    close`` is added, so that no other response is read from that connection.  ``b""`` while the
    head is not complete.

    Raises:
        HeadError: A line ends differently, or the head is too long.
    """
    end = data.find(b"\n\n", 0, _MAX_HEAD_BYTES + 2)
    head = data if end < 0 else data[:end]
    if b"\r" in head:
        for number, line in enumerate(head.split(b"\n")):
            if b"\r" in line:
                where = which_field(number, line) if number else "the status line"
                raise HeadError(f"{where}: a carriage return, but lines end in LF alone")
    if end < 0:
        if len(data) > _MAX_HEAD_BYTES:
            raise HeadError("the response's head does not end")
        return b""
    return head.replace(b"\n", b"\r\n") + b"\r\nConnection: close\r\n\r\n" + data[end + 2 :]
