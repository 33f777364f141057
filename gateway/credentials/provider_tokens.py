"""Converts a provider's token response into the tokens kept with a session."""

from gateway.oidc.client import TokenAnswer
from gateway.sessions.session import ProviderTokens


def kept_tokens(answer: TokenAnswer) -> ProviderTokens:
    """The part of `answer` that a session keeps."""
    return ProviderTokens(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        id_token=answer.id_token,
        access_expires_at=answer.expires_at,
    )
