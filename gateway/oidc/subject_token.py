"""Validates the provider tokens that an app exchanges (RFC 8693, section 2.1)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from gateway.model import Identity
from gateway.oidc.access_token import (
    LEEWAY_S,
    UnacceptableTokenError,
    Wanted,
    judge_introspected,
    judge_jwt,
    read_scopes,
    read_time,
)
from gateway.oidc.bearer_issuer import is_jwt, read_jwt
from gateway.oidc.errors import InvalidIdTokenError, SignInError
from gateway.oidc.provider import Provider
from gateway.oidc.tokens import BadTokenError, verify
from gateway.storage.store import Clock

# Long enough for a phone to get from the browser back to its app and find a network.  A token found
# in a log or a backup is usually older.
MAX_AGE_S = 300.0
# Claims that name the client a token was issued to: OpenID Connect Core 1.0, section 2; RFC 9068,
# section 2.2, RFC 7662, section 2.2, and all of Zitadel's tokens; Okta; Entra's version 1 tokens.
_PARTY_CLAIMS = ("azp", "client_id", "cid", "appid")

# Claims of access tokens that ID tokens lack: RFC 9068, sections 2.1 and 2.2, and older conventions
# of Entra and Okta (scp, cid), Cognito (token_use) and Keycloak (typ).
_ACCESS_CLAIMS = ("scope", "scp", "client_id", "cid", "token_use")
_ACCESS_TYPES = frozenset({"at+jwt", "application/at+jwt", "bearer", "access", "access_token"})

Introspect = Callable[[str], Awaitable[Mapping[str, object] | None]]


class InvalidSubjectTokenError(SignInError):
    """The subject token is not acceptable; the message is only logged."""

    reason = "invalid-subject-token"
    status = 400


class SubjectTokenTooOldError(InvalidSubjectTokenError):
    """The token was issued too long ago to start a session."""

    reason = "subject-token-too-old"


@dataclass(frozen=True, slots=True)
class Subject:
    """The identity that a valid subject token proves.

    Attributes:
        provider_sid: The provider's ``sid``, if the token has one.
        issued_at: Seconds since the epoch.
    """

    identity: Identity
    provider_sid: str | None
    issued_at: float


def replay_name(token: str) -> str:
    """The name that remembers `token` against replay; the same for every spelling of it.

    The signature is left out, because an ECDSA signature has two valid forms.
    """
    signed = token.rpartition(".")[0] if is_jwt(token) else token
    return sha256(signed.encode("utf-8", "surrogatepass")).hexdigest()


class SubjectTokens:
    """Validates the tokens that one app may exchange."""

    def __init__(
        self,
        provider: Provider,
        audiences: frozenset[str],
        clock: Clock,
        introspect: Introspect | None = None,
    ) -> None:
        """Accept tokens of `provider` for any of `audiences`.

        `introspect` returns the provider's claims for an opaque token, or None if it is not active.
        """
        self._provider = provider
        self._audiences = audiences
        # An API's audience is a URL (RFC 8707, section 2), and a client id is not.
        self._resources = frozenset(name for name in audiences if "://" in name)
        self._ours = audiences | {provider.registration.client_id}
        self._clock = clock
        self._introspect = introspect

    async def read_id_token(self, token: str) -> Subject:
        """The subject of an ID token.

        Raises:
            SignInError: It is not acceptable.
            ProviderUnavailableError: The provider's keys cannot be fetched.
        """
        try:
            claims = await self._provider.read_id_token(token, self._audiences)
        except InvalidIdTokenError as error:
            raise InvalidSubjectTokenError(str(error)) from error
        self._judge_party(claims)
        return await self._subject(claims, None)

    async def read_access_token(self, token: str) -> Subject:
        """The subject of an access token.

        Raises:
            SignInError: It is not acceptable.
            ProviderUnavailableError: The provider cannot be asked.
        """
        try:
            claims = await (self._verified(token) if is_jwt(token) else self._introspected(token))
        except (BadTokenError, UnacceptableTokenError) as error:
            raise InvalidSubjectTokenError(str(error)) from error
        self._judge_party(claims)
        client = claims.get("client_id", claims.get("azp", claims.get("cid")))
        if claims.get("sub", client) == client:
            # RFC 9068, section 5: then a client acts for itself, and no user is signed in.
            raise InvalidSubjectTokenError("the token is about a client, not a person")
        return await self._subject(claims, token)

    async def _verified(self, token: str) -> Mapping[str, object]:
        jwt = read_jwt(token)
        issuer = jwt.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._provider.registration.issuers:
            raise BadTokenError(f"iss is {issuer!r}")
        wanted, now = self._wanted(issuer), self._clock()
        # Before the signature, so that a forgery with bad claims costs no verification.
        judge_jwt(jwt.header, jwt.claims, wanted, now)
        self._judge_type(jwt.header, jwt.claims)
        signed = await verify(token, self._provider.keys, self._provider.registration.algorithms)
        judge_jwt(signed.header, signed.claims, wanted, now)
        self._judge_type(signed.header, signed.claims)
        return signed.claims

    def _judge_type(self, header: Mapping[str, object], claims: Mapping[str, object]) -> None:
        """Refuse an ID token, which identifies a user but grants no access.

        An ID token without nonce and hashes, as from a refresh, is recognised by its ``typ`` if
        this provider's access tokens have one.  Otherwise by its audience being a client, and by
        its naming neither scopes nor a client, which access tokens do (RFC 9068, section 2.2).
        """
        said = {str(it.get("typ", "")).lower() for it in (header, claims)}
        wanted = self._provider.registration.access_typ
        if wanted:
            if said.isdisjoint({wanted, f"application/{wanted}"}):
                raise BadTokenError(f"typ is {header.get('typ')!r}, of access tokens {wanted!r}")
            return
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        is_for_api = any(it in self._resources for it in audiences if isinstance(it, str))
        is_typed = not said.isdisjoint(_ACCESS_TYPES)
        if not (is_for_api or is_typed or any(name in claims for name in _ACCESS_CLAIMS)):
            raise BadTokenError("it looks like an ID token: exchange it as one")

    async def _introspected(self, token: str) -> Mapping[str, object]:
        if self._introspect is None:
            raise BadTokenError("it is not a JWT, and introspection is not configured")
        claims = await self._introspect(token)
        if claims is None:
            raise BadTokenError("the provider says that it is not active")
        judge_introspected(claims, self._wanted(self._provider.registration.issuer), self._clock())
        return claims

    def _judge_party(self, claims: Mapping[str, object]) -> None:
        """Refuse a token that was issued to another app; several clients may share an audience.

        Otherwise any app could start sessions of this one with its own users' tokens.
        """
        for name in _PARTY_CLAIMS:
            party = claims.get(name)
            if party is not None and not (isinstance(party, str) and party in self._ours):
                raise InvalidSubjectTokenError(
                    f"{name} is {party!r}: the token was issued to none of {sorted(self._ours)}"
                )

    def _wanted(self, issuer: str) -> Wanted:
        return Wanted(issuer, self._audiences, self._provider.registration.claims)

    async def _subject(self, claims: Mapping[str, object], access_token: str | None) -> Subject:
        try:
            issued_at = read_time(claims, "iat")
        except UnacceptableTokenError as error:
            raise InvalidSubjectTokenError(str(error)) from error
        if issued_at is None:
            raise InvalidSubjectTokenError("the token does not say when it was issued")
        age_s = self._clock() - issued_at
        if not -LEEWAY_S <= age_s <= MAX_AGE_S:
            raise SubjectTokenTooOldError(f"issued {age_s:.0f} s ago")
        person = await self._provider.person(claims, access_token)
        scopes, readable = read_scopes(claims) if access_token else (frozenset[str](), True)
        identity = self._provider.identify(person, scopes)
        if not readable:
            identity = replace(identity, unreadable=identity.unreadable | {"scopes"})
        sid = claims.get("sid")
        return Subject(identity, sid if isinstance(sid, str) else None, issued_at)
