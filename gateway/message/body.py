"""Body readers (RFC 9112, section 6) for a length, chunks, or a body that ends with the close."""

from typing import Protocol

from gateway.message.chunked import ChunkedDecoder
from gateway.message.fields import Field
from gateway.message.framing import CHUNKED, UNTIL_CLOSE


class Body(Protocol):
    """Reads the body of one message as its bytes arrive."""

    done: bool
    trailers: tuple[Field, ...]

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """The pieces of body in `data`, and the bytes that follow the body or are not read yet.

        One call reads a limited number of pieces; feed it the rest again while not `done`.

        Raises:
            HeadError: The framing is broken.
        """


class LengthBody:
    """A body of `length` bytes, which must not be 0."""

    __slots__ = ("_left", "done", "trailers")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = False
        self.trailers: tuple[Field, ...] = ()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """See Body.feed; never raises."""
        size = len(data)
        if size < self._left:
            self._left -= size
            return [data], b""
        self.done = True
        if size == self._left:
            return [data], b""
        return [data[: self._left]], data[self._left :]


class OpenBody:
    """A body that ends when the connection closes."""

    __slots__ = ("done", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.trailers: tuple[Field, ...] = ()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """See Body.feed; never raises."""
        return [data], b""


def body_reader(length: int) -> Body | None:
    """The reader for a body of `length` bytes, `CHUNKED` or `UNTIL_CLOSE`; None if it is empty."""
    if length == 0:
        return None
    if length == CHUNKED:
        return ChunkedDecoder()
    return OpenBody() if length == UNTIL_CLOSE else LengthBody(length)
