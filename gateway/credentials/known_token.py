"""A cached access token and the identity it proves."""

from dataclasses import dataclass, field, replace

from gateway.model import Identity
from gateway.sessions.session import Session


@dataclass(slots=True, eq=False)
class Known:
    """An access token that was found valid.

    Attributes:
        expires_at: It is invalid from this second on.
        identity: The identity it proves; the same object until the session changes.
        narrowed: Its scopes, if it has fewer than its session.
    """

    ticket: str = field(repr=False)
    expires_at: float
    session: Session
    identity: Identity
    narrowed: frozenset[str] | None

    @classmethod
    def of(
        cls, ticket: str, expires_at: float, session: Session, narrowed: frozenset[str] | None
    ) -> "Known":
        """The entry for an access token of `session`."""
        identity = _identity(session, expires_at, narrowed)
        return cls(ticket, expires_at, session, identity, narrowed)

    def follow(self, session: Session) -> None:
        """Switch to `session`, which may be a newer version of the same session."""
        if session is not self.session:
            self.session = session
            self.identity = _identity(session, self.expires_at, self.narrowed)


def _identity(session: Session, expires_at: float, narrowed: frozenset[str] | None) -> Identity:
    identity = replace(session.identity, expires_at=int(expires_at))
    if narrowed is None:
        return identity
    return replace(identity, scopes=identity.scopes & narrowed)
