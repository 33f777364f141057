"""The desk is made of sections: each has pages and calls, and adds nothing else to the desk."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway import responses
from gateway.endpoints.account_section import Told
from gateway.endpoints.desk.administrators import Administrator
from gateway.endpoints.parameters import read_form
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response

# Rows of a page of a list.
PAGE = 50

# Ids, all of them.
_CURSOR = re.compile(r"[A-Za-z0-9_:.~-]{0,200}")
_MOST_WANTED = 500
_NO_FORM: Mapping[str, str] = {}


class BadCallError(GatewayError):
    """The call or form does not say what to do."""

    reason = "invalid-request"
    status = 400


class UnknownItemError(GatewayError):
    """There is nothing with this id."""

    reason = "no-such-item"
    status = 404


@dataclass(frozen=True, slots=True)
class Asked:
    """What an administrator asks for.

    Attributes:
        name: The last segment of the path, where that is an id; else ``""``.
        form: The fields of the form, if it is one.
        body: The body of a call.
    """

    request: Request
    who: Administrator
    name: str = ""
    form: Mapping[str, str] = field(default_factory=lambda: _NO_FORM)
    body: bytes = b""

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, without malformed or repeated ones."""
        return read_form(self.request.target.query)

    @property
    def after(self) -> str:
        """Where a list goes on, as an earlier answer said; ``""`` for its beginning.

        Raises:
            BadCallError: It is no such place.
        """
        return self.cursor("after")

    def cursor(self, name: str) -> str:
        """As `after`, where the page has more than one list."""
        after = self.query.get(name, "")
        if not _CURSOR.fullmatch(after):
            raise BadCallError(f"`{name}` is not the `next` of an answer")
        return after

    def wanted(self, name: str) -> str:
        """The text that the query looks for; ``""`` for none."""
        text = self.query.get(name, "").strip()
        return text if text.isprintable() and len(text) <= _MOST_WANTED else ""

    def json(self) -> dict[str, Any]:
        """The object that the call sends.

        Raises:
            BadCallError: It is none.
        """
        try:
            given = orjson.loads(self.body)
        except ValueError as error:
            raise BadCallError("send a JSON object") from error
        if not isinstance(given, dict):
            raise BadCallError("send a JSON object")
        return given

    def answer(self, status: int, value: object, fields: FieldList = ()) -> Response:
        """`value` as JSON."""
        return responses.json_answer(self.request, status, value, fields=fields)

    def done(self) -> Response:
        """Nothing more to say: 204."""
        return Response(204, (responses.NO_STORE,))


Show = Callable[[Asked], Awaitable[Mapping[str, object] | None]]
Act = Callable[[Asked], Awaitable[Response | Told | None]]
Call = Callable[[Asked], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page, perhaps with forms.

    Attributes:
        template: Its name, without the suffix; extends ``desk.html``.
        show: What the template shows; None for 404.
        act: Does what a form asks.  None goes back to the page, and Told shows the page again with
            more values.  A GatewayError below 500 is shown on the page, as `refused`.
    """

    template: str
    show: Show
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        name: Of its pages, ``admin/NAME``; ``desk.html`` has its title.
        page: Shown there.
        page_of_one: Shown at ``admin/NAME/ID``; `Asked.name` is the id.
        calls: By method and path below ``api/admin``: ``PATCH accounts/{id}``.
    """

    name: str
    page: Page | None = None
    page_of_one: Page | None = None
    calls: Mapping[str, Call] = field(default_factory=dict)
