"""One issuer of access tokens: its keys, its introspection endpoint, and token checks."""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.oidc.access_token import (
    INVALID,
    Proven,
    UnacceptableTokenError,
    Wanted,
    judge_introspected,
    judge_jwt,
    read_time,
    read_token,
)
from gateway.oidc.discovery import Discovery
from gateway.oidc.given_endpoints import Given
from gateway.oidc.http import ProviderHttp
from gateway.oidc.internal_url import Addresses
from gateway.oidc.introspection import Introspector
from gateway.oidc.keys import KeySource
from gateway.oidc.name_steps import steps_of
from gateway.oidc.notices import Notices
from gateway.oidc.registration import ClaimNames, Registration
from gateway.oidc.signed_introspection import read_signed_answer
from gateway.oidc.tokens import BadTokenError, peek_claims, read_header, verify
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from gateway.settings.bearer import BearerSettings

_NO_ENDPOINTS: Given = MappingProxyType({})
INACTIVE = "token-inactive"
# A withdrawn key or a changed account takes effect within this time.
REMEMBER_S = 300.0
# A header is a JSON object: "{" in base64url, followed by a quote or white space.
_JWT = re.compile(r"e[yw][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){2}")


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token in the form of a JWT; nothing in it is verified yet."""

    text: str
    header: Mapping[str, object]
    claims: Mapping[str, object]


def is_jwt(token: str) -> bool:
    """Whether `token` has the form of a signed JWT (RFC 7515, section 7.1), valid or not.

    Encrypted tokens do not count, because only their issuer can read them.
    """
    return _JWT.fullmatch(token) is not None


def stated_issuer(token: str) -> str | None:
    """The ``iss`` of a JWT, unverified; None if it cannot be read."""
    payload = token.split(".")[1]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def read_jwt(token: str) -> Jwt:
    """Parse `token` without verifying it.

    Raises:
        BadTokenError: It is too large, malformed, or relies on an extension.
    """
    return Jwt(token, read_header(token), peek_claims(token))


class BearerIssuer:
    """See the module."""

    def __init__(
        self,
        settings: "BearerSettings",
        http: ProviderHttp,
        clock: Clock,
        *,
        provider: str = "",
        internal_url: str | None = None,
        endpoints: Given = _NO_ENDPOINTS,
    ) -> None:
        """Accept the tokens that `settings` describe.

        `provider` is the name of this issuer's provider, `internal_url` its setting, and
        `endpoints` are those that its settings give.
        """
        self.issuer = settings.issuer
        self._clock = clock
        who = f'provider "{provider}"' if provider else f'issuer "{settings.issuer}"'
        self._notices, http = Notices(who), http.named(who)
        self._algorithms = settings.algorithms
        self._wanted = Wanted(
            issuer=settings.issuer,
            audiences=frozenset(settings.audiences),
            names=_names(settings),
            assume_email_verified=settings.email_verified == "assume",
            provider=provider,
        )
        discovery = Discovery(
            Addresses(settings.issuer, internal_url), http, clock, given=endpoints
        )

        async def jwks_uri() -> str:
            return (await discovery.metadata()).jwks_uri

        self._keys = KeySource(jwks_uri, http, clock)
        self._introspector: Introspector | None = None
        asked = settings.introspection
        if asked is not None:
            registration = Registration(
                name=provider,
                issuer=settings.issuer,
                client_id=asked.client_id,
                client_secret=asked.client_secret,
                client_key=asked.client_key,
                client_auth=asked.client_auth,
                # Every issuer accepts its own name as the audience, but not all accept the token
                # endpoint's URL at introspection (RFC 7523, section 3).
                assertion_audience="issuer",
            )

            async def read_signed(body: bytes) -> Mapping[str, object]:
                return await read_signed_answer(
                    body, registration, self._keys, self._algorithms, clock()
                )

            self._introspector = Introspector(
                registration,
                discovery.metadata,
                http,
                clock,
                asked.cache,
                read_signed=read_signed,
                only_signed=asked.signed,
            )

    @property
    def introspects(self) -> bool:
        """Whether the issuer can be asked about opaque tokens."""
        return self._introspector is not None

    async def ask(self, token: str) -> Mapping[str, object] | None:
        """The issuer's claims for `token`; None if it is not active, or introspection is off.

        Raises:
            ProviderUnavailableError: The issuer cannot be asked.
        """
        return None if self._introspector is None else (await self._introspector.ask(token)).claims

    async def verify(self, token: Jwt) -> Proven:
        """The identity that `token` proves.

        Claims are checked before the signature, so that a forgery with bad claims causes neither a
        verification nor a fetch of keys.

        Raises:
            UnacceptableTokenError: It is not accepted.
            UserMissingError: No claim names the user.
            ProviderUnavailableError: The keys cannot be fetched.
        """
        now = self._clock()
        judge_jwt(token.header, token.claims, self._wanted, now)
        try:
            signed = await verify(token.text, self._keys, self._algorithms)
        except BadTokenError as error:
            raise UnacceptableTokenError(INVALID, str(error)) from error
        if (signed.header, signed.claims) != (token.header, token.claims):
            # Both parsers should agree.  If they do not, only what was verified counts.
            judge_jwt(signed.header, signed.claims, self._wanted, now)
        expires_at = read_time(signed.claims, "exp") or 0.0
        until = min(expires_at, now + REMEMBER_S)
        return read_token(signed.claims, self._wanted, until, self._notices)

    async def introspect(self, token: str) -> Proven:
        """The identity that the opaque `token` proves.

        Raises:
            UnacceptableTokenError: It is not accepted; with `INACTIVE` if it is not active.
            UserMissingError: No claim names the user.
            ProviderUnavailableError: The issuer cannot be asked.
        """
        if self._introspector is None:
            raise UnacceptableTokenError(INVALID, f"{self.issuer!r} has no introspection")
        answered = await self._introspector.ask(token)
        if answered.claims is None:
            raise UnacceptableTokenError(INACTIVE, f"{self.issuer!r} says it is not active")
        judge_introspected(answered.claims, self._wanted, self._clock())
        return read_token(answered.claims, self._wanted, answered.until, self._notices)


def _names(settings: "BearerSettings") -> ClaimNames:
    claims, default = settings.claims, ClaimNames(roles=("roles",), groups=("groups",))
    return ClaimNames(
        user=default.user if claims.user is None else claims.user,
        email=default.email if claims.email is None else claims.email,
        name=default.name if claims.name is None else claims.name,
        roles=default.roles if claims.roles.names is None else claims.roles.names,
        groups=default.groups if claims.groups.names is None else claims.groups.names,
        role_steps=steps_of(claims.roles),
        group_steps=steps_of(claims.groups),
    )
