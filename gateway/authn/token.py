"""The gateway's own access tokens, as ``Authorization: Bearer gp_at_…`` (RFC 6750, section 2.1)."""

import re
from collections.abc import Callable
from functools import lru_cache, partial

from gateway.authn.authenticator import (
    NOT_PRESENTED,
    Authenticated,
    Authenticator,
    Outcome,
    Pending,
    Rejected,
)
from gateway.authn.parts import Parts
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.credentials.known_token import Known
from gateway.credentials.token_format import GatewayToken, new_token, parse_token
from gateway.credentials.tokens import TokenFamilies
from gateway.message.request import Request
from gateway.sessions.ticket import COOKIE_CHARS
from gateway.settings.schema import Settings

_KIND = "token"
# RFC 9110, section 11.2: any case, one space or more.
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(gp_[ar]t_.*)", re.DOTALL)
# Longer than any token.  A longer value is not ours, and is not cached.
_MAX_VALUE_BYTES = 256

_REPEATED = Rejected("repeated-credential", "several tokens", status=400, kind=_KIND)
_MALFORMED = Rejected("malformed-credential", "no token, or its checksum is wrong", kind=_KIND)
_FOR_RENEWAL = Rejected("not-an-access-token", "a refresh token", kind=_KIND)
_UNKNOWN = Rejected("unknown-token", kind=_KIND)
_EXPIRED = Rejected("token-expired", kind=_KIND)
_NO_APP = Rejected("unknown-token", "its app is no longer configured", kind=_KIND)
# No detail, so that a flood adds no log line per request besides the audit line.
_THROTTLED = Rejected("credential-throttled", status=429, kind=_KIND)


class TokenAuthenticator:
    """Looks up tokens by their digest; see Authenticator."""

    credential = _KIND
    fields = frozenset({AUTHORIZATION})
    cookies: frozenset[str] = frozenset()

    def __init__(self, tokens: TokenFamilies, may_know: Callable[[str], bool]) -> None:
        """Accept tokens of the clients that it `may_know`; those of a removed one are bad."""
        self._tokens = tokens
        self._may_know = may_know

    def recognises(self, field: bytes, value: bytes) -> bool:
        """Whether the value holds ``gp_at_`` or ``gp_rt_`` in the place of a token."""
        return field == AUTHORIZATION and _token_in(value) is not NOT_PRESENTED

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge."""
        token = _presented(request)
        if not isinstance(token, GatewayToken):
            return token
        known, now = self._tokens.recall(token, request.received_at), request.received_at
        if known is not None:
            return self._judge(known, now)
        counts = not self._tokens.remembers(token)
        # Checked first, so that an unknown token in a flood costs no store lookup.
        if counts and self._tokens.wrong.wait_s(request.client, now):
            return _THROTTLED
        return Pending(partial(self._ask, token, request, counts=counts))

    async def _ask(self, token: GatewayToken, request: Request, *, counts: bool) -> Outcome:
        now = request.received_at
        if self._tokens.is_dead(token):
            return _UNKNOWN
        # Take the turn before the lookup, because many lookups may run at once.
        if counts and self._tokens.wrong.take(request.client, now):
            return _THROTTLED
        with self._tokens.wrong.weigh(request.client, counts=counts) as turn:
            known = await self._tokens.load(token, now)
            turn.is_bad = known is None
        if known is None:
            self._tokens.remember_bad(token)
            return _UNKNOWN
        return self._judge(known, now)

    def _judge(self, known: Known, now: float) -> Outcome:
        if not self._may_know(known.session.client or ""):
            return _NO_APP
        return _EXPIRED if now >= known.expires_at else Authenticated(known.identity)


def _presented(request: Request) -> GatewayToken | Outcome:
    values = request.fields.all(AUTHORIZATION)
    if not values:
        return NOT_PRESENTED
    return _REPEATED if len(values) > 1 else _token_in(values[0])


def _token_in(value: bytes) -> GatewayToken | Outcome:
    return _read(value) if len(value) <= _MAX_VALUE_BYTES else NOT_PRESENTED


@lru_cache(maxsize=4096)
def _read(value: bytes) -> GatewayToken | Outcome:
    """The access token in an Authorization value, or the outcome to return instead."""
    found = _BEARER.fullmatch(value)
    if found is None:
        return NOT_PRESENTED
    token = parse_token(found[1].decode("latin-1"))
    if token is None:
        return _MALFORMED
    return token if token.use == "access" else _FOR_RENEWAL


def build(parts: Parts) -> Authenticator | None:
    """The authenticator for the gateway's tokens, or None if the configuration issues none."""
    if parts.tokens is None:
        return None
    return TokenAuthenticator(*parts.tokens)


def example(_settings: Settings) -> str:
    """A field line with an access token that was never issued."""
    return f"Authorization: Bearer {new_token('access', 'A' * COOKIE_CHARS, bytes)}"
