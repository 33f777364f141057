"""The one place that turns an outcome into a status, a challenge, a redirect or a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode

import orjson

from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.sent_form import SentForm
from gateway.model import Deny, Identity, SignIn, StepUp
from gateway.pages.reason import Reason
from gateway.pages.reasons import reason_for
from gateway.pages.template import page_fields, render

SIGN_IN_PATH = "/_gatepost/sign-in"
LOGIN_PATH = "/_gatepost/login/"
# Where a sign-in ends that another tab waits for.
SIGNED_IN_PATH = "/_gatepost/signed-in"
_LOGOUT_PATH = "/_gatepost/logout"
# The `prompt` with which a sign-in is begun as somebody else.
OTHER_ACCOUNT = "select_account"

# Nothing the gateway says about one person or moment may be kept for another (RFC 9111,
# section 5.2.2.5).
NO_STORE = ("Cache-Control", "no-store")

_STATUSES_WITH_RETRY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY_STATUSES = _STATUSES_WITH_RETRY | {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_DEFAULT_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Admission:
    """How a route lets a client prove who it is.

    Attributes:
        credentials: What the route accepts: any of ``session``, ``bearer``, ``api_key``,
            ``token``.
        unauthenticated: ``auto`` (navigations are sent to sign in, others refused),
            ``sign_in`` (all are sent to sign in) or ``reject`` (all are refused).
        resource_metadata: URL of the RFC 9728 document that says whose tokens are accepted, or
            its path on the host that is asked.
        resources: Paths that have such a document of their own, the longest first.
        scopes: Those that the route's rules ask for.
        challenges: The schemes that a 401 names, of ``bearer``, ``basic`` and ``gatepost``; empty
            for those of `credentials`.
    """

    credentials: frozenset[str] = frozenset({"session"})
    unauthenticated: str = "auto"
    resource_metadata: str | None = None
    resources: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    challenges: tuple[str, ...] = ()


SESSION_ONLY = Admission()


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
    return _json(request.method, status, document, "application/problem+json", fields)


def problem_document(
    request: Request, status: int, reason: str, detail: str | None = None
) -> dict[str, object]:
    """The members of a problem document (RFC 9457, section 3.1); `detail` as in `problem`."""
    return _document(status, reason, reason_for(reason, status), request.request_id, detail)


def page(
    request: Request, status: int, name: str, /, *, fields: FieldList = (), **values: object
) -> Response:
    """The page `name`, with the fields that protect it; `site` is the host that was asked for."""
    # RFC 9110, section 9.3.2: an answer to HEAD has no content.
    body = b"" if request.method == "HEAD" else render(name, site=request.host, **values)
    return Response(status, (*page_fields(name), NO_STORE, *fields), body)


def json_answer(
    request: Request, status: int, value: object, *, fields: FieldList = ()
) -> Response:
    """`value` as JSON, not to be stored."""
    return _json(request.method, status, value, "application/json", fields)


def redirect(
    request: Request, location: str, *, status: int | None = None, fields: FieldList = ()
) -> Response:
    """On to `location`; a method other than GET and HEAD becomes GET (303) unless `status` says.

    `location` is trusted here: whoever calls has checked where it leads.
    """
    if status is None:
        status = 302 if request.method in ("GET", "HEAD") else 303
    return Response(status, (("Location", location), NO_STORE, *fields))


def for_error(request: Request, error: GatewayError, *, fields: FieldList = ()) -> Response:
    """The answer to an error; its message stays in the log, since it may quote the attacker."""
    return problem(request, error.status, error.reason, fields=fields)


def for_decision(
    request: Request,
    decision: Deny | SignIn | StepUp,
    admission: Admission = SESSION_ONLY,
    *,
    identity: Identity | None = None,
    form: SentForm | None = None,
    fields: FieldList = (),
) -> Response:
    """The answer to a decision that does not let the request upstream.

    `identity` is who was asking, where somebody was: a step-up and a missing scope are told in
    the words of the credential that was used.  `form` as in `problem`.
    """
    match decision:
        case SignIn(reason=reason):
            return sign_in(request, admission, reason=reason, form=form, fields=fields)
        case StepUp():
            return _step_up(request, decision, admission, identity, form, fields)
        case Deny(reason=reason, status=status):
            if reason == "scope-missing" and identity is not None and _by_token(identity):
                # RFC 6750, section 3.1.
                missing = {"error": "insufficient_scope", **_where_to_go(request, admission)}
                fields = (*fields, _challenge("Bearer", **missing))
            # What comes from another site is refused whoever is signed in.
            by_session = identity is not None and identity.credential == "session"
            who = identity if by_session and reason != "cross-site" else None
            return problem(request, status, reason, who=who, fields=fields)


def sign_in(
    request: Request,
    admission: Admission = SESSION_ONLY,
    *,
    reason: str = "sign-in-required",
    return_to: str | None = None,
    form: SentForm | None = None,
    fields: FieldList = (),
) -> Response:
    """The answer where nobody is proven to be asking: go and sign in, or 401 with challenges.

    `fields` may clear the cookie of a session that has ended; never give it when the store could
    not be asked.  `form` as in `problem`.
    """
    if form is None and _is_sent_to_sign_in(request, admission):
        return redirect(request, sign_in_location(request, return_to), fields=fields)
    return rejected(request, reason, admission, form=form, fields=fields)


def rejected(
    request: Request,
    reason: str,
    admission: Admission = SESSION_ONLY,
    *,
    presented: str | None = None,
    status: int = 401,
    form: SentForm | None = None,
    fields: FieldList = (),
) -> Response:
    """401 with a challenge for each way in, or another `status`; never a redirect.

    `presented` is the kind of the credential that was there and bad (``bearer``, ``api_key``,
    ``token``, ``session``), None where there was none.
    """
    error = {} if presented in (None, "session") else _token_error(reason)
    accepted = admission.credentials
    where = SIGN_IN_PATH if "session" in accepted else ""
    if status == HTTPStatus.UNAUTHORIZED:
        fields = (*challenges(request, admission, error), *fields)
    return problem(request, status, reason, sign_in=where, form=form, fields=fields)


def challenges(
    request: Request, admission: Admission, error: dict[str, str] | None = None
) -> FieldList:
    """A ``WWW-Authenticate`` field for each scheme the route accepts (RFC 9110, section 11.6.1).

    A 401 must carry a challenge even where only a session will do, so the session has a scheme of
    its own, which clients that do not know it pass over (RFC 9110, section 11.6.1) and whose
    parameter says where to go.
    """
    error = error or {}
    schemes = admission.challenges or _schemes(request, admission.credentials, told=bool(error))
    return tuple(_challenge_of(scheme, request, admission, error) for scheme in schemes)


def _schemes(request: Request, accepted: frozenset[str], *, told: bool) -> tuple[str, ...]:
    """The schemes of a 401 where the route names none; `told` where a credential was refused."""
    takes_keys = "api_key" in accepted
    # A key is taken as a Bearer token too.  Registry clients would take that challenge for the
    # address of a token server, though, so it is named only to a client that sent a key so.
    by_bearer = takes_keys and told and not _sent_basic(request)
    # A browser would open a password dialog over the page; DAV clients send a password only when
    # asked for one (RFC 7617, section 2.1).
    by_basic = takes_keys and not _opens_a_dialog(request)
    found = {
        "bearer": by_bearer or bool(accepted & {"bearer", "token"}),
        "basic": by_basic,
        "gatepost": "session" in accepted,
    }
    named = tuple(scheme for scheme, wanted in found.items() if wanted)
    return named or (("bearer",) if takes_keys else ("gatepost",))


def _challenge_of(
    scheme: str, request: Request, admission: Admission, error: dict[str, str]
) -> tuple[str, str]:
    match scheme:
        case "bearer":
            where = _where_to_go(request, admission)
            return _challenge("Bearer", realm="gatepost", **error, **where)
        case "basic":
            return _challenge("Basic", realm="gatepost", charset="UTF-8")
        case _:
            return _challenge("Gatepost", sign_in=request.public_url + SIGN_IN_PATH)


def _where_to_go(request: Request, admission: Admission) -> dict[str, str]:
    """What a token must be good for, and where the document is that says who issues one.

    RFC 6750, section 3; RFC 9728, section 5.1.  Clients of MCP go by both.
    """
    found = {}
    if admission.scopes:
        found["scope"] = " ".join(admission.scopes)
    if admission.resource_metadata is not None and admission.credentials & {"bearer", "token"}:
        found["resource_metadata"] = _resource_metadata(request, admission)
    return found


def _resource_metadata(request: Request, admission: Admission) -> str:
    """The URL of the document that says whose tokens are taken (RFC 9728, section 5.1)."""
    where, path = admission.resource_metadata or "", request.target.path
    if not where.startswith("/"):
        return where
    own = (it for it in admission.resources if path == it or path.startswith(it + "/"))
    # Its place is that of the resource, put behind the well-known one (RFC 9728, section 3.1).
    return request.public_url + where + next(own, "")


def sign_in_location(request: Request, return_to: str | None = None) -> str:
    """Where a browser starts to sign in, so that it comes back to what it asked for now."""
    if return_to is None:
        raw = request.target.raw
        return_to_octets = raw if raw.startswith(b"/") else b"/"
    else:
        return_to_octets = return_to.encode()
    return f"{SIGN_IN_PATH}?return_to={quote(return_to_octets, safe='/')}"


def _is_sent_to_sign_in(request: Request, admission: Admission) -> bool:
    if "session" not in admission.credentials or admission.unauthenticated == "reject":
        return False
    if admission.unauthenticated == "sign_in":
        return True
    # What a POST carried would be lost on the way.
    return request.is_navigation and request.method != "POST"


def _step_up(
    request: Request,
    decision: StepUp,
    admission: Admission,
    identity: Identity | None,
    form: SentForm | None,
    fields: FieldList,
) -> Response:
    """On to the provider for a session, RFC 9470's challenge for everything else."""
    wanted: dict[str, str] = {}
    if decision.acr:
        wanted["acr_values"] = " ".join(decision.acr)
    if decision.max_age_s is not None:
        wanted["max_age"] = str(decision.max_age_s)
    if identity is not None and _by_token(identity):
        error = {
            "error": "insufficient_user_authentication",
            "error_description": "A different authentication level is required",
        }
        challenge = _challenge("Bearer", realm="gatepost", **error, **wanted)
        return problem(request, 401, decision.reason, fields=(challenge, *fields))
    provider = "" if identity is None else identity.provider
    start = LOGIN_PATH + quote(provider, safe="") if provider else SIGN_IN_PATH
    more = "&" + urlencode(wanted) if wanted else ""
    if form is None and _is_sent_to_sign_in(request, admission):
        location = sign_in_location(request).replace(SIGN_IN_PATH, start, 1)
        return redirect(request, location + more, fields=fields)
    where = f"{start}?{more[1:]}" if more else start
    challenge = _challenge("Gatepost", sign_in=request.public_url + where)
    if form is not None:
        where = f"{start}?return_to={SIGNED_IN_PATH}{more}"
    return problem(
        request, 401, decision.reason, sign_in=where, form=form, fields=(challenge, *fields)
    )


def _by_token(identity: Identity) -> bool:
    return identity.credential in ("bearer", "token", "api_key")


def _sent_basic(request: Request) -> bool:
    values = request.fields.all(b"authorization")
    return any(value[:6].lower() == b"basic " for value in values)


def _opens_a_dialog(request: Request) -> bool:
    """Whether a browser would answer a Basic challenge with a dialog nobody asked for."""
    fields = request.fields
    if fields.has(b"sec-fetch-mode") or fields.has(b"x-requested-with"):
        return True
    return fields.has(b"hx-request") or (request.method == "POST" and request.is_navigation)


def _token_error(reason: str) -> dict[str, str]:
    """The `error` of RFC 6750, section 3.1; the description may hold no quote or backslash."""
    return {"error": "invalid_token", "error_description": reason_for(reason, 401).title}


def _challenge(scheme: str, **parameters: str) -> tuple[str, str]:
    quoted = (f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    return "WWW-Authenticate", f"{scheme} {', '.join(quoted)}"


def _quotable(value: str) -> str:
    """What may stand in a quoted-string as it is (RFC 9110, section 5.6.4)."""
    return "".join(c for c in value if " " <= c <= "~" and c not in '"\\')


def _retry_after(status: int, meaning: Reason, fields: FieldList) -> FieldList:
    if status not in _STATUSES_WITH_RETRY or any(n.lower() == "retry-after" for n, _ in fields):
        return ()
    return (("Retry-After", str(meaning.retry_after_s or _DEFAULT_RETRY_S)),)


def _document(
    status: int, reason: str, meaning: Reason, request_id: str, detail: str | None
) -> dict[str, object]:
    return {
        # A name, not an address: RFC 9457, section 3.1.1, does not ask that it can be fetched.
        "type": f"urn:gatepost:reason:{reason}",
        "title": meaning.title,
        "status": status,
        "detail": detail or meaning.explanation,
        "reason": reason,
        "request_id": request_id,
    }


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


def _json(
    method: str, status: int, value: object, media_type: str, fields: Sequence[tuple[str, str]]
) -> Response:
    body = b"" if method == "HEAD" else orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    about = ("Content-Type", media_type), NO_STORE, ("X-Content-Type-Options", "nosniff")
    return Response(status, (*about, *fields), body)
