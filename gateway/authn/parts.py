"""Dependencies of the authenticators; the composition root fills them in once."""

from collections.abc import Callable
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
    """Everything a kind of credential may need.  A new kind adds its dependencies here.

    Attributes:
        bearer: None if no issuer is configured.  With its cache it outlives a reload that keeps
            the same issuers.
        tokens: The gateway's own tokens, and whether there may be a client; None if no client gets
            any.
    """

    settings: Settings
    sessions: SessionManager
    bearer: "BearerAuthenticator | None" = None
    keys: ApiKeys | None = None
    tokens: tuple[TokenFamilies, Callable[[str], bool]] | None = None
