"""Sessions of every kind: those of browsers, and those behind the tokens of apps."""

from collections.abc import Iterable

from gateway.sessions.endings import Ended
from gateway.sessions.manager import SessionManager
from gateway.sessions.record import TOKEN, SessionInfo
from gateway.storage.namespaced import NamespacedStore
from gateway.storage.store import Store


def token_store(store: Store) -> Store:
    """Where the sessions behind tokens are kept: no cookie opens one, and no token a browser's."""
    return NamespacedStore(store, "token:")


class AllSessions:
    """Lists and ends sessions of both kinds, as SessionManager does those of one."""

    def __init__(self, browsers: SessionManager, apps: SessionManager) -> None:
        self._browsers = browsers
        self._apps = apps

    async def list_for(self, user: str) -> list[SessionInfo]:
        """The live sessions of `user`, the one used last first."""
        return _last_used_first(
            await self._browsers.list_for(user), await self._apps.list_for(user)
        )

    async def list_of(self, issuer: str, subject: str) -> list[SessionInfo]:
        """The live sessions of the issuer's subject, the one used last first."""
        return _last_used_first(
            await self._browsers.list_of(issuer, subject),
            await self._apps.list_of(issuer, subject),
        )

    async def list_by_sid(self, issuer: str, provider_sid: str) -> list[SessionInfo]:
        """The live sessions that the provider's session `provider_sid` gave rise to."""
        return _last_used_first(
            await self._browsers.list_by_sid(issuer, provider_sid),
            await self._apps.list_by_sid(issuer, provider_sid),
        )

    async def list_all(self) -> list[SessionInfo]:
        """Every live session, the one used last first."""
        return _last_used_first(await self._browsers.list_all(), await self._apps.list_all())

    async def count(self) -> int:
        """How many sessions the store holds."""
        return await self._browsers.count() + await self._apps.count()

    async def end_by_id(self, session_id: str) -> list[Ended]:
        """End the session of that id, of whichever kind; the caller has checked whose it is."""
        found = (await self._browsers.end_by_id(session_id), await self._apps.end_by_id(session_id))
        return [ended for ended in found if ended is not None]

    async def end_these(self, infos: Iterable[SessionInfo]) -> list[Ended]:
        """End the sessions listed; those that were still there."""
        listed = list(infos)
        apps = await self._apps.end_these(it for it in listed if it.kind == TOKEN)
        return [*await self._browsers.end_these(it for it in listed if it.kind != TOKEN), *apps]

    async def end_all(self, issuer: str, subject: str) -> list[Ended]:
        """End every session of the issuer's subject."""
        apps = await self._apps.end_all(issuer, subject)
        return [*await self._browsers.end_all(issuer, subject), *apps]

    async def doubt_account(self, subjects: Iterable[tuple[str, str]]) -> None:
        """Have what is kept with the account of these (issuer, subject) read again, everywhere."""
        whose = tuple(subjects)
        await self._browsers.doubt_account(whose)
        await self._apps.doubt_account(whose)

    async def end_for(self, user: str) -> list[Ended]:
        """End every session of `user`."""
        return [*await self._browsers.end_for(user), *await self._apps.end_for(user)]

    async def end_every(self) -> list[Ended]:
        """End every session there is."""
        return [*await self._browsers.end_every(), *await self._apps.end_every()]


def _last_used_first(*lists: Iterable[SessionInfo]) -> list[SessionInfo]:
    found = [info for some in lists for info in some]
    return sorted(found, key=lambda info: info.last_seen_at, reverse=True)
