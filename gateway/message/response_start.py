"""Where a response's head ends in what an upstream sends, and old forms of it made strict.

RFC 9112, section 2.2: a head whose every line ends in LF alone is taken all the same.
"""

from gateway.message.field_lines import HeadError, which_field
from gateway.message.response_head import BareLinesError, ResponseHead, parse_response_head

_MAX_HEAD_BYTES = 65536


def take_head(data: bytes) -> tuple[ResponseHead | None, bytes]:
    """The head that `data` begins with, and what follows it.

    None, and what is to be tried again with more bytes, while the head is not complete.

    Raises:
        HeadError: The head is not well-formed, its framing is in doubt, or it is too long.
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
            # The empty line is one of the body's.
            data = _with_strict_lines(data)


def _strict_beginning(data: bytes) -> bytes:
    """`data`, which has no strict head, with the one it begins with made strict.

    ``b""`` while none has come.

    Raises:
        HeadError: None will ever come.
    """
    if _ends_lines_bare(data):
        return _with_strict_lines(data)
    bare = data.find(b"\n\n")
    if bare >= 0:
        # Says which field it is.
        parse_response_head(data[: bare + 2] + b"\r\n")
    if bare >= 0 or len(data) > _MAX_HEAD_BYTES:
        raise HeadError("no end of the response's head")
    return b""


def _ends_lines_bare(data: bytes) -> bool:
    """Whether the first line of `data` ends in LF alone."""
    at = data.find(b"\n")
    return at >= 0 and data[at - 1 : at] != b"\r"


def _with_strict_lines(data: bytes) -> bytes:
    """`data`, a response whose first line ends in LF alone, with a head in strict form.

    RFC 9112, section 2.2: a recipient may take a single LF for a line end.  It is taken only if all
    lines of the head end so: among lines that end in CRLF, a line feed may have come in with a
    value, and an attacker would write the fields that follow it.  For the same reason the head gets
    ``Connection: close``: no other answer is read from that connection.  ``b""`` while the head is
    not complete.

    Raises:
        HeadError: A line ends otherwise, or the head is too long.
    """
    end = data.find(b"\n\n", 0, _MAX_HEAD_BYTES + 2)
    head = data if end < 0 else data[:end]
    if b"\r" in head:
        for number, line in enumerate(head.split(b"\n")):
            if b"\r" in line:
                where = which_field(number, line) if number else "the status line"
                raise HeadError(f"{where}: a carriage return, where lines end in LF alone")
    if end < 0:
        if len(data) > _MAX_HEAD_BYTES:
            raise HeadError("no end of the response's head")
        return b""
    return head.replace(b"\n", b"\r\n") + b"\r\nConnection: close\r\n\r\n" + data[end + 2 :]
