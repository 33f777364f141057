"""Reads requests, asks the pipeline, and streams each body to where the verdict sends it.

    head -> pipeline -> Answer   written at once
                     -> Serve    the gateway's own endpoint; its small body is collected first
                     -> Outbound an Exchange with an upstream, or a tunnel

Where rules are about the body, the pipeline reads it first, and it is sent on from the buffer.

If nothing needs to wait, all of it happens inside `data_received`, without a task.
"""

from collections.abc import Awaitable
from typing import Final

from gateway.errors import BodyTooLargeError, GatewayError
from gateway.forward.exchange import Exchange
from gateway.forward.outbound import Outbound
from gateway.forward.response import SWITCHING_PROTOCOLS
from gateway.forward.tunnel import Tunnel
from gateway.message.body import body_reader
from gateway.message.request_head import RequestHead
from gateway.pipeline.messages import BODY
from gateway.pipeline.verdict import Answer, Serve, Verdict
from gateway.server.bodies import TURN, BodySide
from gateway.server.front import Front
from gateway.server.gathering import Gathering
from gateway.server.heads import Heads

# Far more than the forms of the gateway's own endpoints need.
_OWN_BODY_BYTES = 65536
# The work that each is, see `TURN`.
_REQUEST: Final = 32
_HEAD_BYTES: Final = 32
_READING: Final = 16
_UNLIMITED = 1 << 62


class RequestSide(BodySide):
    """The request-reading half of a client connection.

    State: `_first` is true until a request begins; `_reading` is true while requests are being
    begun, so that an immediate answer does not begin the next request recursively; `_tunnel` is set
    after an exchange switches protocols.
    """

    __slots__ = ("_first", "_heads", "_reading", "_tunnel")

    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._heads = Heads()
        self._tunnel: Tunnel | None = None
        self._first = True
        self._reading = False

    def _read_requests(self) -> None:
        """Begin every complete request in the buffer, in order."""
        if self._reading:
            return
        self._reading = True
        try:
            while self._may_begin:
                if self._spent >= TURN:
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
        """See ClientTransport."""
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
        """Begin one request; False if its head is not complete."""
        sent = self._buffer
        limits = self._front.limits
        head, self._buffer = self._heads.next(sent, limits.head_bytes, limits.fields)
        if head is None:
            return False
        head_bytes = len(sent) - len(self._buffer)
        self._spent += _REQUEST + len(head.framing.fields.items) + head_bytes // _HEAD_BYTES
        try:
            self._begin(head)
        except GatewayError:
            # The refusal reads the head loosely to choose a page or JSON; see `glimpse`.
            self._buffer = sent
            raise
        return True

    def _begin(self, head: RequestHead) -> None:
        front, framing = self._front, head.framing
        self._first = False
        self.http_1_0 = head.http_1_0
        if b"close" in framing.connection or (
            head.http_1_0 and b"keep-alive" not in framing.connection
        ):
            self._closing = True
        elif head.method == "CONNECT":
            # RFC 9110, section 9.3.6: what follows CONNECT is not a body.  Close, because a proxy
            # in front that shares this connection may send the next request there.
            self._closing = True
        self._entry = entry = front.pipeline.read(head, self._peer, front.clock())
        self._spent += _READING * (len(entry.request.target.readings) - 1)
        if framing.length:
            self._body = body_reader(framing.length)
        if self._body is not None:
            self._body_bytes_left = front.limits.body_bytes or _UNLIMITED
            if framing.length > self._body_bytes_left:
                self._fail(BodyTooLargeError(f"a body of {framing.length} bytes"))
                return
        verdict = front.pipeline.begin(entry)
        if isinstance(verdict, Outbound):
            self._open(verdict)
        elif isinstance(verdict, Answer):
            self._answer(verdict.response)
        elif isinstance(verdict, Serve):
            self._gather(verdict)
        else:
            self._run(self._proceed_later(verdict))

    async def _proceed_later(self, verdict: Awaitable[Verdict]) -> None:
        BODY.set(self._read_body)
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
            exchange, look_first=not outbound.repeatable or outbound.framing.length != 0
        )
        if connection is None:
            self._run(self._connect(exchange, outbound))
        else:
            exchange.start(connection, self._front.loop_time())
            self._attach(exchange)

    async def _connect(self, exchange: Exchange, outbound: Outbound) -> None:
        try:
            shows_page = self._can_come_again(outbound)
            connection = await outbound.upstream.connect(exchange, shows_page=shows_page)
        except GatewayError as error:
            self.response_failed(error)
            return
        if self._exchange is not exchange:
            outbound.upstream.discard(connection)
            return
        exchange.start(connection, self._front.loop_time())
        self._attach(exchange)

    def _can_come_again(self, outbound: Outbound) -> bool:
        """Whether a page that reloads itself may be the answer while the app boots."""
        entry = self._entry
        if entry is None or outbound.once or outbound.framing.length or entry.asks_for_upgrade:
            return False
        return entry.request.opens_page

    def _gather(self, serve: Serve) -> None:
        self._body_bytes_left = _OWN_BODY_BYTES
        if self._body is None:
            self._since = self._front.now
            self._run(self._serve(serve, b""))
            return
        self._ask_for_body()
        self._attach(Gathering(lambda body: self._run(self._serve(serve, body))))

    async def _serve(self, serve: Serve, body: bytes) -> None:
        self._sink = None
        entry = self._entry
        if entry is not None:
            self._answer(await self._front.pipeline.serve(entry, serve, body))

    # Called by the exchange.

    def repeat_request(self) -> None:
        """See Client."""
        if self._exchange is not None and self._outbound is not None:
            self._sink = None
            self._run(self._connect(self._exchange, self._outbound))

    def stream_opened(self) -> None:
        """See Client."""
        if self._entry is not None:
            self._front.tunnels.add(self._entry, self)

    def stream_ended(self) -> None:
        """See Client."""
        self._front.tunnels.remove(self)

    def tunnel_opened(self, tunnel: Tunnel) -> None:
        """See Client."""
        entry = self._entry
        if entry is not None:
            self._front.tunnels.add(entry, self)
            self._record(SWITCHING_PROTOCOLS)
            # Keep the request current, so that no other one is read.
            self._entry = entry
        self._exchange = self._sink = None
        self._tunnel = tunnel
        self._closing = True
        self._heads.forget()
        # Before sending, because the bytes read ahead may fill the upstream's buffer and pause.
        self.resume_reading()
        if self._buffer:
            data, self._buffer = self._buffer, b""
            tunnel.send(data)

    def tunnel_closed(self) -> None:
        """See Client."""
        self._entry = self._tunnel = None
        self._end()

    def cut(self) -> None:
        """See Closable."""
        if self._exchange is not None:
            # Here, so that the record does not say that the client left.
            self._record(self._exchange.status)
        self.abort()

    @property
    def heard_at(self) -> float:
        """See Closable."""
        return 0.0 if self._tunnel is None else self._tunnel.heard_at
