"""Responses by content: a page, JSON, or a redirect."""

import json

import orjson

from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.pages.template import page_fields, render, shows_times
from gateway.responses.language import choice_of_language, language_of
from gateway.responses.locations import TIMES_SCRIPT_PATH

# Caches must not reuse a response for another user or moment (RFC 9111, section 5.2.2.5).
NO_STORE = ("Cache-Control", "no-store")


def page(
    request: Request, status: int, name: str, /, *, fields: FieldList = (), **values: object
) -> Response:
    """The page `name`, with its security fields; `site` is the requested host."""
    return page_leading_to("", request, status, name, fields=fields, **values)


def page_leading_to(
    source: str,
    request: Request,
    status: int,
    name: str,
    /,
    *,
    fields: FieldList = (),
    **values: object,
) -> Response:
    """As `page`; redirects after its forms may lead to `source` (CSP 3, section 6.4.1)."""
    # RFC 9110, section 9.3.2: a response to HEAD has no content.
    has_body = request.method != "HEAD" and request.shows_pages
    language = language_of(request)
    body = b""
    if has_body:
        if shows_times(name):
            values["times_script_url"] = own_path(request, TIMES_SCRIPT_PATH)
        choice = choice_of_language(request)
        body = render(name, language, site=request.host, choice=choice, **values)
    about = (*page_fields(name, source), ("Content-Language", language), NO_STORE)
    return Response(status, (*about, *fields), body)


def json_answer(
    request: Request,
    status: int,
    value: object,
    *,
    media_type: str = "application/json",
    fields: FieldList = (),
) -> Response:
    """`value` as JSON that must not be stored."""
    is_head = request.method == "HEAD"
    body = b"" if is_head else _encoded(value)
    about = ("Content-Type", media_type), NO_STORE, ("X-Content-Type-Options", "nosniff")
    return Response(status, (*about, *fields), body)


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # A provider may give a name with a lone surrogate, which is legal in JSON and which orjson
        # refuses.
        return json.dumps(value).encode() + b"\n"


def redirect(
    request: Request, location: str, *, status: int | None = None, fields: FieldList = ()
) -> Response:
    """A redirect to `location`: 302 after GET or HEAD, else 303, unless `status` is given.

    `location` is not checked here; the caller must check where it leads.
    """
    if status is None:
        status = 302 if request.method in ("GET", "HEAD") else 303
    return Response(status, (("Location", location), NO_STORE, *fields))
