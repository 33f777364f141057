"""Serializes the gateway's own answers (RFC 9112, section 4).  Pure."""

from http import HTTPStatus
from typing import Final

from gateway.message.response import FieldList, Response

_NO_LENGTH: Final = frozenset({204, 304})
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_ID: Final = b"X-Request-Id: "
_END: Final = b"\r\n"


def response_bytes(
    response: Response, *, date: bytes, request_id: str, connection: bytes, is_head: bool
) -> bytes:
    """The answer as bytes.

    `date` is the Date field's line, with the end of the line before it; `connection` is a whole
    field line or ``b""``.
    """
    if is_head:
        start = _start(response, is_head=True)
    else:
        # Kept, because what lets a proxy forward a request is written many times.
        start = response.start = response.start or _start(response, is_head=False)
    head = b"".join((start, request_id.encode(), date, connection, _END))
    body = response.body
    return head if not body or is_head or response.status in _NO_LENGTH else head + body


def _start(response: Response, *, is_head: bool) -> bytes:
    """The head up to the value of X-Request-Id."""
    status = response.status
    start = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    fields = _field_lines(response.fields) if response.fields else b""
    length = b"Content-Length: 0\r\n"
    if status in _NO_LENGTH or (is_head and not response.body):
        length = b""
    elif response.body:
        length = b"Content-Length: %d\r\n" % len(response.body)
    return b"".join((start, response.lines, fields, length, _ID))


def _field_lines(fields: FieldList) -> bytes:
    # Our names and values never hold a line break; one that did would split the answer.
    return "".join([f"{name}: {_one_line(value)}\r\n" for name, value in fields]).encode()


def _one_line(value: str) -> str:
    return value if value.isprintable() else "".join(c for c in value if c.isprintable())
