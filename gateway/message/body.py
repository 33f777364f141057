"""How a body is delimited (RFC 9112, section 6): by a length, by chunks, or by the close."""

from typing import Protocol

from gateway.message.chunked import ChunkedDecoder
from gateway.message.fields import Field
from gateway.message.framing import CHUNKED, UNTIL_CLOSE


class Body(Protocol):
    """Takes the bytes of one message's body as they come."""

    done: bool
    trailers: tuple[Field, ...]

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """The pieces of body in `data`, and what came after the body's end.

        Of very many pieces only the first ones are taken; the rest is then for the next call.

        Raises:
            HeadError: The framing is broken.
        """


class LengthBody:
    """A body of `length` bytes, which is not 0."""

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
    """A body that ends when its connection does."""

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
