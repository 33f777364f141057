"""The desk's section for who is signed in."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.given import one_line
from gateway.endpoints.desk.section import (
    PAGE,
    Asked,
    BadCallError,
    Page,
    Section,
    UnknownItemError,
)
from gateway.message.response import Response
from gateway.record.journal import Target
from gateway.sessions.device import shown_device
from gateway.sessions.record import SessionInfo
from gateway.wording import phrase

_ID = re.compile("[0-9a-f]{64}")


def described_session(info: SessionInfo, asked: Asked) -> dict[str, object]:
    """The administrator's view of a session; times are whole seconds since the epoch."""
    return {
        "id": info.session_id,
        "kind": info.kind,
        "current": info.session_id == asked.who.identity.session_id,
        "user": info.user,
        "issuer": info.issuer,
        "subject": info.subject,
        "provider": info.provider,
        "client": info.client,
        "created_at": int(info.created_at),
        "last_seen_at": int(info.last_seen_at),
        "ip": info.ip,
        "device": info.device,
    }


def session_row(info: SessionInfo, asked: Asked) -> dict[str, object]:
    """A session as templates show it."""
    return {
        **described_session(info, asked),
        "device": shown_device(info.device),
        "created": info.created_at,
        "last_seen": info.last_seen_at,
    }


class SessionsSection:
    """Lists all sessions, or those of a user, and ends them."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._every = deps.all_sessions

    def section(self) -> Section:
        """The section."""
        return Section(
            "sessions",
            page=Page("desk-sessions", self._shown, self._changed),
            calls={
                "GET sessions": self._listed,
                "DELETE sessions/{id}": self._deleted,
                "POST sessions/end": self._posted,
            },
        )

    async def end(self, asked: Asked, session_id: str) -> None:
        """End the session with this id.

        Raises:
            UnknownItemError: There is none.
        """
        found = await self._every.find(session_id) if _ID.fullmatch(session_id) else []
        if not found:
            raise UnknownItemError(phrase("No session has this id. It may have ended already."))
        target = Target(session_id, found[0].device, found[0].user)
        async with self._deps.journal.act(asked.who.actor, "session.end", target, asked.request):
            await self._every.end_these(found)

    async def end_all(self, asked: Asked, user: str) -> int:
        """End all sessions of the user; how many there were."""
        target = Target(user, user, user)
        async with self._deps.journal.act(
            asked.who.actor, "session.end-all", target, asked.request
        ):
            return len(await self._every.end_for(user))

    async def _find(self, asked: Asked) -> tuple[list[SessionInfo], str | None]:
        user = asked.wanted("user")
        if user:
            return await self._every.list_for(user), None
        return await self._every.page(asked.after, PAGE)

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        found, after = await self._find(asked)
        return {
            "user": asked.wanted("user"),
            "rows": [session_row(it, asked) for it in found],
            "next_query": None if after is None else urlencode({"after": after}),
        }

    async def _changed(self, asked: Asked) -> None:
        match sorted(asked.form):
            case ["end"]:
                await self.end(asked, asked.form["end"])
            case ["end_all_of"]:
                await self.end_all(asked, one_line("the user", asked.form["end_all_of"]))
            case _:
                raise BadCallError("an unknown form")

    async def _listed(self, asked: Asked) -> Response:
        found, after = await self._find(asked)
        items = [described_session(it, asked) for it in found]
        return asked.answer(200, {"items": items, "next": after})

    async def _deleted(self, asked: Asked) -> Response:
        await self.end(asked, asked.name)
        return asked.done()

    async def _posted(self, asked: Asked) -> Response:
        """``POST sessions/end`` of ``{user}``: ends all of that user."""
        given = asked.json()
        if given.keys() != {"user"}:
            raise BadCallError("send {user}")
        ended = await self.end_all(asked, one_line("the user", given["user"]))
        return asked.answer(200, {"ended": ended})
