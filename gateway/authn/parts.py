"""What authenticators are made of; the composition root fills it once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.credentials.keys import ApiKeys
from gateway.credentials.tokens import TokenFamilies
from gateway.sessions.manager import SessionManager
from gateway.settings.schema import Settings

if TYPE_CHECKING:
    from gateway.authn.bearer import BearerAuthenticator


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a credential kind may need; a new kind adds what it needs here.

    Attributes:
        bearer: Outlives a configuration that names the same issuers, with all that it remembers;
            None where none is configured.
    """

    settings: Settings
    sessions: SessionManager
    bearer: "BearerAuthenticator | None" = None
    keys: ApiKeys | None = None
    tokens: TokenFamilies | None = None
