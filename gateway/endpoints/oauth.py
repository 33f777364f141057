"""Shared by the OAuth endpoints: strict form parsing, and error responses."""

import base64
import binascii
import logging
from urllib.parse import unquote_plus

from gateway import responses
from gateway.credentials.throttle import Throttle
from gateway.endpoints.parameters import read_whole_form
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.sessions.device import device_name

_log = logging.getLogger(__name__)

_TOO_MANY_REQUESTS = 429
_MAX_DEVICE_CHARS = 60
_FORM = b"application/x-www-form-urlencoded"


class OAuthError(Exception):
    """A refused request, with an error code of RFC 6749, section 5.2.

    Attributes:
        error: The protocol's error code.
        reason: Our reason code, as in every other refusal.
        about: What is wrong, for the app's developer; never quotes the request.
        detail: For the log.
        status: 400, or 429 with a Retry-After in `fields`.
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
    """The parameters of a request; empty ones count as absent (RFC 6749, section 3.2).

    Raises:
        OAuthError: The body is not a form, or repeats a parameter.
    """
    require_form(request)
    form = read_whole_form(body)
    if form is None:
        about = "the form cannot be read, or gives a parameter twice"
        raise OAuthError("invalid_request", about=about)
    return {name: value for name, value in form.items() if value}


def require_form(request: Request) -> None:
    """Require that the body is a form.

    Raises:
        OAuthError: It is something else.
    """
    media_type = (request.fields.only(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type != _FORM:
        about = "the body must be a form: application/x-www-form-urlencoded"
        raise OAuthError("invalid_request", about=about)


def required(form: dict[str, str], name: str) -> str:
    """The parameter `name`.

    Raises:
        OAuthError: It is missing.
    """
    value = form.get(name)
    if value is None:
        raise OAuthError("invalid_request", about=f"{name} is missing")
    return value


def asking_client(request: Request, form: dict[str, str]) -> str | None:
    """The client id, from the form or as the user name in Basic; None if absent.

    Many libraries always send it in Basic, with an empty password if there is no secret (RFC
    6749, section 2.3.1).  With a password it is ignored, because apps have no secret here.
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


def device_of(request: Request, form: dict[str, str]) -> str:
    """A name for the device: the app's choice, or else from the User-Agent."""
    told = form.get("device_name", "").strip()
    if 0 < len(told) <= _MAX_DEVICE_CHARS and told.isprintable():
        return told
    agents = request.fields.all(b"user-agent")
    return device_name(agents[0].decode("latin-1") if agents else "")


def refusal(request: Request, refused: OAuthError) -> Response:
    """The response to `refused`: `error` and its description in addition to our own members.

    The media type is the protocol's (RFC 6749, section 5.2).
    """
    ours = responses.problem_document(request, refused.status, refused.reason, refused.about)
    _log.info("%s: %s", refused.reason, refused, extra={"request_id": request.request_id})
    document = {"error": refused.error, "error_description": ours["detail"], **ours}
    answer = responses.json_answer(request, refused.status, document, fields=refused.fields)
    return answer.because(refused.reason)


def take_turn(wrong: Throttle, request: Request) -> None:
    """Count one attempt of the client; the caller gives it back if it was good.

    Raises:
        OAuthError: The client had too many bad attempts recently.
    """
    wait_s = wrong.take(request.client, request.received_at)
    if wait_s:
        raise OAuthError(
            "temporarily_unavailable",
            "credential-throttled",
            status=_TOO_MANY_REQUESTS,
            fields=(("Retry-After", str(int(wait_s) + 1)),),
        )
