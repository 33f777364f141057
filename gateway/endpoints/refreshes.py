"""What a provider says when a session is refreshed, in the words the sessions know."""

import logging
from collections.abc import Mapping

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.errors import RefreshRefusedError, SubjectMismatchError
from gateway.oidc.provider import Provider
from gateway.sessions.refresh import Later, Over, Refreshed, Word
from gateway.sessions.session import Session, Tokens

_log = logging.getLogger(__name__)


class Refreshes:
    """Asks the provider of a session (`SessionManager.refresh_with`)."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        """Use `providers`, by the name of the app where the session is one's.

        They are looked up anew at each call, so that a reload may change them.
        """
        self._providers = providers

    async def ask(self, session: Session) -> Word:
        """What the provider now says of the person.

        Only ``invalid_grant`` and another person end a session.  What cannot be reached, read or
        verified says nothing about the person: keys may just be changing at the provider.
        """
        provider = self._providers.get(session.client or session.provider)
        token = session.tokens.refresh_token
        if provider is None or token is None or provider.registration.name != session.provider:
            # An app may have moved to another provider, whom this one's token is none of.
            return Later("unknown-provider", provider_fails=False)
        try:
            found = await provider.refresh(token, session.identity, session.tokens.id_token)
        except (RefreshRefusedError, SubjectMismatchError) as error:
            return Over(error.reason)
        except GatewayError as error:
            _log.warning("refresh at %s: %s: %s", session.provider, error.reason, error)
            fails = isinstance(error, ProviderUnavailableError)
            return Later(error.reason, provider_fails=fails)
        tokens = Tokens(
            access_token=found.tokens.access_token,
            refresh_token=found.tokens.refresh_token,
            id_token=found.tokens.id_token,
            access_expires_at=found.tokens.expires_at,
        )
        return Refreshed(found.identity, tokens, found.provider_session)
