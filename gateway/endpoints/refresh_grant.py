"""Renews the gateway's own tokens (RFC 6749, section 6)."""

from functools import partial

from gateway.authserver.client import Client
from gateway.authserver.resources import Resources
from gateway.authserver.scopes import lost_scopes
from gateway.credentials.token_format import parse_token
from gateway.credentials.tokens import SCOPE_NOT_GRANTED, Issued, Refused, TokenFamilies
from gateway.endpoints.oauth import OAuthError, required, take_turn
from gateway.message.request import Request
from gateway.model import Deny
from gateway.sessions.session import Session

_OTHER_RESOURCE = "resource-not-granted"
# Of what is wrong with the request, and not with the token.
_ERRORS = {SCOPE_NOT_GRANTED: "invalid_scope", _OTHER_RESOURCE: "invalid_target"}


class RefreshGrant:
    """Gives new tokens for a refresh token, once."""

    def __init__(self, tokens: TokenFamilies, resources: Resources | None) -> None:
        """`resources` are those that tokens may be for; None if there are none."""
        self._tokens = tokens
        self._resources = resources

    async def refresh(
        self, request: Request, form: dict[str, str], client: str, known: Client | None = None
    ) -> Issued:
        """The new tokens of `client`, which is `known` to the authorization server or an app.

        Raises:
            OAuthError: The token is refused.
            StoreUnavailableError: The store could not answer; the token was not used.
        """
        token = parse_token(required(form, "refresh_token"))
        if token is None:
            raise OAuthError("invalid_grant", "malformed-credential")
        tokens, now = self._tokens, request.received_at
        if tokens.is_dead(token):
            raise OAuthError("invalid_grant", "unknown-token")
        counts = not tokens.remembers(token)
        if counts:
            take_turn(tokens.wrong, request)
        with tokens.wrong.weigh(request.client, counts=counts) as turn:
            wanted = frozenset(form["scope"].split()) if "scope" in form else None
            judge = partial(self._judge, request, form.get("resource"), known)
            issued = await tokens.refresh(token, client, now, wanted, judge)
            turn.is_bad = isinstance(issued, Refused) and issued.reason not in _ERRORS
        if isinstance(issued, Refused):
            if issued.reason == "unknown-token":
                tokens.remember_bad(token)
            raise OAuthError(_ERRORS.get(issued.reason, "invalid_grant"), issued.reason)
        return issued

    def _judge(
        self, request: Request, resource: str | None, client: Client | None, session: Session
    ) -> str | None:
        """Why the tokens of `session` are not renewed for `resource`; None if they are."""
        identity = session.identity
        if client is not None and lost_scopes(client, identity.scopes, identity.routes):
            return "scope-gone"
        for route in identity.routes or ():
            # Not invalid_target: clients would ask for the same again, and never sign in anew.
            if self._resources is None or not self._resources.serves(route):
                return "resource-gone"
        if self._resources is not None and session.client is not None:
            # A step-up was made when the person signed in.
            entry = self._resources.judge_entry(request, session.client, session.identity)
            if isinstance(entry, Deny):
                return entry.reason
        # RFC 8707, section 2.2.
        return None if resource in (None, *session.resources) else _OTHER_RESOURCE
