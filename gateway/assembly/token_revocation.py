"""Refresh tokens of ended sessions are revoked at their provider, in the background."""

import logging
from collections.abc import Mapping

from gateway.assembly.background import BackgroundTasks
from gateway.errors import GatewayError
from gateway.oidc.provider import Provider
from gateway.sessions.endings import Ended

_log = logging.getLogger(__name__)


class Revocations:
    """Listens to the end of sessions (`SessionManager.on_revoke`)."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        """Use `providers`, by the name of the app where the session is one's.

        They are looked up anew at each call, so that a reload may change them.
        """
        self._providers = providers
        self._tasks = BackgroundTasks()

    def session_ended(self, ended: Ended) -> None:
        """Revoke its refresh token, which would outlive the provider's own logout.

        Not where the same browser signed in again: some providers keep one grant for both, and
        revoking the old token would end the new session's.  Nor where the provider itself says
        that the token is no longer good.
        """
        if ended.refresh_token is None or ended.info is None or ended.cause != "ended":
            return
        provider = self._providers.get(ended.info.client or ended.info.provider)
        if provider is None or provider.registration.name != ended.info.provider:
            # An app that has moved to another provider: this one's token is not for that.
            return
        self._tasks.start(_revoke(provider, ended.refresh_token))

    async def aclose(self) -> None:
        """Finish what is under way, within seconds."""
        await self._tasks.aclose()


async def _revoke(provider: Provider, token: str) -> None:
    name = provider.registration.name
    try:
        await provider.revoke(token)
    except GatewayError as error:
        _log.warning("a refresh token could not be revoked at %s: %s", name, error)
