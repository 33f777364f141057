"""Refreshes sessions at their provider, and translates the outcome for the sessions."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.accounts.manager import Accounts
from gateway.assembly.background import BackgroundTasks
from gateway.credentials.directory_sign_in import kept_for
from gateway.credentials.provider_tokens import kept_tokens
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.kinds import LDAP
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
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory  # With the library of an extra.

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
        if found.identity is not session.as_proven:
            self.tell(session, found.identity)
        return Refreshed(found.identity, kept_tokens(found.tokens), found.provider_session)

    def tell(self, session: Session, found: Identity) -> None:
        """Keep what was `found` with the account, in the background.

        Not awaited, because a new refresh token must be stored at once.
        """
        if self._accounts is not None:
            known = replace(found, account_id=session.identity.account_id)
            self._telling.start(_tell(self._accounts, known))

    async def aclose(self) -> None:
        """Wait a few seconds for running tasks."""
        await self._telling.aclose()


class Rechecks:
    """Asks the directory about its people, and the providers about all others."""

    def __init__(
        self, directories: "Mapping[str, Directory]", others: Refreshes, clock: Clock
    ) -> None:
        """Use `directories`, by name; they are looked up at each call, as providers are."""
        self._directories = directories
        self._others = others
        self._clock = clock

    async def ask(self, session: Session) -> RefreshOutcome:
        """Whether the person may still be signed in, and the current facts; see `Refreshes.ask`."""
        if session.provider != LDAP:
            return await self._others.ask(session)
        directory = self._directories.get(session.provider)
        if directory is None or session.as_proven.issuer != directory.issuer:
            return Over("refresh-refused")
        try:
            found = await directory.ask_again(session.as_proven)
        except GatewayError as error:
            _log.warning("refresh at %s: %s: %s", session.provider, error.reason, error)
            return Later(error.reason)
        if found is None:
            return Over("refresh-refused")
        self._others.tell(session, found)
        return Refreshed(found, kept_for(directory.recheck_s, self._clock()))


async def _tell(accounts: Accounts, identity: Identity) -> None:
    try:
        await accounts.refreshed(identity)
    except GatewayError as error:
        _log.warning("an account is updated only at its next refresh: %s", error)
