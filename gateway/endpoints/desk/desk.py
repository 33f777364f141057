"""Serves the sections of the desk: judges who asks, shows pages, and takes forms and calls."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gateway import responses
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Handler
from gateway.endpoints.desk.administrators import FRESH_S, Administrators
from gateway.endpoints.desk.section import Asked, Call, Page, Section
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_path
from gateway.endpoints.parameters import read_whole_form
from gateway.endpoints.strict import FORM, JSON, NamedHandler, strict, strict_named
from gateway.errors import GatewayError
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.message.response import Response

DESK_PATH = f"{OWN_PREFIX}/admin"
API_PATH = f"{OWN_PREFIX}/api/admin"
_ID = "/{id}"
# Of one form, lists of boxes included.
_MOST_FIELDS = 200
_SERVER_ERROR = 500
_MOST_CHARS = 500

Exact = dict[str, dict[str, Handler]]
Named = dict[str, dict[str, NamedHandler]]


class Desk:
    """Makes handlers of sections."""

    def __init__(self, administrators: Administrators, sections: Sequence[Section]) -> None:
        """Show `sections` in this order."""
        self._administrators = administrators
        self._sections = sections
        self._names = [it.name for it in sections if it.page is not None]

    def endpoints(self) -> tuple[Exact, Named]:
        """The handlers, by path and method."""
        exact: Exact = {DESK_PATH: _looked_at(self._first)}
        named: Named = {}
        for section in self._sections:
            here = f"{DESK_PATH}/{section.name}"
            if section.page is not None:
                exact[here] = self._of_page(section.page, section.name)
            if section.page_of_one is not None:
                named[here] = self._of_page_of_one(section.page_of_one, section.name)
            for line, call in section.calls.items():
                method, _, path = line.partition(" ")
                handler = self._called(call)
                for each in (method, "HEAD") if method == "GET" else (method,):
                    if path.endswith(_ID):
                        of_path = named.setdefault(f"{API_PATH}/{path.removesuffix(_ID)}", {})
                        of_path[each] = handler if method == "GET" else _strict(handler, method)
                    else:
                        unnamed = _unnamed(handler)
                        taken = unnamed if method == "GET" else strict(unnamed, _taken(method))
                        exact.setdefault(f"{API_PATH}/{path}", {})[each] = taken
        return exact, named

    async def _first(self, request: Request, _body: bytes) -> Response:
        """``admin``: leads to the first section."""
        who = await self._administrators.by_session(request)
        if isinstance(who, Response):
            return who
        return responses.redirect(request, own_path(request, f"{DESK_PATH}/{self._names[0]}"))

    def _of_page(self, page: Page, name: str) -> dict[str, Handler]:
        show, take = self._page_handlers(page, name)
        found = _looked_at(_unnamed(show))
        return found if page.act is None else {**found, "POST": strict(_unnamed(take), FORM)}

    def _of_page_of_one(self, page: Page, name: str) -> dict[str, NamedHandler]:
        show, take = self._page_handlers(page, name)
        found = {"GET": show, "HEAD": show}
        return found if page.act is None else {**found, "POST": strict_named(take, FORM)}

    def _page_handlers(self, page: Page, section: str) -> tuple[NamedHandler, NamedHandler]:
        async def show(name: str, request: Request, _body: bytes) -> Response:
            who = await self._administrators.by_session(request)
            if isinstance(who, Response):
                return who
            if not _may_be_id(name):
                return responses.problem(request, 404, "no-such-item")
            return await self._page(Asked(request, who, name), page, section)

        async def take(name: str, request: Request, body: bytes) -> Response:
            who = await self._administrators.by_session(request)
            if isinstance(who, Response):
                return who
            if not _may_be_id(name):
                return responses.problem(request, 404, "no-such-item")
            form = read_whole_form(body, _MOST_FIELDS) or {}
            asked = Asked(request, who, name, form)
            return (await self._act(asked, page, section)).about(who.identity)

        return show, take

    async def _act(self, asked: Asked, page: Page, section: str) -> Response:
        assert page.act is not None  # noqa: S101 - see `_of_page`
        here = _here(asked, section)
        try:
            answer = await page.act(asked)
        except SignInTooOldError as error:
            anew = f"{_anew(asked)}&return_to={here}"
            answer = Told(error.status, {"prove_anew_url": anew})
        except GatewayError as error:
            if error.status >= _SERVER_ERROR:
                raise
            # An administrator may read what only the log tells others.
            answer = Told(error.status, {"refused": str(error) or error.reason})
        if isinstance(answer, Told):
            return await self._page(asked, page, section, answer)
        return answer or responses.redirect(asked.request, here)

    async def _page(
        self, asked: Asked, page: Page, section: str, told: Told | None = None
    ) -> Response:
        request = asked.request
        values = await page.show(asked)
        if values is None:
            return responses.problem(request, 404, "no-such-item")
        about: dict[str, Any] = {
            "desk_url": own_path(request, DESK_PATH),
            "account_url": own_path(request, responses.ACCOUNT_PATH),
            "sections": self._names,
            "current": section,
            "action": _here(asked, section),
            "who": asked.who.identity.name or asked.who.identity.user,
            "refused": None,
            "prove_anew_url": None,
        }
        more = {} if told is None else told.values
        status = 200 if told is None else told.status
        return responses.page(request, status, page.template, **{**about, **values, **more})

    def _called(self, call: Call) -> NamedHandler:
        async def handle(name: str, request: Request, body: bytes) -> Response:
            who = await self._administrators.by_any(request)
            if isinstance(who, Response):
                return who
            if not _may_be_id(name):
                return responses.problem(request, 404, "no-such-item")
            asked = Asked(request, who, name, body=body)
            try:
                answer = await call(asked)
            except GatewayError as error:
                answer = _refused(asked, error)
            return answer.about(who.identity)

        return handle


def _refused(asked: Asked, error: GatewayError) -> Response:
    detail = None if error.status >= _SERVER_ERROR else str(error) or None
    where = _anew(asked) if isinstance(error, SignInTooOldError) else ""
    return responses.problem(
        asked.request, error.status, error.reason, detail=detail, sign_in=where
    )


def _anew(asked: Asked) -> str:
    """Where the administrator of a session proves again who they are."""
    session = asked.who.session
    return "" if session is None else prove_anew_path(asked.request, session, FRESH_S)


def _may_be_id(name: str) -> bool:
    """Whether a store may be asked for `name`."""
    return name.isprintable() and len(name) <= _MOST_CHARS


def _here(asked: Asked, section: str) -> str:
    """The path of the page that is asked for, without its query."""
    tail = f"/{quote(asked.name, safe='')}" if asked.name else ""
    return own_path(asked.request, f"{DESK_PATH}/{section}{tail}")


def _looked_at(handler: Handler) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _unnamed(handler: NamedHandler) -> Handler:
    async def handle(request: Request, body: bytes) -> Response:
        return await handler("", request, body)

    return handle


def _taken(method: str) -> str:
    """The media type of what a call with `method` sends."""
    return "" if method == "DELETE" else JSON


def _strict(handler: NamedHandler, method: str) -> NamedHandler:
    return strict_named(handler, _taken(method))
