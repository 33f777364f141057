"""An access token that a worker remembers, and who asks with it."""

from dataclasses import dataclass, field, replace

from gateway.model import Identity
from gateway.sessions.session import Session


@dataclass(slots=True, eq=False)
class Known:
    """An access token that was found to be good.

    Attributes:
        expires_at: From this second on it is not.
        identity: Who asks with it; the same object until the session has news.
        narrowed: Its scopes, where it has not all of its session's.
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
        """What is known of an access token of `session`."""
        identity = _identity(session, expires_at, narrowed)
        return cls(ticket, expires_at, session, identity, narrowed)

    def follow(self, session: Session) -> None:
        """Say from now on what `session`, which may be a newer one, says."""
        if session is not self.session:
            self.session = session
            self.identity = _identity(session, self.expires_at, self.narrowed)


def _identity(session: Session, expires_at: float, narrowed: frozenset[str] | None) -> Identity:
    identity = replace(session.identity, expires_at=int(expires_at))
    if narrowed is None:
        return identity
    return replace(identity, scopes=identity.scopes & narrowed)
