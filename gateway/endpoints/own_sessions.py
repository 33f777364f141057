"""``api/sessions``: users list and end their own sessions; requires a session."""

from collections.abc import Awaitable, Callable, Iterable

from gateway import responses
from gateway.authserver.consents import Consent, person_of
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import Logout
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import own_act
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Session


def describe(info: SessionInfo, current: Session) -> dict[str, object]:
    """The owner's view of a session; times are whole seconds since the epoch."""
    is_current = info.session_id == current.session_id
    return {
        "id": info.session_id,
        "kind": info.kind,
        "current": is_current,
        "created_at": int(info.created_at),
        "last_seen_at": int(info.last_seen_at),
        "ip": info.ip,
        "device": info.device,
        "provider": info.provider,
    }


class OwnSessions:
    """Handlers of ``api/sessions``, also used by the account page.

    A user's own sessions are those of the same subject and issuer, because names can be shared.
    """

    def __init__(self, deps: Deps, logout: Logout) -> None:
        self._deps = deps
        self._logout = logout

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the user's sessions, most recently used first."""
        session = await self._deps.session(request)
        if session is None:
            return self.nobody(request)
        found = [describe(info, session) for info in await self.of(session)]
        return responses.json_answer(request, 200, found)

    async def end_one(self, session_id: str, request: Request, _body: bytes) -> Response:
        """``DELETE api/sessions/{id}``: 204, or 404 if the user has no such session."""

        async def end(session: Session) -> Response:
            if not await self.end(request, session, session_id):
                return responses.problem(request, 404, "unknown-session")
            is_own = session_id == session.session_id
            return _done(self._logout.forget(request, session) if is_own else ())

        return await self._change(request, end)

    async def end_every(self, request: Request, _body: bytes) -> Response:
        """``DELETE api/sessions``: ends all of them, including the current one."""

        async def end(session: Session) -> Response:
            await self.end_all(request, session)
            return _done(self._logout.forget(request, session))

        return await self._change(request, end)

    async def of(self, session: Session) -> list[SessionInfo]:
        """All sessions of the owner of `session`."""
        who = session.identity
        return await self._deps.all_sessions.list_of(who.issuer, who.subject)

    async def end(self, request: Request, session: Session, session_id: str) -> bool:
        """End one of the owner's sessions; False if there is none with that id."""
        found = [info for info in await self.of(session) if info.session_id == session_id]
        if not found:
            return False
        about = {"target_id": session_id, "name": found[0].device}
        async with own_act(self._deps, request, session, "session.end", **about):
            await self._withdraw(session, (info.client for info in found))
            return bool(await self._deps.all_sessions.end_these(found))

    async def end_all(self, request: Request, session: Session) -> None:
        """End all of the owner's sessions, and forget every client that may act for them.

        Also those without a session, which would get one by the next sign-in, without a question.
        """
        who = session.identity
        async with own_act(self._deps, request, session, "session.end-all"):
            await self._withdraw(session, (it.client for it in await self.given(session)))
            await self._deps.all_sessions.end_all(who.issuer, who.subject)

    async def given(self, session: Session) -> list[Consent]:
        """What the owner allowed clients, newest first."""
        if self._deps.auth_server is None:
            return []
        return await self._deps.auth_server.consents.of(person_of(session.identity))

    def names(self, given: Iterable[Consent]) -> Callable[[str], str]:
        """What people are shown of a client: its name, or else its id."""
        server = self._deps.auth_server
        shown = {it.client: it.name for it in given}
        if server is not None:
            shown |= {key: it.name for key, it in server.clients.configured.items()}
        return lambda client: shown.get(client, client)

    async def disconnect(self, request: Request, session: Session, client: str) -> None:
        """Forget what the owner allowed `client`, and end the sessions that it has for them."""
        found = [info for info in await self.of(session) if info.client == client]
        if not found and all(it.client != client for it in await self.given(session)):
            # Nothing is done, so that nobody fills the journal with ids that they make up.
            return
        async with own_act(self._deps, request, session, "client.disconnect", target_id=client):
            await self._withdraw(session, [client])
            await self._deps.all_sessions.end_these(found)

    async def _withdraw(self, session: Session, clients: Iterable[str | None]) -> None:
        """Forget that the owner lets these clients act for them: they must ask again."""
        if self._deps.auth_server is None:
            return
        person = person_of(session.identity)
        for client in clients:
            if client is not None:
                await self._deps.auth_server.consents.withdraw(person, client)

    def cleared(self, request: Request) -> FieldList:
        """The field for a browser whose session has ended."""
        return (self._deps.cookies.no_session_cookie(request),)

    def nobody(self, request: Request) -> Response:
        """The response to a request without a live session."""
        if request.cookies(self._deps.cookies.session_name(request)):
            fields = self.cleared(request)
            return responses.rejected(
                request, "session-expired", presented="session", fields=fields
            )
        return responses.rejected(request, "sign-in-required")

    async def _change(
        self, request: Request, end: Callable[[Session], Awaitable[Response]]
    ) -> Response:
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        return self.nobody(request) if session is None else await end(session)


def _done(fields: FieldList) -> Response:
    return Response(204, (responses.NO_STORE, *fields))
