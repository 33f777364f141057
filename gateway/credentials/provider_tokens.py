"""The tokens a provider answered with, as they are kept with a session."""

from gateway.oidc.client import TokenAnswer
from gateway.sessions.session import ProviderTokens


def kept_tokens(answer: TokenAnswer) -> ProviderTokens:
    """What a session keeps of `answer`."""
    return ProviderTokens(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        id_token=answer.id_token,
        access_expires_at=answer.expires_at,
    )
