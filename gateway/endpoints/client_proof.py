"""How a client of the authorization server proves itself at ``token`` (RFC 6749, section 2.3)."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from gateway.authserver.client import Client
from gateway.credentials.throttle import Throttle
from gateway.endpoints.oauth import OAuthError, take_turn
from gateway.message.request import Request

_CHALLENGE = (("WWW-Authenticate", 'Basic realm="gatepost"'),)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Which client a request says it is from, and the secret it brings, in Basic or not."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    is_basic: bool = False


def read_claimed(request: Request, form: dict[str, str]) -> Claimed:
    """The client that a request names, in Basic or in its form.

    Raises:
        OAuthError: It names none or two, or proves itself in two ways (section 2.3).
    """
    basic = _basic(request)
    posted = form.get("client_id")
    if basic is None:
        if posted is None:
            raise OAuthError("invalid_request", about="client_id is missing")
        return Claimed(posted, form.get("client_secret"))
    if posted not in (None, basic.client_id) or "client_secret" in form:
        raise OAuthError("invalid_request", about="the client proves itself in two ways")
    return basic


def prove(request: Request, client: Client, claimed: Claimed, wrong: Throttle) -> None:
    """Require the client's secret, if it has one; guesses count in `wrong`, as wrong tokens do.

    Raises:
        OAuthError: It is missing or wrong, or too many were wrong before.
    """
    if client.is_public:
        # Libraries send an empty or made-up secret if a public client gives them none to send.
        return
    take_turn(wrong, request)
    with wrong.weigh(request.client, counts=True) as turn:
        _require_secret(client, claimed)
        turn.is_bad = False


def _require_secret(client: Client, claimed: Claimed) -> None:
    if claimed.secret is None or not client.has_secret(claimed.secret):
        raise OAuthError(
            "invalid_client",
            "wrong-client-secret",
            detail=f"{client.client_id} brought no secret, or a wrong one",
            status=401,
            fields=_CHALLENGE,
        )


def _basic(request: Request) -> Claimed | None:
    scheme, _, encoded = (request.fields.only(b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(b" "), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, _, password = pair.partition(":")
    # Section 2.3.1: both are form-encoded first.
    return Claimed(unquote_plus(user), unquote_plus(password) or None, is_basic=True)
