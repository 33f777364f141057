"""What an exchange needs of the connection the request came on."""

from typing import Protocol

from gateway.errors import GatewayError
from gateway.forward.tunnel import Tunnel, TunnelClient


class Client(TunnelClient, Protocol):
    """See the module.

    Attributes:
        http_1_0: Whether the request was HTTP/1.0, which knows no chunks and no interim answers.
        connection_line: The Connection field of the response, ``b""`` where none is needed.
    """

    http_1_0: bool

    @property
    def connection_line(self) -> bytes:
        """See the class."""

    def close_after_response(self) -> None:
        """The connection ends with the response whose head is about to be written."""

    def response_done(self) -> None:
        """The response is whole."""

    def response_failed(self, error: GatewayError) -> None:
        """The response will never be whole."""

    def response_replaced(self, cookies: list[bytes]) -> None:
        """The app has answered, set these cookies, and the client gets another answer."""

    def repeat_request(self) -> None:
        """Nothing of an answer came: send the request once more, on a new connection."""

    def tunnel_opened(self, tunnel: Tunnel) -> None:
        """The exchange is over: from here on, pass bytes through `tunnel` as they come."""
