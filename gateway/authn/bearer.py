"""Access tokens from external issuers, in ``Authorization: Bearer`` (RFC 6750, section 2.1)."""

import json
import re
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Protocol

from cachetools import TTLCache

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
from gateway.credentials.shape import PREFIX
from gateway.credentials.throttle import Throttle
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.model import AccountFacts, Identity
from gateway.oidc.access_token import INVALID, Proven, UnacceptableTokenError
from gateway.oidc.bearer_issuer import (
    INACTIVE,
    REMEMBER_S,
    BearerIssuer,
    is_jwt,
    read_jwt,
    stated_issuer,
)
from gateway.oidc.tokens import BadTokenError
from gateway.settings.schema import Settings

_KIND = "bearer"
# RFC 9110, section 11.2: any case, one space or more; RFC 6750, section 2.1: b64token.
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
# Prefix of the gateway's own keys and tokens.  They are never sent to an issuer.
_OWN = PREFIX.encode()
_MAX_REMEMBERED = 10_000
# Burst of new tokens from one address, then the rate per second.  Verifying a full burst takes
# less than a tenth of a second.
_ALLOWED, _PER_S = 200, 100.0
_THROTTLED = Rejected("credential-throttled", status=429, kind=_KIND)


class Claimant(Protocol):
    """Finds the account that a user name belongs to."""

    async def enter(self, identity: Identity, *, of_client: bool = False) -> AccountFacts:
        """The account's facts for `identity`, a person's or, if `of_client`, a client's.

        Raises:
            GatewayError: It may not use any account, or the store cannot answer.
        """


class BearerAuthenticator:
    """Verifies access tokens, and caches the good ones by digest; see Authenticator."""

    credential = _KIND
    fields = frozenset({AUTHORIZATION})
    cookies: frozenset[str] = frozenset()

    def __init__(
        self,
        issuers: Iterable[BearerIssuer],
        accounts: Claimant,
        wrong: Throttle | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Accept tokens of `issuers`; opaque tokens are introspected in this order.

        `wrong` counts bad tokens by client address.
        """
        self._issuers: Mapping[str, BearerIssuer] = {it.issuer: it for it in issuers}
        self._introspecting = tuple(it for it in self._issuers.values() if it.introspects)
        self._accounts = accounts
        self._wrong = Throttle(_ALLOWED, _PER_S) if wrong is None else wrong
        self._remembered: OrderedDict[bytes, tuple[float, Authenticated]] = OrderedDict()
        # Tokens change every few minutes, but the account behind them stays.
        self._accounts_of: TTLCache[tuple[str, str, str, bool], AccountFacts] = TTLCache(
            _MAX_REMEMBERED, REMEMBER_S, timer
        )
        self._doubts = 0
        # Cache for the last field value, because each stage asks about the same one.
        self._digested: tuple[bytes, bytes] = (b"", b"")
        self._read: tuple[bytes, str | None] = (b"", None)

    def account_changed(self, account_id: str | None) -> None:
        """Drop the cached tokens of an account, or of all for None, so they are judged again."""
        self._doubts += 1
        gone = [
            digest
            for digest, (_, known) in self._remembered.items()
            if account_id in (None, known.identity.account_id)
        ]
        for digest in gone:
            del self._remembered[digest]
        for who, facts in list(self._accounts_of.items()):
            if account_id in (None, facts.account_id):
                self._accounts_of.pop(who, None)

    def issuer(self, name: str) -> BearerIssuer | None:
        """The issuer with the ``iss`` value `name`, or None."""
        return self._issuers.get(name)

    def recognises(self, field: bytes, value: bytes) -> bool:
        """Whether `value` is a JWT of a known issuer, or opaque while an issuer introspects."""
        if field != AUTHORIZATION:
            return False
        return self._digest(value) in self._remembered or self._token(value) is not None

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge.

        `Pending.ask` raises UserTakenError if the token's user belongs to another account, and
        UserMissingError if the token names no user.
        """
        values = request.fields.all(AUTHORIZATION)
        if not values:
            return NOT_PRESENTED
        if len(values) > 1:
            return Rejected("repeated-credential", "several tokens", status=400, kind=_KIND)
        value = values[0]
        digest = self._digest(value)
        known = self._remembered.get(digest)
        if known is not None and request.received_at < known[0]:
            return known[1]
        token = self._token(value)
        if token is None:
            return NOT_PRESENTED
        # Checked first, so that an unknown token in a flood costs no verification.
        if self._wrong.wait_s(request.client, request.received_at):
            return _THROTTLED
        return Pending(partial(self._ask, token, digest, request))

    async def _ask(self, token: str, digest: bytes, request: Request) -> Outcome:
        now = request.received_at
        # A page sends its first requests at once, and another one may have verified it already.
        known = self._remembered.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        # Take the turn before any work, because many verifications may run at once.
        if self._wrong.take(request.client, now):
            return _THROTTLED
        try:
            proven = await self._prove(token)
        except UnacceptableTokenError as error:
            return Rejected(error.reason, str(error), kind=_KIND)
        except GatewayError:
            # The token is good, or could not be checked, so it does not count as bad.
            self._wrong.give_back(request.client)
            raise
        self._wrong.give_back(request.client)
        doubts = self._doubts
        authenticated = Authenticated(await self._claimed(proven))
        if now < proven.until and doubts == self._doubts:
            self._remember(digest, proven.until, authenticated)
        return authenticated

    async def _prove(self, token: str) -> Proven:
        if is_jwt(token):
            try:
                jwt = read_jwt(token)
            except BadTokenError as error:
                raise UnacceptableTokenError(INVALID, str(error)) from error
            return await self._issuers[str(jwt.claims.get("iss"))].verify(jwt)
        inactive: UnacceptableTokenError | None = None
        for issuer in self._introspecting:
            try:
                return await issuer.introspect(token)
            except UnacceptableTokenError as error:
                if error.reason != INACTIVE:
                    raise
                inactive = error
        raise inactive or UnacceptableTokenError(INVALID, "no issuer introspects such tokens")

    async def _claimed(self, proven: Proven) -> Identity:
        """The identity with its account's facts.  A client never gets a person's account.

        Where clients choose their ids, one could choose a person's subject (RFC 9068, section 5).
        """
        identity = proven.identity
        who = identity.issuer, identity.subject, identity.user, proven.is_client
        with suppress(KeyError):
            return self._accounts_of[who].added_to(identity)
        doubts = self._doubts
        facts = await self._accounts.enter(identity, of_client=proven.is_client)
        if doubts == self._doubts:
            # Otherwise the account may have changed after it was read.
            self._accounts_of[who] = facts
        return facts.added_to(identity)

    def _remember(self, digest: bytes, until: float, authenticated: Authenticated) -> None:
        while len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        self._remembered[digest] = until, authenticated

    def _digest(self, value: bytes) -> bytes:
        last, digest = self._digested
        if value is not last:
            digest = sha256(value).digest()
            self._digested = value, digest
        return digest

    def _token(self, value: bytes) -> str | None:
        """The token in `value` that this authenticator judges, or None."""
        last, token = self._read
        if value is not last:
            token = self._find_token(value)
            self._read = value, token
        return token

    def _find_token(self, value: bytes) -> str | None:
        found = _BEARER.fullmatch(value)
        if found is None or found[1].startswith(_OWN):
            return None
        token = found[1].decode("ascii")
        if is_jwt(token):
            return token if stated_issuer(token) in self._issuers else None
        return token if self._introspecting else None


def build(parts: Parts) -> Authenticator | None:
    """The authenticator for the configured issuers, or None if there are none."""
    return parts.bearer


def example(settings: Settings) -> str:
    """A field line with a token of the first issuer, with an invalid signature."""
    issuer = next((it.issuer for it in settings.bearer), "")
    parts = ({"alg": "ES256", "typ": "at+jwt"}, {"iss": issuer})
    encoded = (urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return f"Authorization: Bearer {'.'.join([*(part.decode() for part in encoded), 'AA'])}"
