"""One of the gateway's own answers, before it is written to a connection."""

from dataclasses import dataclass, replace

from gateway.model import Identity

FieldList = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer.  The server adds Content-Length, Date, X-Request-Id and Connection.

    Attributes:
        fields: (name, value) pairs; a name may repeat (Set-Cookie).
        reason: Why it refuses the request, for the record; None if it does not.
        identity: Whom an endpoint found, signed in or signed out, for the record; None if nobody.
    """

    status: int
    fields: FieldList = ()
    body: bytes = b""
    reason: str | None = None
    identity: Identity | None = None

    def adding(self, *fields: tuple[str, str]) -> "Response":
        """A copy of the answer with `fields` appended."""
        return replace(self, fields=self.fields + fields)

    def because(self, reason: str) -> "Response":
        """A copy that says for the record why it refuses the request."""
        return replace(self, reason=reason)

    def about(self, identity: Identity) -> "Response":
        """A copy that says for the record whom it is about."""
        return replace(self, identity=identity)
