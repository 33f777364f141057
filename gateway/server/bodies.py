"""Streams the body of the current request to where it goes, or reads it for a decision first."""

import asyncio
from typing import Final

from gateway.errors import BodyTooLargeError, HeadTooLargeError, MalformedRequestError
from gateway.message.body import LengthBody
from gateway.message.field_lines import HeadError
from gateway.message.fields import Field
from gateway.server.answers import AnswerSide, Sink
from gateway.server.front import Front
from gateway.server.gathering import Reading

# How much work is done for one client before the others get a turn: some milliseconds.  A chunk of
# a body, a field and 32 bytes of a head count 1 each; a request adds 32, and each further reading
# of its path 16.
TURN: Final = 1024


class BodySide(AnswerSide):
    """The body-reading part of a client connection.

    State: `_body_bytes_left` is what the current body may still have.
    """

    __slots__ = ("_body_bytes_left",)

    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._body_bytes_left = 0

    def _attach(self, sink: Sink) -> None:
        """Stream the body into `sink`, starting with what has already arrived."""
        self._sink = sink
        # Before the body is taken, because that may pause reading again.
        if self._paused:
            self.resume_reading()
        if self._body is not None:
            data, self._buffer = self._buffer, b""
            if data:
                self._take_body(data)

    def _take_body(self, data: bytes) -> None:
        body, sink = self._body, self._sink
        assert body is not None  # noqa: S101 - for the type checker; callers have checked
        assert sink is not None  # noqa: S101
        try:
            pieces, rest = body.feed(data)
        except HeadError as error:
            self._closing = True
            self._fail(MalformedRequestError(str(error)))
            return
        if pieces:
            self._spent += len(pieces)
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._body_bytes_left -= len(piece)
            if self._body_bytes_left >= 0:
                sink.send_body(piece)
        if self._body_bytes_left < 0:
            self._closing = True
            self._fail(BodyTooLargeError("the body is larger than allowed"))
        elif body.done:
            self._body = None
            self._buffer = rest
            trailers: tuple[Field, ...] = body.trailers
            self._spent += len(trailers)
            outbound = self._outbound
            most = self._front.limits.fields
            if 0 < most < len(trailers):
                self._closing = True
                self._fail(HeadTooLargeError(f"more than {most} trailer fields"))
                return
            if outbound is not None and trailers:
                trailers = outbound.trailers(trailers, outbound.framing)
            sink.end_body(trailers)
        elif rest or self._spent >= TURN:
            self._buffer = rest
            self._rest()

    async def _read_body(self, most: int) -> bytes | None:
        """The body of the current request, which stays to be sent on; None if it is longer."""
        if self._body is None:
            return b""
        awaited: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._awaited = awaited
        self._ask_for_body()
        self._attach(Reading(most, self._body_read))
        return await awaited

    def _body_read(self, content: bytes | None, trailers: tuple[Field, ...]) -> None:
        self._sink = None
        if content:
            self._body = body = LengthBody(len(content))
            body.trailers = trailers
            self._body_bytes_left = len(content)
            self._buffer = content + self._buffer
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.set_result(content)

    def _ask_for_body(self) -> None:
        self._since = self._front.now
        entry = self._entry
        if entry is not None and entry.framing is not None and entry.framing.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
