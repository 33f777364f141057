"""One of the gateway's own answers, before it is written to a connection."""

from dataclasses import dataclass

FieldList = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer.  The server adds Content-Length, Date, X-Request-Id and Connection.

    `fields` are (name, value) pairs; a name may repeat (Set-Cookie).
    """

    status: int
    fields: FieldList = ()
    body: bytes = b""

    def adding(self, *fields: tuple[str, str]) -> "Response":
        """A copy of the answer with `fields` appended."""
        return Response(self.status, self.fields + fields, self.body)
