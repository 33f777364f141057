"""The step after a right password: the page that asks for a code, and what binds it to a browser.

The gateway keeps nothing of it.  The page has a sealed value that opens only with a secret in the
browser's cookie: neither is of use without the other, or in another browser.
"""

import secrets
from typing import NamedTuple

import orjson

from gateway import responses
from gateway.authn.session import MAX_VALUES
from gateway.credentials.second_factors import SecondFactorRequiredError, WrongCodeError
from gateway.endpoints.cookies import open_sealed, seal
from gateway.endpoints.deps import Deps
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.responses.challenges import challenges
from gateway.wording import phrase

CODE_PATH = f"{responses.SIGN_IN_PATH}/code"
_STEP_S = 300
_PURPOSE = "second-factor"
_MARK_BYTES = 16


class Step(NamedTuple):
    """Whose password was right, what it was, see `fingerprint_of`, when, and what may follow."""

    account_id: str
    fingerprint: str
    began_at: float
    has_passkeys: bool


def ask_for_code(
    deps: Deps, request: Request, required: SecondFactorRequiredError, return_to: str
) -> Response:
    """Begin the step in this browser; an earlier one of it ends."""
    step = Step(required.account_id, required.fingerprint, deps.clock(), required.has_passkeys)
    mark = secrets.token_urlsafe(_MARK_BYTES)
    name = _cookie_name(deps, request)
    sealed = seal(deps.sessions.sealer, _PURPOSE, _bound(name, mark), orjson.dumps([*step]))
    cookie = deps.cookies.own_cookie(request, name, mark, _STEP_S)
    if request.is_navigation:
        return _page(request, 200, sealed, return_to, step.has_passkeys, fields=(cookie,))
    return _problem(request, required.reason, sealed, (cookie,))


def ask_again(deps: Deps, request: Request, sealed: str, return_to: str) -> Response:
    """Show the form once more, after a wrong code."""
    if not request.is_navigation:
        return _problem(request, WrongCodeError.reason, sealed)
    told = phrase("The code is wrong or was used before. Wait for the next one.")
    asked = challenges(request, responses.SESSION_ONLY)
    step = open_step(deps, request, sealed)
    has_passkeys = step is not None and step.has_passkeys
    return _page(request, WrongCodeError.status, sealed, return_to, has_passkeys, told, asked)


def open_step(deps: Deps, request: Request, sealed: str) -> Step | None:
    """The step in `sealed`; None unless it began in this browser and within five minutes."""
    name = _cookie_name(deps, request)
    for mark in request.cookies(name)[:MAX_VALUES]:
        data = open_sealed(deps.sessions.sealer, _PURPOSE, _bound(name, mark), sealed)
        if data is not None:
            step = Step(*orjson.loads(data))
            return step if abs(deps.clock() - step.began_at) < _STEP_S else None
    return None


def end_step(deps: Deps, request: Request) -> FieldList:
    """The fields that make the browser forget the step."""
    return (deps.cookies.no_own_cookie(request, _cookie_name(deps, request)),)


def _cookie_name(deps: Deps, request: Request) -> str:
    return deps.cookies.own_name(request, "code")


def _bound(name: str, mark: str) -> str:
    # Neither a name nor a mark has a blank.
    return f"{name} {mark}"


def _problem(request: Request, reason: str, sealed: str, fields: FieldList = ()) -> Response:
    document = responses.problem_document(request, 401, reason)
    return responses.json_answer(
        request,
        401,
        {**document, "step": sealed},
        media_type="application/problem+json",
        fields=(*challenges(request, responses.SESSION_ONLY), *fields),
    ).because(reason)


def _page(
    request: Request,
    status: int,
    sealed: str,
    return_to: str,
    has_passkeys: bool,
    problem: str | None = None,
    fields: FieldList = (),
) -> Response:
    return responses.page(
        request,
        status,
        "sign-in-code",
        fields=fields,
        problem=problem,
        action=own_path(request, CODE_PATH),
        step=sealed,
        has_passkeys=has_passkeys,
        passkey_script_url=own_path(request, responses.PASSKEY_SCRIPT_PATH),
        return_to=return_to,
        sign_in_url=responses.sign_in_location(request, return_to),
    )
