"""The gateway's own refusals: a page for a navigation, else a problem document (RFC 9457)."""

from http import HTTPStatus

from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.sent_form import SentForm
from gateway.model import Identity
from gateway.pages.reason import Reason
from gateway.pages.reasons import reason_for
from gateway.responses.bodies import json_answer, page
from gateway.responses.locations import (
    OTHER_ACCOUNT,
    SIGN_IN_PATH,
    SIGNED_IN_PATH,
    sign_in_location,
)

_LOGOUT_PATH = "/_gatepost/logout"
_STATUSES_WITH_RETRY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY_STATUSES = _STATUSES_WITH_RETRY | {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_DEFAULT_RETRY_S = 5


def problem(
    request: Request,
    status: int,
    reason: str,
    *,
    detail: str | None = None,
    sign_in: str | None = None,
    form: SentForm | None = None,
    who: Identity | None = None,
    fields: FieldList = (),
) -> Response:
    """The gateway's own refusal: a page for a navigation, else a problem document (RFC 9457).

    `detail` is public and about this occurrence, never the message of an exception.  `sign_in`
    is the path where signing in may help, ``""`` where it cannot; None leaves it to the reason.
    `form` comes back with the page, so that it can be sent again after a sign-in.  `who` is named
    on it, for somebody else may be let in.
    """
    meaning = reason_for(reason, status)
    if sign_in is None:
        sign_in = SIGN_IN_PATH if meaning.sign_in else ""
    fields = (*_retry_after(status, meaning, fields), *fields)
    if request.is_navigation:
        values = _page_values(request, status, reason, meaning, detail, sign_in)
        if form is not None:
            return page(request, status, "kept-form", fields=fields, **values, form=form)
        name = "sign-in-loop" if reason == "sign-in-loop" else "problem"
        return page(request, status, name, fields=fields, **values, account=_account(request, who))
    document = problem_document(request, status, reason, detail)
    if sign_in:
        document["sign_in"] = request.public_url + sign_in
    return json_answer(
        request, status, document, media_type="application/problem+json", fields=fields
    )


def problem_document(
    request: Request, status: int, reason: str, detail: str | None = None
) -> dict[str, object]:
    """The members of a problem document (RFC 9457, section 3.1); `detail` as in `problem`."""
    meaning = reason_for(reason, status)
    return {
        # A name, not an address: RFC 9457, section 3.1.1, does not ask that it can be fetched.
        "type": f"urn:gatepost:reason:{reason}",
        "title": meaning.title,
        "status": status,
        "detail": detail or meaning.explanation,
        "reason": reason,
        "request_id": request.request_id,
    }


def for_error(request: Request, error: GatewayError, *, fields: FieldList = ()) -> Response:
    """The answer to an error; its message stays in the log, since it may quote the attacker."""
    return problem(request, error.status, error.reason, fields=fields)


def _retry_after(status: int, meaning: Reason, fields: FieldList) -> FieldList:
    if status not in _STATUSES_WITH_RETRY or any(n.lower() == "retry-after" for n, _ in fields):
        return ()
    return (("Retry-After", str(meaning.retry_after_s or _DEFAULT_RETRY_S)),)


def _page_values(
    request: Request,
    status: int,
    reason: str,
    meaning: Reason,
    detail: str | None,
    sign_in: str,
) -> dict[str, object]:
    # What failed in the middle of a sign-in is begun anew, not repeated.
    mid_flow = request.target.path.startswith("/_gatepost/")
    is_post = request.method == "POST"
    if sign_in == SIGN_IN_PATH and not mid_flow:
        sign_in = sign_in_location(request, SIGNED_IN_PATH if is_post else None)
    return {
        "title": meaning.title,
        "explanation": meaning.explanation,
        "advice": meaning.advice,
        "detail": detail,
        "status": f"{status} {_phrase(status)}".rstrip(),
        "reason": reason,
        "request_id": request.request_id,
        "public_url": request.public_url,
        "sign_in_url": sign_in,
        "again": reason != "sign-in-required",
        # A link would ask for the page; what was sent is sent again from the page before.
        "retry": status in _RETRY_STATUSES and not mid_flow and not is_post,
        "home_url": "/",
    }


def _account(request: Request, who: Identity | None) -> dict[str, str] | None:
    """Who is signed in, and where to become somebody else or nobody."""
    if who is None:
        return None
    # What a POST carried is gone: its own address may know no GET.
    return_to = None if request.method != "POST" else "/"
    location = sign_in_location(request, return_to)
    return {
        "user": who.user,
        "name": who.name or "",
        "switch_url": f"{location}&prompt={OTHER_ACCOUNT}",
        "logout_url": _LOGOUT_PATH,
    }


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
