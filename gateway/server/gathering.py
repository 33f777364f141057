"""Collects a small body: one for the gateway's own endpoints, or one that rules are about."""

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


class Reading:
    """Collects a body that is decided on before it is sent on, with its trailers.

    It passes on None, once, as soon as the body is longer than `most` bytes.
    """

    __slots__ = ("_content", "_left", "_ready")

    def __init__(self, most: int, ready: Callable[[bytes | None, tuple[Field, ...]], None]) -> None:
        self._left = most
        # Not a list: a client may send each byte by itself.
        self._content = bytearray()
        self._ready = ready

    def send_body(self, piece: bytes) -> None:
        """Add a piece."""
        if self._left < 0:
            return
        self._left -= len(piece)
        if self._left < 0:
            self._content.clear()
            self._ready(None, ())
        else:
            self._content += piece

    def end_body(self, trailers: tuple[Field, ...]) -> None:
        """The body is complete."""
        if self._left >= 0:
            self._ready(bytes(self._content), trailers)
