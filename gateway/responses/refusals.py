"""Responses for decisions that refuse a request."""

from http import HTTPStatus
from urllib.parse import quote, urlencode

from gateway.kinds import AMBIENT, LDAP, LOCAL, sent_by
from gateway.message.public_url import origin_of, own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.message.sent_form import SentForm
from gateway.model import Deny, Identity, SignIn, StepUp
from gateway.responses.admission import SESSION_ONLY, Admission
from gateway.responses.bodies import redirect
from gateway.responses.challenges import challenge, challenges, token_error, where_to_go
from gateway.responses.locations import (
    LOGIN_PATH,
    SIGN_IN_PATH,
    SIGNED_IN_PATH,
    sign_in_location,
)
from gateway.responses.problems import problem

_BEARERS = sent_by("bearer")


def for_decision(
    request: Request,
    decision: Deny | SignIn | StepUp,
    admission: Admission = SESSION_ONLY,
    *,
    identity: Identity | None = None,
    form: SentForm | None = None,
    fields: FieldList = (),
) -> Response:
    """The response to a decision that refuses the request.

    `identity` is the request's identity, if it has one: a step-up and a missing scope are reported
    in the form of the credential that was used.  `form` as in `problem`.
    """
    match decision:
        case SignIn(reason=reason):
            return sign_in(request, admission, reason=reason, form=form, fields=fields)
        case StepUp():
            return _step_up(request, decision, admission, identity, form, fields)
        case Deny(reason=reason, status=status):
            if reason == "scope-missing" and identity is not None and _came_as_bearer(identity):
                # RFC 6750, section 3.1.
                missing = {"error": "insufficient_scope", **where_to_go(request, admission)}
                fields = (*fields, challenge("Bearer", **missing))
            # A cross-site request is refused whoever is signed in, so do not name the user.
            by_session = identity is not None and identity.credential == "session"
            who = identity if by_session and reason != "cross-site" else None
            return problem(request, status, reason, who=who, ask=admission.ask, fields=fields)


def sign_in(
    request: Request,
    admission: Admission = SESSION_ONLY,
    *,
    reason: str = "sign-in-required",
    return_to: str | None = None,
    form: SentForm | None = None,
    fields: FieldList = (),
) -> Response:
    """The response to an anonymous request: redirect to sign in, or 401 with challenges.

    `fields` may clear the cookie of a session that has ended.  Do not pass it if the store could
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
    """401 with a challenge for each accepted scheme, or another `status`; never a redirect.

    `presented` is the kind of the bad credential; None if there was none.
    """
    error = {} if presented is None or presented in AMBIENT else token_error(reason)
    accepted = admission.credentials
    where = own_path(request, SIGN_IN_PATH) if "session" in accepted else ""
    if status == HTTPStatus.UNAUTHORIZED:
        fields = (*challenges(request, admission, error), *fields)
    return problem(request, status, reason, sign_in=where, form=form, fields=fields)


def _step_up(
    request: Request,
    decision: StepUp,
    admission: Admission,
    identity: Identity | None,
    form: SentForm | None,
    fields: FieldList,
) -> Response:
    """Redirect a session to the provider; send anything else the challenge of RFC 9470."""
    wanted: dict[str, str] = {}
    if decision.acr:
        wanted["acr_values"] = " ".join(decision.acr)
    if decision.max_age_s is not None:
        wanted["max_age"] = str(decision.max_age_s)
    if identity is not None and _came_as_bearer(identity):
        error = {
            "error": "insufficient_user_authentication",
            "error_description": "A different authentication level is required",
        }
        asked = challenge("Bearer", realm="gatepost", **error, **wanted)
        return problem(request, 401, decision.reason, fields=(asked, *fields))
    if decision.amr and identity is not None and identity.provider in (LOCAL, LDAP):
        wanted["amr_values"] = " ".join(decision.amr)
    provider = "" if identity is None else identity.provider
    start = LOGIN_PATH + quote(provider, safe="") if provider else SIGN_IN_PATH
    start, default = own_path(request, start), own_path(request, SIGN_IN_PATH)
    more = "&" + urlencode(wanted) if wanted else ""
    if form is None and _is_sent_to_sign_in(request, admission):
        location = sign_in_location(request).replace(default, start, 1)
        return redirect(request, location + more, fields=fields)
    where = f"{start}?{more[1:]}" if more else start
    asked = challenge("Gatepost", sign_in=origin_of(request.public_url) + where)
    if form is not None:
        where = f"{start}?return_to={own_path(request, SIGNED_IN_PATH)}{more}"
    return problem(request, 401, decision.reason, sign_in=where, form=form, fields=(asked, *fields))


def _is_sent_to_sign_in(request: Request, admission: Admission) -> bool:
    if "session" not in admission.credentials or admission.unauthenticated == "reject":
        return False
    if admission.unauthenticated == "sign_in":
        return True
    # A redirect would lose the body of a POST.
    return request.is_navigation and request.method != "POST"


def _came_as_bearer(identity: Identity) -> bool:
    """Whether such credentials may be sent as Bearer, so that its challenge fits."""
    return identity.credential in _BEARERS
