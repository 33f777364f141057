"""Takes back all that people let an app do."""

from collections.abc import AsyncIterator

from gateway.authserver.consents import Consent, Consents
from gateway.authserver.registrations import Registrations
from gateway.sessions.all_sessions import AllSessions
from gateway.sessions.record import SessionInfo

# Few enough to keep in memory; all is read once, for there is no index of an app's sessions.
_STEP = 500


async def revoke_app(
    client: str,
    user: str | None,
    sessions: AllSessions,
    consents: Consents | None,
    registrations: Registrations | None,
) -> dict[str, int]:
    """End the sessions of `client`, and forget consents to it; how many there were of each.

    Its registration is removed too, unless it is only for one `user`.

    Raises:
        StoreUnavailableError: The store could not answer; it is safe to repeat.
    """
    removed = 0
    if user is None and registrations is not None:
        # First, so that it gets nothing new meanwhile.
        removed = int(await registrations.remove(client))
    withdrawn = 0
    if consents is not None:
        async for consent in _consents(consents, client):
            if user in (None, consent.user):
                await consents.withdraw(consent.person, client)
                withdrawn += 1
    ended = 0
    async for page in _sessions(sessions, user):
        ended += len(await sessions.end_these(it for it in page if it.client == client))
    return {"sessions": ended, "consents": withdrawn, "registrations": removed}


async def _consents(consents: Consents, client: str) -> AsyncIterator[Consent]:
    after: str | None = ""
    while after is not None:
        found, after = await consents.page(client, after, _STEP)
        for it in found:
            yield it


async def _sessions(sessions: AllSessions, user: str | None) -> AsyncIterator[list[SessionInfo]]:
    if user is not None:
        yield await sessions.list_for(user)
        return
    after: str | None = ""
    while after is not None:
        found, after = await sessions.page(after, _STEP)
        yield found
