"""The answer to the request under way: the app's, the gateway's own, or a refusal.

Whichever it is, it is written, recorded once, and followed by the next request or the close.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from gateway.errors import GatewayError
from gateway.forward.exchange import Exchange
from gateway.forward.outbound import Outbound
from gateway.message.body import Body
from gateway.message.field_lines import HeadError
from gateway.message.fields import Field
from gateway.message.response import Response
from gateway.record.audit import Entry
from gateway.server.front import Front
from gateway.server.transport import ClientTransport
from gateway.server.writer import response_bytes


class Sink(Protocol):
    """Takes the body of the request under way."""

    def send_body(self, piece: bytes) -> None:
        """Take a piece, which is not empty."""

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The body is whole."""


class AnswerSide(ClientTransport):
    """See the module.

    Its state: `_buffer` holds bytes that came and were not read yet; `_entry` is the request under
    way; `_body` reads the rest of that request's body; `_sink` takes it, once there is one;
    `_exchange` is the exchange with the upstream; `_spent` is the work done in this turn.
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_entry",
        "_exchange",
        "_outbound",
        "_peer",
        "_sink",
        "_spent",
        "_task",
    )

    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._peer = ""
        self._buffer = b""
        self._entry: Entry | None = None
        self._body: Body | None = None
        self._sink: Sink | None = None
        self._outbound: Outbound | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._spent = 0

    def _read_requests(self) -> None:
        """Begin what is complete in the buffer, one request after the other."""
        raise NotImplementedError

    # What an exchange says.

    def response_done(self) -> None:
        """See Client."""
        exchange = self._exchange
        if exchange is None:
            return
        self._record(exchange.status)
        self._end()

    def response_failed(self, error: GatewayError) -> None:
        """See Client."""
        exchange = self._exchange
        if exchange is not None and exchange.status:
            if self._entry is not None:
                self._entry.note(error)
            self._record(exchange.status)
            # A close before the promised end tells the client; in HTTP/1.0 only a reset does.
            if self.http_1_0:
                self._reset()
            else:
                self._close()
        else:
            # The session has ended here already, whether or not the app got its request.
            self._fail(error, None if self._outbound is None else self._outbound.instead)

    def response_replaced(self, cookies: list[bytes]) -> None:
        """See Client."""
        instead = None if self._outbound is None else self._outbound.instead
        if instead is not None:
            # A value with invisible characters is dropped: without them, the name of the cookie
            # may be the gateway's.  The gateway's own cookies come last, and so win.
            texts = [value.decode("utf-8", "surrogateescape") for value in cookies]
            fields = tuple([("Set-Cookie", text) for text in texts if text.isprintable()])
            self._answer(Response(instead.status, fields + instead.fields, instead.body))

    # What the gateway itself answers.

    def _fail(self, error: GatewayError, instead: Response | None = None) -> None:
        """Answer a request under way with `error`, or `instead`, if it has no answer yet."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.cancel()
        entry = self._entry
        if entry is None or (exchange is not None and exchange.status):
            self._transport.abort()
        else:
            response = self._front.pipeline.refuse(entry, error)
            self._answer(response if instead is None else instead)

    def _answer(self, response: Response) -> None:
        entry = self._entry
        if entry is None:
            return
        self._exchange = None
        self._sink = None
        self._skip_body()
        line = b"Connection: close\r\n" if self._body is not None else self.connection_line
        self._write_answer(entry, response, line, is_head=entry.request.method == "HEAD")
        self._record(response.status)
        self._end()

    def _write_answer(
        self, entry: Entry, response: Response, line: bytes, *, is_head: bool
    ) -> None:
        self._transport.write(
            response_bytes(
                response,
                date=self._front.date,
                request_id=entry.request.request_id,
                connection=line,
                is_head=is_head,
            )
        )

    def _skip_body(self) -> None:
        """Pass over the body of a request that is answered without it, if it is here already.

        One of very many chunks counts as not here.
        """
        body = self._body
        if body is None:
            return
        try:
            pieces, rest = body.feed(self._buffer)
        except HeadError:
            return
        self._spent += len(pieces) + len(body.trailers)
        self._buffer = b""
        if body.done:
            self._body = None
            self._buffer = rest

    def _refuse_bytes(self, error: GatewayError) -> None:
        """Answer bytes that never became a request, and close: where the next begins is unknown."""
        front = self._front
        sent, self._buffer = self._buffer, b""
        self._closing = True
        now = front.clock()
        self._entry, response = front.pipeline.refuse_early(error, self._peer, now, sent)
        self._write_answer(self._entry, response, b"Connection: close\r\n", is_head=False)
        self._record(response.status)
        self._body = None
        self._linger()

    def _end(self) -> None:
        """The answer is written: close, or go on with the next request."""
        self._exchange = self._outbound = self._sink = None
        self._task = None
        self._since = self._front.now
        if self._body is not None:
            self._body = None
            self._linger()
        elif self._is_last or self._transport.is_closing():
            self._close()
        else:
            # First, since a request that begins may pause it again.
            self.resume_reading()
            if self._buffer:
                self._read_requests()
            elif self._half_closed:
                self._close()

    def _record(self, status: int) -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        exchange = self._exchange
        if exchange is None or not exchange.sent_at:
            self._front.pipeline.finish(entry, status, None, 0.0)
        else:
            took_s = self._front.loop_time() - exchange.sent_at
            self._front.pipeline.finish(entry, status, exchange.upstream, took_s)

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._task = task = self._front.spawn(coroutine)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        # The front logs the failure; the client must not wait for an answer that will not come.
        if not task.cancelled() and task.exception() is not None:
            self._transport.abort()
