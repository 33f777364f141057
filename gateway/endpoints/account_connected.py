"""The account page's section for apps that act for the user."""

from collections.abc import Mapping, Set
from urllib.parse import urlsplit

from gateway.authserver.consents import Consent
from gateway.endpoints.consent_page import scopes_in_words
from gateway.endpoints.own_sessions import OwnSessions
from gateway.message.request import Request
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Session


class ConnectedSection:
    """Lists the apps that the user lets act for them, and disconnects them."""

    name = "connected"

    def __init__(self, own: OwnSessions) -> None:
        self._own = own

    async def shown(self, request: Request, session: Session) -> Mapping[str, object]:
        """The apps that the user has allowed, and those that have tokens; newest first."""
        given = {it.client: it for it in await self._own.given(session)}
        used: dict[str, list[SessionInfo]] = {}
        for info in await self._own.of(session):
            if info.client is not None:
                used.setdefault(info.client, []).append(info)
        names = self._own.names(given.values())
        rows = [
            {"client": it, "name": names(it), **_about(it, given.get(it), used.get(it, []))}
            for it in {**given, **used}
        ]
        return {"rows": rows}

    def takes(self, fields: Set[str]) -> bool:
        """``disconnect``: the client's id."""
        return fields == {"disconnect"}

    async def act(self, request: Request, session: Session, form: Mapping[str, str]) -> None:
        """Withdraw what was allowed, and end the app's sessions."""
        await self._own.disconnect(request, session, form["disconnect"])


def _about(client: str, given: Consent | None, used: list[SessionInfo]) -> dict[str, object]:
    parts = urlsplit(client)
    began = [it.created_at for it in used]
    return {
        # Only a client that is known by its metadata document has a URL for a name.
        "host": parts.hostname if parts.scheme in ("http", "https") else None,
        **scopes_in_words(frozenset() if given is None else given.scopes),
        "resources": [] if given is None else sorted(given.resources),
        "since": min(began) if given is None else given.given_at,
        "last_used": max((it.last_seen_at for it in used), default=None),
    }
