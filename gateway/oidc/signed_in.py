"""What a completed sign-in or refresh gives."""

from dataclasses import dataclass, field

from gateway.model import Identity
from gateway.oidc.client import TokenAnswer


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The result of a completed sign-in or refresh.

    Attributes:
        provider_session: The provider's ``sid`` (OpenID Connect Front-Channel Logout 1.0).
    """

    identity: Identity
    tokens: TokenAnswer = field(repr=False)
    provider_session: str | None = None
