"""Collects the small body of a request to one of the gateway's own endpoints."""

from collections.abc import Callable

from gateway.message.fields import Field


class Gathering:
    """Collects the pieces of a body and passes on the complete body."""

    __slots__ = ("_pieces", "_ready")

    def __init__(self, ready: Callable[[bytes], None]) -> None:
        self._pieces: list[bytes] = []
        self._ready = ready

    def send_body(self, piece: bytes) -> None:
        """Add a piece."""
        self._pieces.append(piece)

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The body is complete; trailers of a form are ignored."""
        del trailers
        self._ready(b"".join(self._pieces))
