"""Finding the next request's head in what a client has sent.  Pure."""

from gateway.errors import (
    GatewayError,
    HeadTooLargeError,
    MalformedRequestError,
    TargetTooLongError,
)
from gateway.message.request_head import (
    REMEMBERED_BYTES,
    RequestFields,
    RequestHead,
    parse_request_head,
    parse_request_line,
    refuse_other_protocols,
)


class Heads:
    """Reads the heads of one client, who on a kept connection mostly repeats its fields.

    Its state: `_fields` is what the last head had from the end of its request line to its own
    end; `_of` is what it says in HTTP/1.0 or not (`_http_1_0`); None where it is not remembered.
    """

    __slots__ = ("_fields", "_http_1_0", "_of")

    def __init__(self) -> None:
        self._fields = b""
        self._http_1_0 = False
        self._of: RequestFields | None = None

    def next(
        self, buffer: bytes, max_bytes: int, max_fields: int
    ) -> tuple[RequestHead | None, bytes]:
        """The head that `buffer` begins with, and what follows; None while it is not complete.

        A limit of 0 is none.

        Raises:
            TargetTooLongError: The request line is longer than `max_bytes`.
            HeadTooLargeError: The head is, or it has more than `max_fields`.
            MalformedRequestError: It is none, or no head will ever come of these bytes.
        """
        of = self._of
        if of is not None:
            # The first line break of both is before `fields`, and the first empty line at its
            # end: so the head is this line with these fields, however it is read.
            at = buffer.find(b"\r\n")
            end = at + len(self._fields)
            if at > 0 and buffer.startswith(self._fields, at) and not 0 < max_bytes < end - 4:
                method, target, http_1_0 = parse_request_line(buffer[:at])
                if http_1_0 == self._http_1_0:
                    return RequestHead(method, target, http_1_0, of), buffer[end:]
        return self._read(buffer, max_bytes, max_fields)

    def forget(self) -> None:
        """Hold no memory for a client that asks for nothing."""
        self._of = None
        self._fields = b""

    def _read(
        self, buffer: bytes, max_bytes: int, max_fields: int
    ) -> tuple[RequestHead | None, bytes]:
        # RFC 9112, section 2.2: an empty line before the request line is passed over.
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
            self._fields, self._http_1_0, self._of = fields, head.http_1_0, head.of


def _too_large(buffer: bytes, max_bytes: int) -> GatewayError:
    if buffer.find(b"\r\n", 0, max_bytes + 2) < 0:
        return TargetTooLongError(f"a request line of more than {max_bytes} bytes")
    return HeadTooLargeError(f"a head of more than {max_bytes} bytes")


def _refuse_what_never_ends(buffer: bytes) -> None:
    refuse_other_protocols(buffer)
    if buffer.count(b"\n") != buffer.count(b"\r\n"):
        raise MalformedRequestError("a line feed without a carriage return")
    line, ended, _ = buffer.partition(b"\r\n")
    if ended:
        parse_request_head(line + b"\r\nHost: x\r\n")
