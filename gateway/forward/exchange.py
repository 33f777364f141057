"""One request to an upstream and its response, streamed in both directions with back-pressure.

    client --send_body--> Exchange --> Connection --> upstream
    client <--write------ Exchange <-- upstream_data

Nothing is collected: each piece is passed on as it arrives.  If one side cannot take more, the
other side is not read.  After ``101 Switching Protocols`` a Tunnel takes over.
"""

from gateway.errors import GatewayError
from gateway.forward.client import Client
from gateway.forward.connection import Connection
from gateway.forward.errors import UpstreamFailedError, UpstreamTimeoutError
from gateway.forward.outbound import Outbound
from gateway.forward.response import (
    NO_BODY_STATUS,
    SWITCHING_PROTOCOLS,
    announces_body,
    is_event_stream,
    reframed,
    without_framing,
)
from gateway.forward.tunnel import Ticker, Tunnel
from gateway.message.body import Body, body_reader
from gateway.message.chunked import encode_chunk, encode_end
from gateway.message.field_lines import HeadError
from gateway.message.fields import Field
from gateway.message.framing import CHUNKED, UNTIL_CLOSE
from gateway.message.response_head import ResponseHead
from gateway.message.response_start import take_head

# One or two hints are usual; an app that reports progress (102) does so every few seconds.
_MAX_INTERIM = 100
_CONTINUE, _OK = 100, 200


class Exchange:
    """One request and its response.  Times are the event loop's, in seconds.

    Attributes:
        status: Status of the response passed on; 0 while nothing of it was.
        sent_at: When the request's head was sent; 0 before.
        active_at: When bytes last moved in either direction.
    """

    # Class attributes, so that `__init__`, which runs for each request, does not set them.
    status = 0
    sent_at = 0.0
    _buffer = b""
    _chunk_out = False
    _keep = True
    _continued = False
    _interim = 0
    _open_ended = False
    _retried = False
    _sent_body = False
    _streams = False
    _client_full = False
    _upstream_full = False

    def __init__(self, client: Client, outbound: Outbound, ticker: Ticker) -> None:
        self._client = client
        self._outbound = outbound
        self._ticker = ticker
        self._request_done = outbound.framing.length == 0
        self._connection: Connection | None = None
        self._body: Body | None = None
        self.active_at = ticker.now

    @property
    def upstream(self) -> str:
        """The upstream's name."""
        return self._outbound.upstream.name

    # Request: from the client to the upstream.

    def start(self, connection: Connection, now: float) -> None:
        """Send the head on `connection`, whose receiver is already this exchange."""
        self._connection = connection
        self.sent_at = self.active_at = now
        connection.transport.write(self._outbound.head)

    def send_body(self, piece: bytes) -> None:
        """Pass on a piece of the request's body, which must not be empty."""
        self._sent_body = True
        self.active_at = self._ticker.now
        if self._connection is not None:
            chunked = self._outbound.framing.length == CHUNKED
            self._connection.write_on(encode_chunk(piece) if chunked else piece)

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The request's body is complete; `trailers` are those that may be passed on."""
        self._request_done = True
        self.active_at = self._ticker.now
        if self._connection is not None and self._outbound.framing.length == CHUNKED:
            self._sent_body = True
            self._connection.write_on(encode_end(trailers))

    def client_writable(self, *, writable: bool) -> None:
        """The client's send buffer is full (`writable` is False), or has room again."""
        self._client_full = not writable
        if self._connection is not None:
            self._connection.read_on(writable=writable)

    def cancel(self) -> None:
        """Close the upstream connection: the client is gone, or the answer is not wanted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._outbound.upstream.discard(connection)

    # Response: from the upstream to the client.

    def upstream_data(self, data: bytes) -> None:
        """See Receiver."""
        self.active_at = self._ticker.now
        try:
            if self._body is not None:
                self._pass_body(data, b"", self.status)
            else:
                self._take_head(data)
        except HeadError as error:
            self._fail(str(error))

    def upstream_eof(self) -> bool:
        """See Receiver."""
        return False

    def upstream_lost(self, *, clean: bool) -> None:
        """See Receiver."""
        if self._connection is None:
            return
        if self._open_ended and clean:
            self._connection = None
            if self._chunk_out:
                self._client.write(encode_end(()))
            if self._streams:
                self._client.stream_ended()
            self._client.response_done()
        elif self._may_repeat(self._connection):
            self._connection = None
            self._retried = True
            self._client.repeat_request()
        else:
            self._fail("the upstream closed the connection")

    def upstream_writable(self, *, writable: bool) -> None:
        """See Receiver."""
        self._upstream_full = not writable
        if writable:
            self._client.resume_reading()
        else:
            self._client.pause_reading()

    def overdue(self, now: float) -> GatewayError | None:
        """The timeout that has passed at `now`, or None."""
        upstream = self._outbound.upstream
        quiet_s = now - self.active_at
        if self._connection is None:
            return None
        if not self.status and self._request_done and quiet_s >= upstream.timeouts.response_s:
            return UpstreamTimeoutError(f"{upstream.name}: no response in time")
        if quiet_s >= upstream.timeouts.idle_s:
            return UpstreamTimeoutError(f"{upstream.name}: no data in either direction in time")
        return None

    def _may_repeat(self, connection: Connection) -> bool:
        # The upstream may close a kept connection just as a request is sent on it.  A repeat is
        # safe if no byte of an answer came, no byte of the body was used, and either the method may
        # be repeated or the upstream cannot have received the whole request.
        answered = self.status or self._interim or self._buffer
        untouched = not (connection.fresh or answered or self._sent_body)
        whole = self._outbound.framing.length == 0
        return untouched and not self._retried and (self._outbound.repeatable or not whole)

    def _take_head(self, data: bytes) -> None:
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        while True:
            head, data = take_head(data)
            if head is None:
                self._buffer = data
                return
            if len(head.lines) > self._outbound.upstream.max_fields > 0:
                raise HeadError("more fields than the limit")
            if head.status >= _OK:
                self._start_response(head, data)
                return
            if head.status == SWITCHING_PROTOCOLS:
                self._start_tunnel(without_framing(head), data)
                return
            self._pass_interim(without_framing(head))

    def _pass_interim(self, head: ResponseHead) -> None:
        self._interim += 1
        if self._interim > _MAX_INTERIM:
            raise HeadError(f"more than {_MAX_INTERIM} interim responses")
        if head.status == _CONTINUE:
            self._continued = True
        if b"close" in head.connection:
            self._keep = False
        wanted = self._outbound.framing.expects_continue or head.status != _CONTINUE
        # RFC 9110, section 15.2: an HTTP/1.0 client must get no interim responses.
        if wanted and not self._client.http_1_0:
            self._client.write(self._start_of(head) + b"\r\n")

    def _start_response(self, head: ResponseHead, rest: bytes) -> None:
        outbound, client = self._outbound, self._client
        if outbound.instead is not None:
            self._replace_response(head)
            return
        # In step: the upstream knows where the next request would begin (decision 0009).  After an
        # Upgrade it may read in another protocol.  If it answers before the body's end, or instead
        # of 100 (Continue), it may take the rest for a request.
        framing, length, framing_field = outbound.framing, head.length, b""
        in_step = self._request_done and not framing.upgrade
        if framing.expects_continue and not self._continued:
            in_step = False
        if length < 0 or outbound.method == "HEAD" or head.status in NO_BODY_STATUS:
            has_late_body = head.status in NO_BODY_STATUS and announces_body(head)
            if has_late_body or outbound.method == "HEAD":
                # Such a body must not be sent; if it comes late, the next request would get it.
                in_step = False
            head, length, framing_field = reframed(head, outbound.method, http_1_0=client.http_1_0)
        self._chunk_out = framing_field != b"" and length != 0
        self._open_ended = length == UNTIL_CLOSE
        ends = head.http_1_0 or self._open_ended or b"close" in head.connection
        self._keep = self._keep and in_step and not ends
        if not self._request_done or (client.http_1_0 and length < 0):
            client.close_after_response()
        start, added, end = self._start_of(head), outbound.added_to(head), client.connection_line
        if length == len(rest):
            # The whole body is here, as it mostly is.
            self.status = head.status
            client.write(b"".join((start, added, framing_field, end, b"\r\n", rest)))
            self._end(b"")
            return
        before = b"".join((start, added, framing_field, end, b"\r\n"))
        self._body = body_reader(length)
        if self._body is None:
            self.status = head.status
            client.write(before)
            self._end(rest)
        else:
            self._pass_body(rest, before, head.status)
            # What has ended already, as most answers have by now, is not looked at.
            if self._body is not None and length < 0 and is_event_stream(head):
                self._streams = True
                client.stream_opened()

    def _start_of(self, head: ResponseHead) -> bytes:
        outbound = self._outbound
        return outbound.rules.start(head, outbound.owned, outbound.public_url)

    def _replace_response(self, head: ResponseHead) -> None:
        cookies = self._outbound.rules.cookies(head, self._outbound.owned)
        # The body is not read, so the connection cannot be kept.
        self.cancel()
        self._client.response_replaced(cookies)

    def _pass_body(self, data: bytes, before: bytes, status: int) -> None:
        body = self._body
        assert body is not None  # noqa: S101 - for the type checker; callers have checked
        pieces, rest = body.feed(data)
        while rest and not body.done:
            more, rest = body.feed(rest)
            pieces += more
        if body.trailers and len(body.trailers) > self._outbound.upstream.max_fields > 0:
            raise HeadError("more trailer fields than the limit")
        # From here on the client has part of the response; before, a broken body is still a 502.
        self.status = status
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._chunk_out:
            piece = encode_chunk(piece) if piece else b""
            if body.done:
                piece += encode_end(self._outbound.rules.trailers(body.trailers))
        if before or piece:
            self._client.write(before + piece if before else piece)
        if body.done:
            if self._streams:
                self._client.stream_ended()
            self._end(rest)

    def _end(self, rest: bytes) -> None:
        connection, self._connection = self._connection, None
        self._body = None
        if connection is not None:
            # Not kept if bytes follow the end, or if the app has not taken the whole request.
            if self._keep and not rest and self._request_done and not self._upstream_full:
                if self._client_full:
                    connection.transport.resume_reading()
                self._outbound.upstream.give_back(connection)
            else:
                self._outbound.upstream.discard(connection)
        self._client.response_done()

    def _start_tunnel(self, head: ResponseHead, rest: bytes) -> None:
        if not self._outbound.framing.upgrade:
            raise HeadError("101 Switching Protocols, but the request asked for no upgrade")
        if not self._request_done:
            raise HeadError("101 Switching Protocols before the end of the request")
        outbound = self._outbound
        start = outbound.rules.switching(head, outbound.owned, outbound.public_url)
        connection, self._connection = self._connection, None
        assert connection is not None  # noqa: S101 - for the type checker; the head came on it
        self.status = head.status
        tunnel = Tunnel(self._client, outbound.upstream, connection, self._ticker)
        self._client.tunnel_opened(tunnel)
        self._client.write(start + b"\r\n" + rest)

    def _fail(self, problem: str) -> None:
        self.cancel()
        self._client.response_failed(UpstreamFailedError(f"{self.upstream}: {problem}"))
