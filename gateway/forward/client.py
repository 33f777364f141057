"""The interface of a client connection, as an exchange uses it."""

from typing import Protocol

from gateway.errors import GatewayError
from gateway.forward.tunnel import Tunnel, TunnelClient


class Client(TunnelClient, Protocol):
    """The connection that the request came on.

    Attributes:
        http_1_0: Whether the request was HTTP/1.0, which has no chunks and no interim responses.
        connection_line: The Connection field line of the response, ``b""`` if none is needed.
    """

    http_1_0: bool

    @property
    def connection_line(self) -> bytes:
        """See the class."""

    def close_after_response(self) -> None:
        """Close the connection after the response whose head is about to be written."""

    def response_done(self) -> None:
        """The response is complete."""

    def response_failed(self, error: GatewayError) -> None:
        """The response cannot be completed."""

    def response_replaced(self, cookies: list[bytes]) -> None:
        """The app answered and set these cookies, but the client gets `Outbound.instead`."""

    def repeat_request(self) -> None:
        """No byte of an answer arrived: send the request again, on a new connection."""

    def stream_opened(self) -> None:
        """The response is a stream of events, which ends with the credential that it came with."""

    def stream_ended(self) -> None:
        """The stream of events is complete."""

    def tunnel_opened(self, tunnel: Tunnel) -> None:
        """The exchange is over: from now on, pass bytes through `tunnel`."""
