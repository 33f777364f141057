"""Finding the next request's head in what a client has sent.  Pure."""

from gateway.errors import HeadTooLargeError, MalformedRequestError
from gateway.message.head import RequestHead, parse_request_head


def next_head(buffer: bytes, limit: int) -> tuple[RequestHead | None, bytes]:
    """The head that `buffer` begins with, and what follows it; None while it is not complete.

    `limit` is in bytes, 0 for none.

    Raises:
        HeadTooLargeError: The head is longer than `limit`.
        MalformedRequestError: It is none, or no head will ever come of these bytes.
    """
    # RFC 9112, section 2.2: an empty line before the request line is passed over.
    if buffer.startswith(b"\r\n"):
        buffer = buffer[2:]
    end = buffer.find(b"\r\n\r\n")
    if 0 < limit < (end if end >= 0 else len(buffer)):
        raise HeadTooLargeError(f"a head of more than {limit} bytes")
    if end < 0:
        _refuse_what_never_ends(buffer)
        return None, buffer
    return parse_request_head(buffer[: end + 2]), buffer[end + 4 :]


def _refuse_what_never_ends(buffer: bytes) -> None:
    if buffer.count(b"\n") != buffer.count(b"\r\n"):
        raise MalformedRequestError("a line feed without a carriage return")
    line, ended, _ = buffer.partition(b"\r\n")
    if ended:
        parse_request_head(line + b"\r\nHost: x\r\n")
