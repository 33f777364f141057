"""What authenticators are made of; the composition root fills it once."""

from dataclasses import dataclass

from gateway.sessions.manager import SessionManager
from gateway.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a credential kind may need; a new kind adds what it needs here."""

    settings: Settings
    sessions: SessionManager
