"""Sessions of both kinds: browser sessions, and the sessions behind apps' tokens."""

from collections.abc import Iterable

from gateway.sessions.endings import Ended
from gateway.sessions.manager import SessionManager
from gateway.sessions.record import TOKEN, SessionInfo
from gateway.storage.namespaced import NamespacedStore
from gateway.storage.store import Store


def token_store(store: Store) -> Store:
    """The store for sessions behind tokens; separate, so that no cookie or token opens both."""
    return NamespacedStore(store, "token:")


# Before the ids of apps' sessions, where a list goes on.
_OF_APPS = "app:"


class AllSessions:
    """Lists and ends sessions of both kinds, as SessionManager does for one."""

    def __init__(self, browsers: SessionManager, apps: SessionManager) -> None:
        self._browsers = browsers
        self._apps = apps

    async def list_for(self, user: str) -> list[SessionInfo]:
        """The live sessions of `user`, last used first."""
        return _last_used_first(
            await self._browsers.list_for(user), await self._apps.list_for(user)
        )

    async def list_of(self, issuer: str, subject: str) -> list[SessionInfo]:
        """The live sessions of the issuer's subject, last used first."""
        return _last_used_first(
            await self._browsers.list_of(issuer, subject),
            await self._apps.list_of(issuer, subject),
        )

    async def list_by_sid(self, issuer: str, provider_sid: str) -> list[SessionInfo]:
        """The live sessions that come from the provider's session `provider_sid`."""
        return _last_used_first(
            await self._browsers.list_by_sid(issuer, provider_sid),
            await self._apps.list_by_sid(issuer, provider_sid),
        )

    async def list_all(self) -> list[SessionInfo]:
        """All live sessions, last used first."""
        return _last_used_first(await self._browsers.list_all(), await self._apps.list_all())

    async def page(self, after: str, limit: int) -> tuple[list[SessionInfo], str | None]:
        """The live ones of the next `limit` sessions after `after`, and where to go on.

        In no useful order, but the cost does not grow with their number: browsers' come first,
        then those of apps, whose ids are marked.
        """
        found: list[SessionInfo] = []
        start = after.removeprefix(_OF_APPS)
        if start == after:
            found, last = await self._browsers.page(after, limit)
            if last is not None:
                return found, last
            start = ""
        of_apps, last = await self._apps.page(start, limit - len(found))
        return [*found, *of_apps], None if last is None else _OF_APPS + last

    async def find(self, session_id: str) -> list[SessionInfo]:
        """The live sessions with this id, of either kind."""
        found = (await self._browsers.find(session_id), await self._apps.find(session_id))
        return [it for it in found if it is not None]

    async def count(self) -> int:
        """The number of sessions in the store."""
        return await self._browsers.count() + await self._apps.count()

    async def end_by_id(self, session_id: str) -> list[Ended]:
        """End the session with this id, of either kind; the caller has checked its owner."""
        found = (await self._browsers.end_by_id(session_id), await self._apps.end_by_id(session_id))
        return [ended for ended in found if ended is not None]

    async def end_these(self, infos: Iterable[SessionInfo]) -> list[Ended]:
        """End the given sessions; returns those that still existed."""
        listed = list(infos)
        apps = await self._apps.end_these(it for it in listed if it.kind == TOKEN)
        return [*await self._browsers.end_these(it for it in listed if it.kind != TOKEN), *apps]

    async def end_all(self, issuer: str, subject: str) -> list[Ended]:
        """End every session of the issuer's subject."""
        apps = await self._apps.end_all(issuer, subject)
        return [*await self._browsers.end_all(issuer, subject), *apps]

    async def end_all_of(self, subjects: Iterable[tuple[str, str]]) -> None:
        """End every session of these (issuer, subject) pairs."""
        for issuer, subject in subjects:
            await self.end_all(issuer, subject)

    async def end_others_of(self, subjects: Iterable[tuple[str, str]], session_id: str) -> None:
        """End every session of these (issuer, subject) pairs but the one with this id."""
        for issuer, subject in subjects:
            found = await self.list_of(issuer, subject)
            await self.end_these(it for it in found if it.session_id != session_id)

    async def doubt_account(self, subjects: Iterable[tuple[str, str]]) -> None:
        """Make all workers read the accounts of these (issuer, subject) pairs again."""
        whose = tuple(subjects)
        await self._browsers.doubt_account(whose)
        await self._apps.doubt_account(whose)

    async def end_for(self, user: str) -> list[Ended]:
        """End every session of `user`."""
        return [*await self._browsers.end_for(user), *await self._apps.end_for(user)]

    async def end_every(self) -> list[Ended]:
        """End all sessions."""
        return [*await self._browsers.end_every(), *await self._apps.end_every()]


def _last_used_first(*lists: Iterable[SessionInfo]) -> list[SessionInfo]:
    found = [info for some in lists for info in some]
    return sorted(found, key=lambda info: info.last_seen_at, reverse=True)
