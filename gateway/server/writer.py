"""Serializes the gateway's own answers (RFC 9112, section 4).  Pure."""

from http import HTTPStatus

from gateway.message.response import Response

_NO_LENGTH = frozenset({204, 304})
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def response_bytes(
    response: Response, *, date: bytes, request_id: str, connection: bytes, is_head: bool
) -> bytes:
    """The answer as bytes; `date` is a Date value, `connection` a whole field line or ``b""``."""
    status = response.status
    # Our names and values never hold a line break; one that did would split the answer.
    lines = [f"{name}: {_one_line(value)}\r\n" for name, value in response.fields]
    if status not in _NO_LENGTH and not (is_head and not response.body):
        lines.append(f"Content-Length: {len(response.body)}\r\n")
    lines.append(f"X-Request-Id: {request_id}\r\n")
    start = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    fields = "".join(lines).encode()
    head = b"".join((start, response.lines, fields, b"Date: ", date, b"\r\n", connection, b"\r\n"))
    return head if is_head or status in _NO_LENGTH else head + response.body


def _one_line(value: str) -> str:
    return value if value.isprintable() else "".join(c for c in value if c.isprintable())
