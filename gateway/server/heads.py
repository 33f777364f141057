"""Finds the next request head in the bytes a client sent.  Pure."""

from typing import Final

from gateway.errors import (
    GatewayError,
    HeadTooLargeError,
    MalformedRequestError,
    TargetTooLongError,
)
from gateway.message.request_head import (
    REMEMBERED_BYTES,
    RequestFraming,
    RequestHead,
    parse_request_head,
    parse_request_line,
    refuse_other_protocols,
)

# As a number: `in` first takes what it is asked about for one, and an exception costs 2,000
# instructions.
_LINE_FEED: Final = 10


class Heads:
    """Reads the heads of one client, which mostly repeats its fields on a kept connection.

    State: `_fields` holds the bytes of the last head from the end of its request line to the end
    of the head; `_framing` is the result of reading them, or None if nothing is remembered;
    `_http_1_0` is the version they were read for.
    """

    __slots__ = ("_fields", "_framing", "_http_1_0")

    def __init__(self) -> None:
        self._fields = b""
        self._http_1_0 = False
        self._framing: RequestFraming | None = None

    def next(
        self, buffer: bytes, max_bytes: int, max_fields: int
    ) -> tuple[RequestHead | None, bytes]:
        """The head at the start of `buffer`, or None if incomplete, and the bytes that follow.

        A limit of 0 means no limit.

        Raises:
            TargetTooLongError: The request line is longer than `max_bytes`.
            HeadTooLargeError: The head is longer, or has more than `max_fields` fields.
            MalformedRequestError: The head is malformed, or these bytes cannot become a head.
        """
        framing = self._framing
        if framing is not None:
            at = self._end_of_line(buffer)
            end = at + len(self._fields)
            if at > 0 and not 0 < max_bytes < end - 4:
                method, target, http_1_0 = parse_request_line(buffer[:at])
                if http_1_0 == self._http_1_0:
                    return RequestHead(method, target, http_1_0, framing), buffer[end:]
        return self._read(buffer, max_bytes, max_fields)

    def _end_of_line(self, buffer: bytes) -> int:
        """Where the request line of `buffer` ends, if the remembered fields follow it; else 0.

        `_fields` begins at the first line break of `buffer` then, and ends at its first empty line.
        So a full read would return this request line with the same fields.
        """
        fields = self._fields
        at = len(buffer) - len(fields)
        # Mostly there is this one head, without a body; `find` alone would cost more than all this.
        if at > 0 and buffer.endswith(fields) and _LINE_FEED not in buffer[:at]:
            return at
        at = buffer.find(b"\r\n")
        return at if at > 0 and buffer[at : at + len(fields)] == fields else 0

    def forget(self) -> None:
        """Drop the remembered fields, so that an idle client holds no memory."""
        self._framing = None
        self._fields = b""

    def _read(
        self, buffer: bytes, max_bytes: int, max_fields: int
    ) -> tuple[RequestHead | None, bytes]:
        # RFC 9112, section 2.2: skip an empty line before the request line.
        if buffer.startswith(b"\r\n"):
            buffer = buffer[2:]
        end = buffer.find(b"\r\n\r\n")
        if 0 < max_bytes < (end if end >= 0 else len(buffer)):
            raise _too_large(buffer, max_bytes)
        if end < 0:
            _refuse_what_never_ends(buffer)
            return None, buffer
        if 0 < max_fields < buffer.count(b"\r\n", 0, end):
            raise HeadTooLargeError(f"a head of more than {max_fields} fields")
        head = parse_request_head(buffer[: end + 2])
        self._remember(head, buffer[buffer.find(b"\r\n") : end + 4])
        return head, buffer[end + 4 :]

    def _remember(self, head: RequestHead, fields: bytes) -> None:
        if len(fields) > REMEMBERED_BYTES:
            self.forget()
        else:
            self._fields, self._http_1_0, self._framing = fields, head.http_1_0, head.framing


def _too_large(buffer: bytes, max_bytes: int) -> GatewayError:
    if buffer.find(b"\r\n", 0, max_bytes + 2) < 0:
        return TargetTooLongError(f"a request line of more than {max_bytes} bytes")
    return HeadTooLargeError(f"a head of more than {max_bytes} bytes")


def _refuse_what_never_ends(buffer: bytes) -> None:
    """Refuse an incomplete head at once if no more bytes can make it valid."""
    refuse_other_protocols(buffer)
    if buffer.count(b"\n") != buffer.count(b"\r\n"):
        raise MalformedRequestError("a line feed without a carriage return")
    line, ended, _ = buffer.partition(b"\r\n")
    if ended:
        parse_request_head(line + b"\r\nHost: x\r\n")
