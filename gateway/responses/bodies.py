"""Responses by what they carry: a page, JSON, or a redirect."""

import orjson

from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.pages.template import page_fields, render

# Nothing the gateway says about one person or moment may be kept for another (RFC 9111,
# section 5.2.2.5).
NO_STORE = ("Cache-Control", "no-store")


def page(
    request: Request, status: int, name: str, /, *, fields: FieldList = (), **values: object
) -> Response:
    """The page `name`, with the fields that protect it; `site` is the host that was asked for."""
    # RFC 9110, section 9.3.2: an answer to HEAD has no content.
    body = b"" if request.method == "HEAD" else render(name, site=request.host, **values)
    return Response(status, (*page_fields(name), NO_STORE, *fields), body)


def json_answer(
    request: Request,
    status: int,
    value: object,
    *,
    media_type: str = "application/json",
    fields: FieldList = (),
) -> Response:
    """`value` as JSON, not to be stored."""
    is_head = request.method == "HEAD"
    body = b"" if is_head else orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    about = ("Content-Type", media_type), NO_STORE, ("X-Content-Type-Options", "nosniff")
    return Response(status, (*about, *fields), body)


def redirect(
    request: Request, location: str, *, status: int | None = None, fields: FieldList = ()
) -> Response:
    """On to `location`; a method other than GET and HEAD becomes GET (303) unless `status` says.

    `location` is trusted here: whoever calls has checked where it leads.
    """
    if status is None:
        status = 302 if request.method in ("GET", "HEAD") else 303
    return Response(status, (("Location", location), NO_STORE, *fields))
