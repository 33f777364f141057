"""What a provider says when a session is refreshed, in the words the sessions know."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from gateway.accounts.manager import Accounts
from gateway.assembly.background import BackgroundTasks
from gateway.credentials.provider_tokens import kept_tokens
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.errors import RefreshRefusedError, SubjectMismatchError
from gateway.oidc.provider import Provider
from gateway.oidc.refresh import refresh
from gateway.sessions.refresh import Later, Over, Refreshed, RefreshOutcome
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)


class Refreshes:
    """Asks the provider of a session (`SessionManager.refresh_with`)."""

    def __init__(self, providers: Mapping[str, Provider], accounts: Accounts | None = None) -> None:
        """Use `providers`, by the name of the app where the session is one's.

        They are looked up anew at each call, so that a reload may change them.  `accounts` are
        told what is heard; None for the sessions of apps, which may ask for less than the gateway.
        """
        self._providers = providers
        self._accounts = accounts
        self._telling = BackgroundTasks()

    async def ask(self, session: Session) -> RefreshOutcome:
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
            found = await refresh(provider, token, session.as_proven, session.tokens.id_token)
        except (RefreshRefusedError, SubjectMismatchError) as error:
            return Over(error.reason)
        except GatewayError as error:
            _log.warning("refresh at %s: %s: %s", session.provider, error.reason, error)
            fails = isinstance(error, ProviderUnavailableError)
            return Later(error.reason, provider_fails=fails)
        # Where userinfo failed, what was known before comes back: perhaps no longer the newest.
        if self._accounts is not None and found.identity is not session.as_proven:
            account_id = session.identity.account_id
            # Not awaited: a new refresh token is stored at once.
            self._telling.start(
                _tell(self._accounts, replace(found.identity, account_id=account_id))
            )
        return Refreshed(found.identity, kept_tokens(found.tokens), found.provider_session)

    async def aclose(self) -> None:
        """Finish what is under way, within seconds."""
        await self._telling.aclose()


async def _tell(accounts: Accounts, identity: Identity) -> None:
    try:
        await accounts.refreshed(identity)
    except GatewayError as error:
        _log.warning("an account is told at its next refresh: %s", error)
