"""The gateway's own refusals: a page for a navigation, else a problem document (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from gateway.errors import GatewayError
from gateway.message.public_url import OWN_PREFIX, home_of, inner_path, origin_of, own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.return_to import safe_return_to
from gateway.message.sent_form import SentForm
from gateway.model import Identity
from gateway.pages.reason import Reason
from gateway.pages.reasons import reason_for
from gateway.responses.bodies import json_answer, page
from gateway.responses.locations import (
    ACCOUNT_PATH,
    COME_AGAIN_SCRIPT_PATH,
    LOGOUT_PATH,
    OTHER_ACCOUNT,
    SIGN_IN_PATH,
    SIGNED_IN_PATH,
    sign_in_location,
)
from gateway.wording import phrase

_STATUSES_WITH_RETRY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY_STATUSES = _STATUSES_WITH_RETRY | {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_DEFAULT_RETRY_S = 5
_STARTING = "upstream-starting"
# Later than the script, which keeps the fragment, and than its answer.
_REFRESH_S = 4


def problem(
    request: Request,
    status: int,
    reason: str,
    *,
    detail: str | None = None,
    sign_in: str | None = None,
    form: SentForm | None = None,
    who: Identity | None = None,
    ask: str = "",
    fields: FieldList = (),
) -> Response:
    """The gateway's own refusal: a page for a navigation, else a problem document (RFC 9457).

    `detail` is public and about this occurrence, never an exception's message.  `sign_in` is the
    path where signing in may help, or ``""`` if it cannot; None leaves it to the reason.  `form`
    is kept in the page, so that the user can send it again after a sign-in.  `who` is shown on
    the page, because another user may have access, and may ask for access to the route `ask`.
    """
    meaning = reason_for(reason, status)
    if sign_in is None:
        sign_in = own_path(request, SIGN_IN_PATH) if meaning.sign_in else ""
    fields = (*_retry_after(status, meaning, fields), *fields)
    if request.is_navigation:
        values = _page_values(request, status, reason, meaning, detail, sign_in)
        if form is not None:
            kept = page(request, status, "kept-form", fields=fields, **values, form=form)
            return kept.because(reason)
        if reason == _STARTING and request.opens_page:
            return _starting(request, status, fields, values).because(reason)
        name = "sign-in-loop" if reason == "sign-in-loop" else "problem"
        account = _account(request, who, ask)
        return page(request, status, name, fields=fields, **values, account=account).because(reason)
    document = problem_document(request, status, reason, detail)
    if sign_in:
        document["sign_in"] = origin_of(request.public_url) + sign_in
    return json_answer(
        request, status, document, media_type="application/problem+json", fields=fields
    ).because(reason)


def _starting(
    request: Request, status: int, fields: FieldList, values: Mapping[str, object]
) -> Response:
    """A page that loads itself again, by a script or, without scripts, by Refresh."""
    fields = (("Refresh", _refresh(request.target.raw)), *fields)
    script = own_path(request, COME_AGAIN_SCRIPT_PATH)
    return page(request, status, "starting", fields=fields, **values, script_url=script)


def _refresh(raw: bytes) -> str:
    # Without an address, Chromium does not load an address with a fragment again.  One like
    # //name/ would lead to another host; then there is none.
    target = raw.decode("latin-1")
    return f"{_REFRESH_S}; url={target}" if safe_return_to(target) == target else f"{_REFRESH_S}"


def problem_document(
    request: Request, status: int, reason: str, detail: str | None = None
) -> dict[str, object]:
    """The members of a problem document (RFC 9457, section 3.1); `detail` as in `problem`."""
    meaning = reason_for(reason, status)
    return {
        # A URN, because RFC 9457, section 3.1.1, does not require a URL that can be fetched.
        "type": f"urn:gatepost:reason:{reason}",
        "title": meaning.title,
        "status": status,
        "detail": detail or meaning.explanation,
        "reason": reason,
        "request_id": request.request_id,
    }


def for_error(request: Request, error: GatewayError, *, fields: FieldList = ()) -> Response:
    """The response to an error.  Its message is only logged: it may quote attacker input."""
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
    # A failed sign-in must start again from the beginning, so it offers no retry.
    mid_flow = inner_path(request).startswith(OWN_PREFIX + "/")
    is_post = request.method == "POST"
    if sign_in == own_path(request, SIGN_IN_PATH) and not mid_flow:
        signed_in = own_path(request, SIGNED_IN_PATH)
        sign_in = sign_in_location(request, signed_in if is_post else None)
    return {
        "title": phrase(meaning.title),
        "explanation": phrase(meaning.explanation),
        "advice": phrase(meaning.advice),
        "detail": detail,
        "status": f"{status} {_phrase(status)}".rstrip(),
        "reason": reason,
        "request_id": request.request_id,
        "public_url": request.public_url,
        "sign_in_url": sign_in,
        "again": reason != "sign-in-required",
        # A link would send GET; to repeat a POST, the user goes back to the previous page.
        "retry": status in _RETRY_STATUSES and not mid_flow and not is_post,
        "home_url": home_of(request),
    }


def _account(request: Request, who: Identity | None, ask: str) -> dict[str, str] | None:
    """Who is signed in, with links to switch the account and to sign out, and what to ask for."""
    if who is None:
        return None
    # The body of a POST is lost, and its path may not answer GET.
    return_to = None if request.method != "POST" else home_of(request)
    location = sign_in_location(request, return_to)
    return {
        "user": who.user,
        "name": who.name or "",
        "switch_url": f"{location}&prompt={OTHER_ACCOUNT}",
        "logout_url": own_path(request, LOGOUT_PATH),
        "ask": ask,
        "ask_action": own_path(request, ACCOUNT_PATH),
    }


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
