"""What the OAuth endpoints have in common: strict forms, and refusals in the protocol's words."""

import base64
import binascii
import logging
from urllib.parse import unquote_plus

from gateway import responses
from gateway.credentials.throttle import Throttle
from gateway.endpoints.parameters import read_whole_form
from gateway.message.request import Request
from gateway.message.response import FieldList, Response

_log = logging.getLogger(__name__)

_TOO_MANY_REQUESTS = 429
_FORM = b"application/x-www-form-urlencoded"


class OAuthError(Exception):
    """A request that is refused in the words of RFC 6749, section 5.2.

    Attributes:
        error: The word of the protocol.
        reason: Ours, as in every other refusal.
        about: For whoever wrote the app: what is wrong; quotes nothing that was sent.
        detail: For the log.
        status: 400, or 429 with `fields` that say when to come again.
    """

    def __init__(
        self,
        error: str,
        reason: str = "invalid-request",
        about: str | None = None,
        *,
        detail: str = "",
        status: int = 400,
        fields: FieldList = (),
    ) -> None:
        super().__init__(detail or about or error)
        self.error = error
        self.reason = reason
        self.about = about
        self.status = status
        self.fields = fields


def read_oauth_form(request: Request, body: bytes) -> dict[str, str]:
    """The parameters of a request; empty ones count as not given (RFC 6749, section 3.2).

    Raises:
        OAuthError: The body is no form, or gives a parameter twice.
    """
    media_type = (request.fields.only(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type != _FORM:
        about = "the body must be a form: application/x-www-form-urlencoded"
        raise OAuthError("invalid_request", about=about)
    form = read_whole_form(body)
    if form is None:
        about = "the form cannot be read, or gives a parameter twice"
        raise OAuthError("invalid_request", about=about)
    return {name: value for name, value in form.items() if value}


def required(form: dict[str, str], name: str) -> str:
    """The parameter `name`.

    Raises:
        OAuthError: It is not there.
    """
    value = form.get(name)
    if value is None:
        raise OAuthError("invalid_request", about=f"{name} is missing")
    return value


def asking_client(request: Request, form: dict[str, str]) -> str | None:
    """What the client calls itself, in the form or as the user of Basic; None where it does not.

    Many libraries send every client id so, with an empty password where there is no secret (RFC
    6749, section 2.3.1).  With a password it is no app: none has a secret here.
    """
    if "client_id" in form:
        return form["client_id"]
    scheme, _, encoded = (request.fields.only(b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(b" "), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    user, _, password = pair.partition(":")
    return None if password else unquote_plus(user)


def refusal(request: Request, refused: OAuthError) -> Response:
    """The answer to `refused`: `error` and its description beside our own members.

    The media type is the protocol's (RFC 6749, section 5.2).
    """
    ours = responses.problem_document(request, refused.status, refused.reason, refused.about)
    _log.info("%s: %s: %s", request.request_id, refused.reason, refused)
    document = {"error": refused.error, "error_description": ours["detail"], **ours}
    return responses.json_answer(request, refused.status, document, fields=refused.fields)


def take_turn(wrong: Throttle, request: Request) -> None:
    """Count one try of the client's; who finds it to be a good one gives it back.

    Raises:
        OAuthError: It was wrong too often lately.
    """
    wait_s = wrong.take(request.client, request.received_at)
    if wait_s:
        raise OAuthError(
            "temporarily_unavailable",
            "credential-throttled",
            status=_TOO_MANY_REQUESTS,
            fields=(("Retry-After", str(int(wait_s) + 1)),),
        )
