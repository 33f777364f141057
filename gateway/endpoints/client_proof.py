"""How a client of the authorization server proves itself (RFC 6749, section 2.3)."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from gateway.authserver.client import Client
from gateway.credentials.throttle import Throttle
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.client_assertion import (
    ASSERTION_TYPE,
    ClientAssertions,
    named_client,
)
from gateway.endpoints.oauth import OAuthError, take_turn
from gateway.message.request import Request

_CHALLENGE = (("WWW-Authenticate", 'Basic realm="gatepost"'),)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Which client a request says it is from, and what it brings to prove it.

    Attributes:
        is_basic: Whether the secret came in Basic.
        assertion: A signature instead (RFC 7523).
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    is_basic: bool = False
    assertion: str | None = field(default=None, repr=False)


def read_claimed(request: Request, form: dict[str, str]) -> Claimed:
    """The client that a request names, in Basic or in its form.

    Raises:
        OAuthError: It names none or two, or proves itself in two ways (section 2.3).
    """
    basic = _basic(request)
    posted = form.get("client_id")
    assertion = form.get("client_assertion")
    if assertion is not None:
        return _by_assertion(form, assertion, is_doubled=basic is not None)
    if basic is None:
        if posted is None:
            raise OAuthError("invalid_request", about="client_id is missing")
        return Claimed(posted, form.get("client_secret"))
    if posted not in (None, basic.client_id) or "client_secret" in form:
        raise OAuthError("invalid_request", about="the client proves itself in two ways")
    return basic


def _by_assertion(form: dict[str, str], assertion: str, *, is_doubled: bool) -> Claimed:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_request", about=f"client_assertion_type must be {ASSERTION_TYPE}")
    if is_doubled or "client_secret" in form:
        raise OAuthError("invalid_request", about="the client proves itself in two ways")
    named = named_client(assertion)
    # RFC 7521, section 4.2: the client id may be left out, and must otherwise be the same.
    if form.get("client_id", named) != named:
        raise OAuthError("invalid_request", about="client_id is not that of client_assertion")
    return Claimed(named, assertion=assertion)


class ClientProofs:
    """Judges what clients prove themselves with; guesses count in `wrong`, as wrong tokens do."""

    def __init__(self, wrong: Throttle, assertions: ClientAssertions) -> None:
        self._wrong = wrong
        self._assertions = assertions

    async def prove(self, request: Request, client: Client, claimed: Claimed) -> None:
        """Require the secret or the signature of `client`, if it has either.

        Raises:
            OAuthError: It is missing or wrong, or too many were wrong before.
            StoreUnavailableError: The store could not answer.
        """
        if client.is_public:
            # Libraries send an empty or made-up secret if a public client gives them none to send.
            return
        take_turn(self._wrong, request)
        with self._wrong.weigh(request.client, counts=True) as turn:
            if claimed.assertion is None or not client.keys:
                _require_secret(client, claimed)
            else:
                issuer = issuer_of(request)
                # RFC 7523, section 3: the issuer, or an endpoint that takes assertions.
                endpoints = (f"{issuer}/{it}" for it in ("token", "device_authorization"))
                audiences = frozenset({issuer, *endpoints})
                await self._assertions.prove(client, claimed.assertion, audiences)
            turn.is_bad = False


def _require_secret(client: Client, claimed: Claimed) -> None:
    if client.keys:
        raise OAuthError(
            "invalid_client",
            "wrong-client-assertion",
            detail=f"{client.client_id} brought no client_assertion",
            status=401,
        )
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
