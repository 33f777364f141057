"""Answers the current request: with the app's response, the gateway's own, or a refusal.

Each answer is written, recorded once, and followed by the next request or the close.
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
    """Receives the body of the current request."""

    def send_body(self, piece: bytes) -> None:
        """Take a piece of the body, which is never empty."""

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The body is complete."""


class AnswerSide(ClientTransport):
    """The answering half of a client connection.

    State: `_buffer` holds bytes received but not parsed yet; `_entry` is the current request;
    `_body` reads the rest of its body; `_sink` receives that body, once there is one; `_exchange`
    is the exchange with the upstream; `_spent` is the work done in this turn; `_awaited` is the
    body that a decision waits for.
    """

    __slots__ = (
        "_awaited",
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
        self._awaited: asyncio.Future[bytes | None] | None = None
        self._spent = 0

    def _read_requests(self) -> None:
        """Begin every complete request in the buffer, in order."""
        raise NotImplementedError

    # Called by the exchange.

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
            # A close before the promised end tells the client that the answer is cut off.  An
            # HTTP/1.0 body ends with the connection, so there only a reset tells it.
            if self.http_1_0:
                self._reset()
            else:
                self._close()
        else:
            # At a sign-out, the session has ended whether or not the app got the request.
            self._fail(error, None if self._outbound is None else self._outbound.instead)

    def response_replaced(self, cookies: list[bytes]) -> None:
        """See Client."""
        instead = None if self._outbound is None else self._outbound.instead
        if instead is not None:
            # Drop values with invisible characters: writing removes those characters, and the
            # cookie's name could become the gateway's.  The gateway's cookies come last and win.
            texts = [value.decode("utf-8", "surrogateescape") for value in cookies]
            fields = tuple([("Set-Cookie", text) for text in texts if text.isprintable()])
            self._answer(Response(instead.status, fields + instead.fields, instead.body))

    # The gateway's own answers.

    def _fail(self, error: GatewayError, instead: Response | None = None) -> None:
        """Answer the current request with `error`, or with `instead`; abort if it began already."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.cancel()
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            # Ends the task that decides.
            awaited.cancel()
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
        self._write_answer(entry, response, line, is_head=entry.is_head)
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
        """Skip the body of a request that was answered without it, if all of it has arrived.

        A body of very many chunks counts as not arrived.
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
        """Refuse bytes that are not a request, and close: the next request's start is unknown."""
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
        """After the answer is written, close the connection or go on with the next request."""
        self._exchange = self._outbound = self._sink = None
        self._task = None
        self._since = self._front.now
        if self._body is not None:
            self._body = None
            self._linger()
        elif self._is_last or self._transport.is_closing():
            self._close()
        else:
            # Before the next request begins, because that request may pause reading again.
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
        # The front logs the failure.  No answer will come, so do not let the client wait.
        if not task.cancelled() and task.exception() is not None:
            self._transport.abort()
