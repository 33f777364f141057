"""Refreshes sessions at their provider, and translates the outcome for the sessions."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from gateway.accounts.manager import Accounts
from gateway.assembly.background import BackgroundTasks
from gateway.credentials.provider_tokens import kept_tokens
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.errors import (
    RefreshRefusedError,
    SubjectMismatchError,
    TenantRemovedError,
    UserinfoThrottledError,
)
from gateway.oidc.provider import Provider
from gateway.sessions.refresh import Later, Over, Refreshed, RefreshOutcome
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)


class Refreshes:
    """Calls the provider of a session (`SessionManager.refresh_with`)."""

    def __init__(self, providers: Mapping[str, Provider], accounts: Accounts | None = None) -> None:
        """Use `providers`, by app name for an app's session.

        They are looked up at each call, so that a reload can change them.  `accounts` learns of
        changes; None for apps' sessions, whose scopes may be fewer than the gateway's.
        """
        self._providers = providers
        self._accounts = accounts
        self._telling = BackgroundTasks()

    async def ask(self, session: Session) -> RefreshOutcome:
        """The provider's current facts about the user.

        Only ``invalid_grant`` and a different subject end a session.  Any other failure says
        nothing about the user: the provider may just be rotating its keys, for example.
        """
        provider = self._providers.get(session.client or session.provider)
        token = session.tokens.refresh_token
        if provider is None or token is None or provider.registration.name != session.provider:
            # The app may have moved to another provider, which must not get this token.
            return Later("unknown-provider", provider_fails=False)
        if not provider.issued(token, session.as_proven.issuer):
            # The name stands for another issuer by now, which must not get this token.
            return Over("refresh-refused")
        try:
            found = await provider.refresh(token, session.as_proven, session.tokens.id_token)
        except (RefreshRefusedError, SubjectMismatchError, TenantRemovedError) as error:
            return Over(error.reason)
        except GatewayError as error:
            _log.warning("refresh at %s: %s: %s", session.provider, error.reason, error)
            # One user's limit must not keep the provider from being asked about others.
            fails = isinstance(error, ProviderUnavailableError) and not isinstance(
                error, UserinfoThrottledError
            )
            return Later(error.reason, provider_fails=fails)
        # If userinfo failed, the previous facts come back, which may be out of date.
        if self._accounts is not None and found.identity is not session.as_proven:
            account_id = session.identity.account_id
            # Not awaited, because the new refresh token must be stored at once.
            self._telling.start(
                _tell(self._accounts, replace(found.identity, account_id=account_id))
            )
        return Refreshed(found.identity, kept_tokens(found.tokens), found.provider_session)

    async def aclose(self) -> None:
        """Wait a few seconds for running tasks."""
        await self._telling.aclose()


async def _tell(accounts: Accounts, identity: Identity) -> None:
    try:
        await accounts.refreshed(identity)
    except GatewayError as error:
        _log.warning("an account is updated only at its next refresh: %s", error)
