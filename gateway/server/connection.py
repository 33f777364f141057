"""One client's connection: heads are read, bodies streamed, answers written, in order.

    head -> pipeline -> Answer   written at once
                     -> Serve    the gateway's own endpoint; its small body is gathered first
                     -> Outbound an Exchange with an upstream, or a tunnel

Where nothing must be waited for, all of it happens inside `data_received`, without a task.
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, cast

from gateway.errors import (
    BodyTooLargeError,
    GatewayError,
    HeadTooLargeError,
    MalformedRequestError,
    RequestTimeoutError,
    TooManyConnectionsError,
)
from gateway.forward.exchange import Exchange
from gateway.forward.outbound import Outbound
from gateway.forward.response import SWITCHING_PROTOCOLS
from gateway.forward.tunnel import Tunnel
from gateway.message.body import Body, body_reader
from gateway.message.field_lines import HeadError
from gateway.message.fields import Field
from gateway.message.forwarded import UNIX_PEER, canonical_address
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.pipeline.verdict import Answer, Serve, Verdict
from gateway.record.audit import Entry
from gateway.server.front import Front
from gateway.server.gathering import Gathering
from gateway.server.heads import Heads
from gateway.server.line import Line
from gateway.server.writer import response_bytes

# What is read ahead of a request that is not ready for it.
_READ_AHEAD_BYTES = 65536
# The forms of the gateway's own endpoints are smaller by far.
_OWN_BODY_BYTES = 65536
# How long work goes on for a client that has closed its side: it may have left for good.
_HALF_CLOSED_S = 1.0
# How long a client asks for nothing before its last fields are forgotten.
_PAUSE_S = 5.0
# How much work is done for a client before all others have a turn: some milliseconds.  A chunk of a
# body, a field and 32 bytes of a head are 1 each, a request is 32 more, and each further reading of
# its path is 16.
_TURN, _REQUEST, _HEAD_BYTES, _READING = 1024, 32, 32, 16
# What nginx logs for a client that left before its answer; never sent.
_CLIENT_LEFT = 499


class _Sink(Protocol):
    def send_body(self, piece: bytes) -> None: ...
    def end_body(self, trailers: tuple[Field, ...]) -> None: ...


class ClientConnection(Line):
    """See the module.

    Its state: `_entry` is the request under way; `_body` reads what is left of that request's
    body; `_sink` takes it, once there is one; `_exchange` is the talk with the upstream, and
    `_tunnel` what follows it if the protocol is switched; `_spent` is the work done in this turn.
    """

    __slots__ = (
        "_body",
        "_body_bytes_left",
        "_buffer",
        "_choked",
        "_entry",
        "_exchange",
        "_first",
        "_heads",
        "_outbound",
        "_peer",
        "_reading",
        "_sink",
        "_spent",
        "_task",
        "_tunnel",
    )

    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._peer = ""
        self._buffer = b""
        self._heads = Heads()
        self._entry: Entry | None = None
        self._body: Body | None = None
        self._body_bytes_left = 0
        self._sink: _Sink | None = None
        self._outbound: Outbound | None = None
        self._exchange: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._task: asyncio.Task[None] | None = None
        self._first = True
        self._choked = False
        self._reading = False
        self._spent = 0

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = canonical_address(peer[0] if isinstance(peer, tuple) else UNIX_PEER)
        self._front.add(self)
        if self._front.is_full:
            self._turn_away()

    def _turn_away(self) -> None:
        if self._front.is_overrun:
            self._transport.abort()
        else:
            self._refuse_bytes(TooManyConnectionsError(self._peer))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._abort_at:
            self._linger_on()
            return
        tunnel = self._tunnel
        if tunnel is not None:
            tunnel.send(data)
        elif self._resting:
            self._buffer += data
        elif self._body is not None and self._sink is not None:
            self._take_body(data)
        else:
            if not self._buffer and self._entry is None:
                self._since = self._front.now
                # The loop gives more in the same round only where it filled its buffer, and
                # whatever fills that is more than a turn.
                self._spent = 0
            self._buffer += data
            if self._entry is None and not self._choked:
                self._read_requests()
            elif len(self._buffer) > _READ_AHEAD_BYTES:
                self.pause_reading()

    def eof_received(self) -> bool:
        """See asyncio.Protocol.  Work under way gets a second to end: the client may be gone."""
        if self._tunnel is not None:
            return self._tunnel.client_eof() and self._transport.can_write_eof()
        if self._resting:
            # Only TLS tells it now, and could not send the answers to what is left.
            self._close()
            return False
        if self._entry is None or self._abort_at or self._body is not None:
            return False
        if not self._transport.can_write_eof():  # TLS has no half-closed connections.
            return False
        self._half_closed = True
        self._since = self._front.now
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._front.remove(self)
        self._front.tunnels.remove(self)
        if self._choked or self._paused:
            self._front.let_go()
        if self._task is not None:
            self._task.cancel()
        if self._exchange is not None:
            self._exchange.cancel()
        if self._tunnel is not None:
            self._tunnel.cancel()
        self._record(_CLIENT_LEFT)
        self._exchange = None

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol.  A client that does not read is not asked for more."""
        self._choked = True
        if self._exchange is not None:
            self._exchange.client_writable(writable=False)
        elif self._tunnel is not None:
            self._tunnel.client_writable(writable=False)

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._choked = False
        self._front.let_go()
        if self._exchange is not None:
            self._exchange.client_writable(writable=True)
        elif self._tunnel is not None:
            self._tunnel.client_writable(writable=True)
        elif self._entry is None and not self._abort_at and not self._transport.is_closing():
            self.resume_reading()
            self._read_requests()

    @property
    def heard_at(self) -> float:
        """See Closable."""
        return 0.0 if self._tunnel is None else self._tunnel.heard_at

    # What the front says.

    def tick(self, now: float) -> None:
        """See Watched."""
        if self._abort_at:
            self._end_in_time(now)
        elif self._entry is None:
            self._tick_between_requests(now)
        elif self._half_closed and self._is_quiet(now):
            self._transport.abort()
        elif self._exchange is not None:
            error = self._exchange.overdue(now)
            if error is not None:
                self._exchange.cancel()
                self.response_failed(error)
        elif self._tunnel is not None:
            if self._tunnel.is_overdue(now):
                self._tunnel.cancel()
                self.tunnel_closed()
        elif self._sink is not None and now - self._since >= self._front.limits.header_s:
            self._fail(RequestTimeoutError("the body of a form did not come"))

    def _is_quiet(self, now: float) -> bool:
        """Whether nothing has moved towards a client that has closed its side."""
        since = self._since
        if self._exchange is not None:
            since = max(since, self._exchange.active_at)
        elif self._tunnel is not None:
            since = max(since, self._tunnel.active_at)
        return now - since >= _HALF_CLOSED_S and not self._transport.get_write_buffer_size()

    def _tick_between_requests(self, now: float) -> None:
        limits = self._front.limits
        quiet_s = now - self._since
        if self._choked:
            if quiet_s >= limits.keepalive_s:
                self._transport.abort()
        elif self._buffer and quiet_s >= limits.header_s:
            self._refuse_bytes(RequestTimeoutError("the head did not come"))
        elif not self._buffer:
            if quiet_s >= _PAUSE_S:
                self._heads.forget()
            patience_s = limits.header_s if self._first else limits.keepalive_s
            if quiet_s >= patience_s:
                self._transport.close()

    def drain(self) -> None:
        """See Watched."""
        self._closing = True
        if self._entry is None and not self._resting:
            self._transport.close()

    # The way of a request.

    def _read_requests(self) -> None:
        """Begin what is complete in the buffer, one request after the other."""
        if self._reading:
            return
        self._reading = True
        try:
            while self._may_begin:
                if self._spent >= _TURN:
                    self._rest()
                    break
                if not self._read_request():
                    break
        except GatewayError as error:
            self._refuse_bytes(error)
        finally:
            self._reading = False
        if self._half_closed and self._entry is None and not self._choked and not self._resting:
            self._close()

    def _go_on(self) -> None:
        """See Line."""
        self._spent = 0
        if self._abort_at:
            return
        if self._body is not None and self._sink is not None:
            data, self._buffer = self._buffer, b""
            if data:
                self._take_body(data)
        elif self._entry is None and not self._choked:
            self._read_requests()
            if self._is_last and self._entry is None and not self._resting:
                self._transport.close()

    @property
    def _may_begin(self) -> bool:
        idle = self._entry is None and not self._choked and not self._resting
        return idle and bool(self._buffer) and not self._abort_at

    def _read_request(self) -> bool:
        """Begin one request; False when its head is not complete."""
        sent = self._buffer
        limits = self._front.limits
        head, self._buffer = self._heads.next(sent, limits.head_bytes, limits.fields)
        if head is None:
            return False
        head_bytes = len(sent) - len(self._buffer)
        self._spent += _REQUEST + len(head.of.fields.items) + head_bytes // _HEAD_BYTES
        try:
            self._begin(head)
        except GatewayError:
            self._buffer = sent
            raise
        return True

    def _begin(self, head: RequestHead) -> None:
        front, of = self._front, head.of
        self._first = False
        self.http_1_0 = head.http_1_0
        if b"close" in of.connection or (head.http_1_0 and b"keep-alive" not in of.connection):
            self._closing = True
        elif head.method == "CONNECT":
            # RFC 9110, section 9.3.6: what follows is no body, so that a proxy in front that shares
            # this connection may send the next request there.
            self._closing = True
        self._entry = entry = front.pipeline.read(head, self._peer, front.clock())
        self._spent += _READING * (len(entry.request.target.readings) - 1)
        if of.length:
            self._body = body_reader(of.length)
        if self._body is not None:
            self._body_bytes_left = front.limits.body_bytes or _UNLIMITED
            if of.length > self._body_bytes_left:
                self._fail(BodyTooLargeError(f"a body of {of.length} bytes"))
                return
        verdict = front.pipeline.begin(entry)
        if isinstance(verdict, Outbound):
            self._open(verdict)
        elif isinstance(verdict, (Answer, Serve)):
            self._proceed(verdict)
        else:
            self._run(self._proceed_later(verdict))

    async def _proceed_later(self, verdict: Awaitable[Verdict]) -> None:
        self._proceed(await verdict)

    def _proceed(self, verdict: Verdict) -> None:
        match verdict:
            case Outbound():
                self._open(verdict)
            case Answer(response=response):
                self._answer(response)
            case Serve():
                self._gather(verdict)

    def _open(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._exchange = exchange = Exchange(self, outbound, self._front)
        connection = outbound.upstream.take(
            exchange, look_first=not outbound.repeatable or outbound.of.length != 0
        )
        if connection is None:
            self._run(self._connect(exchange, outbound))
        else:
            exchange.start(connection, self._front.loop_time())
            self._attach(exchange)

    async def _connect(self, exchange: Exchange, outbound: Outbound) -> None:
        try:
            connection = await outbound.upstream.connect(exchange)
        except GatewayError as error:
            self.response_failed(error)
            return
        if self._exchange is not exchange:
            outbound.upstream.discard(connection)
            return
        exchange.start(connection, self._front.loop_time())
        self._attach(exchange)

    def _attach(self, sink: _Sink) -> None:
        """Let the body flow into `sink`."""
        self._sink = sink
        # First, since taking the body may pause it again.
        if self._paused:
            self.resume_reading()
        if self._body is not None:
            data, self._buffer = self._buffer, b""
            if data:
                self._take_body(data)

    def _take_body(self, data: bytes) -> None:
        body, sink = self._body, self._sink
        assert body is not None  # noqa: S101 - for the type checker; callers have looked
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
            self._fail(BodyTooLargeError("a body of more bytes than allowed"))
        elif body.done:
            self._body = None
            self._buffer = rest
            self._spent += len(body.trailers)
            outbound = self._outbound
            trailers: tuple[Field, ...] = ()
            most = self._front.limits.fields
            if 0 < most < len(body.trailers):
                self._closing = True
                self._fail(HeadTooLargeError(f"more than {most} trailer fields"))
                return
            if outbound is not None and body.trailers:
                trailers = outbound.trailers(body.trailers, outbound.of)
            sink.end_body(trailers)
        elif rest or self._spent >= _TURN:
            self._buffer = rest
            self._rest()

    def _gather(self, serve: Serve) -> None:
        entry = self._entry
        self._body_bytes_left = _OWN_BODY_BYTES
        self._since = self._front.now
        if self._body is None:
            self._run(self._serve(serve, b""))
            return
        if entry is not None and entry.of is not None and entry.of.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._attach(Gathering(lambda body: self._run(self._serve(serve, body))))

    async def _serve(self, serve: Serve, body: bytes) -> None:
        self._sink = None
        entry = self._entry
        if entry is not None:
            self._answer(await self._front.pipeline.serve(entry, serve, body))

    # The way of an answer.

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
            # Signed out here is signed out, whether or not the app could be told.
            self._fail(error, None if self._outbound is None else self._outbound.instead)

    def response_replaced(self, cookies: list[bytes]) -> None:
        """See Client."""
        instead = None if self._outbound is None else self._outbound.instead
        if instead is not None:
            # What would not go on as it is does not: less its invisible characters, the name of a
            # cookie may be that of the gateway's.  The gateway's own come last, and so count.
            texts = [value.decode("utf-8", "surrogateescape") for value in cookies]
            fields = tuple([("Set-Cookie", text) for text in texts if text.isprintable()])
            self._answer(Response(instead.status, fields + instead.fields, instead.body))

    def repeat_request(self) -> None:
        """See Client."""
        if self._exchange is not None and self._outbound is not None:
            self._sink = None
            self._run(self._connect(self._exchange, self._outbound))

    def tunnel_opened(self, tunnel: Tunnel) -> None:
        """See Client."""
        entry = self._entry
        if entry is not None:
            self._front.tunnels.add(entry, self)
            self._record(SWITCHING_PROTOCOLS)
            # The request stays under way, so that no other is read.
            self._entry = entry
        self._exchange = self._sink = None
        self._tunnel = tunnel
        self._closing = True
        self._heads.forget()
        # First, since what was read ahead may be too much for the upstream, and pause it again.
        self.resume_reading()
        if self._buffer:
            data, self._buffer = self._buffer, b""
            tunnel.send(data)

    def tunnel_closed(self) -> None:
        """See Client."""
        self._entry = self._tunnel = None
        self._end()

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
        # The front logs it; a client is never left waiting for what will not come.
        if not task.cancelled() and task.exception() is not None:
            self._transport.abort()


_UNLIMITED = 1 << 62
