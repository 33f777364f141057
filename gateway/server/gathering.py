"""The small body of a request to one of the gateway's own endpoints, gathered whole."""

from collections.abc import Callable

from gateway.message.fields import Field


class Gathering:
    """Takes the pieces of a body and hands them over once it is whole."""

    __slots__ = ("_pieces", "_ready")

    def __init__(self, ready: Callable[[bytes], None]) -> None:
        self._pieces: list[bytes] = []
        self._ready = ready

    def send_body(self, piece: bytes) -> None:
        """Take a piece."""
        self._pieces.append(piece)

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The body is whole; nobody reads the trailers of a form."""
        del trailers
        self._ready(b"".join(self._pieces))
