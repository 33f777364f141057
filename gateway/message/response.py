"""One of the gateway's own answers, before it is written to a connection."""

from dataclasses import dataclass, field

from gateway.model import Identity

FieldList = tuple[tuple[str, str], ...]


@dataclass(slots=True, init=False, unsafe_hash=True)
class Response:
    """A complete answer.  The server adds Content-Length, Date, X-Request-Id and Connection.

    Never modified.

    Attributes:
        fields: (name, value) pairs; a name may repeat (Set-Cookie).
        lines: Field lines that come before them, each with its line end.
        start: For the writer, which keeps here what is the same each time that it is written.
        reason: Why it refuses the request, for the record; None if it does not.
        identity: Whom an endpoint found, signed in or signed out, for the record; None if nobody.
    """

    status: int
    fields: FieldList
    body: bytes
    reason: str | None
    identity: Identity | None
    lines: bytes
    start: bytes = field(compare=False)

    def __init__(
        self,
        status: int,
        fields: FieldList = (),
        body: bytes = b"",
        reason: str | None = None,
        identity: Identity | None = None,
        lines: bytes = b"",
    ) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.reason = reason
        self.identity = identity
        self.lines = lines
        self.start = b""

    def adding(self, *fields: tuple[str, str]) -> "Response":
        """A copy of the answer with `fields` appended."""
        fields = self.fields + fields
        return Response(self.status, fields, self.body, self.reason, self.identity, self.lines)

    def because(self, reason: str) -> "Response":
        """A copy that says for the record why it refuses the request."""
        return Response(self.status, self.fields, self.body, reason, self.identity, self.lines)

    def about(self, identity: Identity) -> "Response":
        """A copy that says for the record whom it is about."""
        return Response(self.status, self.fields, self.body, self.reason, identity, self.lines)
