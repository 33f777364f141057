"""Revokes the refresh tokens of ended sessions at their provider, in the background."""

import logging
from collections.abc import Mapping

from gateway.assembly.background import BackgroundTasks
from gateway.errors import GatewayError
from gateway.oidc.provider import Provider
from gateway.sessions.endings import Ended

_log = logging.getLogger(__name__)


class Revocations:
    """Revokes tokens when sessions end (`SessionManager.on_revoke`)."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        """Use `providers`, by app name for an app's session.

        They are looked up at each call, so that a reload can change them.
        """
        self._providers = providers
        self._tasks = BackgroundTasks()

    def session_ended(self, ended: Ended) -> None:
        """Revoke the session's refresh token, which the provider's own logout may not revoke.

        Not if the same browser signed in again: some providers keep one grant for both, and
        revoking the old token would end the new session's grant.  Not if the provider itself
        refused the token either.
        """
        if ended.refresh_token is None or ended.info is None or ended.cause != "ended":
            return
        provider = self._providers.get(ended.info.client or ended.info.provider)
        if provider is None or provider.registration.name != ended.info.provider:
            # The app has moved to another provider, which must not get this token.
            return
        if not provider.issued(ended.refresh_token, ended.info.issuer):
            return
        self._tasks.start(_revoke(provider, ended.refresh_token))

    async def aclose(self) -> None:
        """Wait a few seconds for running tasks."""
        await self._tasks.aclose()


async def _revoke(provider: Provider, token: str) -> None:
    name = provider.registration.name
    try:
        await provider.revoke(token)
    except GatewayError as error:
        _log.warning("a refresh token could not be revoked at %s: %s", name, error)
