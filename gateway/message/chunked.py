"""The chunked transfer coding (RFC 9112, section 7.1), read strictly."""

import re

from gateway.message.field_lines import HeadError, parse_field_lines
from gateway.message.fields import Field

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_EXTENSION = (
    rb"[ \t]*+;[ \t]*+" + _TOKEN + rb"(?:[ \t]*+=[ \t]*+(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?"
)
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _EXTENSION + rb")*+")
_MAX_LINE_BYTES = 4096
# RFC 9112, section 7.1.1: a recipient ought to limit the extensions of one body.
_MAX_EXTENSION_BYTES = 16384
_MAX_TRAILER_BYTES = 16384
# Pieces in one call: a few milliseconds of work, however small the chunks are.
_MAX_PIECES = 1024

LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(piece: bytes) -> bytes:
    """`piece`, which must not be empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def encode_end(trailers: tuple[Field, ...]) -> bytes:
    """The last chunk and the trailer section."""
    if not trailers:
        return LAST_CHUNK
    lines = b"".join([b"%b: %b\r\n" % trailer for trailer in trailers])
    return b"0\r\n" + lines + b"\r\n"


class ChunkedDecoder:
    """Decodes one chunked body as its bytes arrive.

    Chunk extensions are ignored (RFC 9112, section 7.1.1).  More than 16 KiB of them in one body
    are refused.

    Attributes:
        done: Whether the body has ended.
        trailers: The trailer section's fields, once `done`.
    """

    __slots__ = ("_buffer", "_extension_bytes", "_left", "_state", "done", "trailers")

    def __init__(self) -> None:
        self._buffer = b""
        self._state = _SIZE
        self._left = 0
        self._extension_bytes = 0
        self.done = False
        self.trailers: tuple[Field, ...] = ()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """See Body.feed.

        Raises:
            HeadError: The coding is broken.
        """
        pieces: list[bytes] = []
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at = 0
        while not self.done and len(pieces) < _MAX_PIECES:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                if piece:
                    pieces.append(piece)
                    at += len(piece)
                    self._left -= len(piece)
                if self._left:
                    return pieces, b""
                self._state = _DATA_END
            end = self._step(data, at)
            if end < 0:
                self._buffer = data[at:]
                return pieces, b""
            at = end
        return pieces, data[at:]

    def _step(self, data: bytes, at: int) -> int:
        """Read one line from `at`; returns where it ends, or -1 if it is not complete."""
        if self._state == _DATA_END:
            return self._end_chunk(data, at)
        if self._state == _SIZE:
            return self._size_line(data, at)
        return self._trailer_section(data, at)

    def _end_chunk(self, data: bytes, at: int) -> int:
        end = data[at : at + 2]
        if not b"\r\n".startswith(end):
            raise HeadError("a chunk is longer than its size")
        if len(end) < 2:  # noqa: PLR2004 - the two bytes of CRLF
            return -1
        self._state = _SIZE
        return at + 2

    def _size_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        if end < 0:
            if len(data) - at > _MAX_LINE_BYTES:
                raise HeadError("a chunk's size line is too long")
            return -1
        line = data[at:end]
        match = _SIZE_LINE.fullmatch(line[:-1]) if line.endswith(b"\r") else None
        if match is None or len(line) > _MAX_LINE_BYTES:
            raise HeadError("not a valid chunk size line")
        size = match[1]
        extension_bytes = len(line) - 1 - len(size)
        if extension_bytes:
            self._extension_bytes += extension_bytes
            if self._extension_bytes > _MAX_EXTENSION_BYTES:
                raise HeadError("the chunk extensions of one body are too long")
        self._left = int(size, 16)
        self._state = _DATA if self._left else _TRAILERS
        return end + 1

    def _trailer_section(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.done = True
            return at + 2
        end = data.find(b"\r\n\r\n", at)
        if (end if end >= 0 else len(data)) - at > _MAX_TRAILER_BYTES:
            raise HeadError("the trailer section is too long")
        if end < 0:
            if data.count(b"\n", at) != data.count(b"\r\n", at):
                raise HeadError("a line feed without a carriage return")
            return -1
        self.trailers = parse_field_lines(data[at : end + 2])
        self.done = True
        return end + 4


_SIZE, _DATA, _DATA_END, _TRAILERS = range(4)
