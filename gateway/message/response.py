"""One answer of the gateway's own, before it is written to a connection."""

from dataclasses import dataclass

FieldList = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer.  The server adds Content-Length, Date, X-Request-Id and connection fields.

    `fields` are (name, value) pairs; a name may repeat (Set-Cookie).
    """

    status: int
    fields: FieldList = ()
    body: bytes = b""

    def adding(self, *fields: tuple[str, str]) -> "Response":
        """The same answer with `fields` after its own."""
        return Response(self.status, self.fields + fields, self.body)
