"""What an app brings of its provider's, to be exchanged (RFC 8693, section 2.1)."""

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

# Long enough for a phone to get from the browser back to its app and find a network; whoever finds
# a token in a log or a backup comes later.
MAX_AGE_S = 300.0
# To which client a token was issued: OpenID Connect Core 1.0, section 2; RFC 9068, section 2.2,
# RFC 7662, section 2.2, and Zitadel in every token; Okta; Entra in tokens of its version 1.
_PARTY_CLAIMS = ("azp", "client_id", "cid", "appid")

# What access tokens say of themselves and ID tokens do not: RFC 9068, sections 2.1 and 2.2, and
# before it was written Entra and Okta (scp, cid), Cognito (token_use), Keycloak (typ).
_ACCESS_CLAIMS = ("scope", "scp", "client_id", "cid", "token_use")
_ACCESS_TYPES = frozenset({"at+jwt", "application/at+jwt", "bearer", "access", "access_token"})

Introspect = Callable[[str], Awaitable[Mapping[str, object] | None]]


class InvalidSubjectTokenError(SignInError):
    """The token to be exchanged is not acceptable; the message is for the log."""

    reason = "invalid-subject-token"
    status = 400


class SubjectTokenTooOldError(InvalidSubjectTokenError):
    """The token was issued too long ago to begin a session with."""

    reason = "subject-token-too-old"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a good token is about.

    Attributes:
        provider_sid: The provider's ``sid``, where the token names it.
        issued_at: Seconds since the epoch.
    """

    identity: Identity
    provider_sid: str | None
    issued_at: float


def replay_name(token: str) -> str:
    """What `token` is remembered by: nobody can spell the same token in another way.

    The signature is left out: one of an elliptic curve can be written in two ways.
    """
    signed = token.rpartition(".")[0] if is_jwt(token) else token
    return sha256(signed.encode("utf-8", "surrogatepass")).hexdigest()


class SubjectTokens:
    """Judges the tokens that one app may exchange."""

    def __init__(
        self,
        provider: Provider,
        audiences: frozenset[str],
        clock: Clock,
        introspect: Introspect | None = None,
    ) -> None:
        """Take tokens of `provider` for any of `audiences`.

        `introspect` gives what the provider says of a token that is no JWT, None where it is
        not active.
        """
        self._provider = provider
        self._audiences = audiences
        # A client is no URL, and an API that tokens are for is one (RFC 8707, section 2).
        self._resources = frozenset(name for name in audiences if "://" in name)
        self._ours = audiences | {provider.registration.client_id}
        self._clock = clock
        self._introspect = introspect

    async def read_id_token(self, token: str) -> Subject:
        """Whom an ID token is about.

        Raises:
            SignInError: It is not acceptable.
            ProviderUnavailableError: The provider's keys cannot be had.
        """
        try:
            claims = await self._provider.read_id_token(token, self._audiences)
        except InvalidIdTokenError as error:
            raise InvalidSubjectTokenError(str(error)) from error
        self._judge_party(claims)
        return await self._subject(claims, None)

    async def read_access_token(self, token: str) -> Subject:
        """Whom an access token is about.

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
            # RFC 9068, section 5: a client asks in its own name, and nobody is signed in.
            raise InvalidSubjectTokenError("the token is about a client and no person")
        return await self._subject(claims, token)

    async def _verified(self, token: str) -> Mapping[str, object]:
        jwt = read_jwt(token)
        issuer = jwt.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._provider.registration.issuers:
            raise BadTokenError(f"iss is {issuer!r}")
        wanted, now = self._wanted(issuer), self._clock()
        # Before the signature: no forgery that could not be good anyway costs a verification.
        judge_jwt(jwt.header, jwt.claims, wanted, now)
        self._judge_type(jwt.header, jwt.claims)
        signed = await verify(token, self._provider.keys, self._provider.registration.algorithms)
        judge_jwt(signed.header, signed.claims, wanted, now)
        self._judge_type(signed.header, signed.claims)
        return signed.claims

    def _judge_type(self, header: Mapping[str, object], claims: Mapping[str, object]) -> None:
        """Refuse an ID token: whoever has one was told who a person is, not let in anywhere.

        One without nonce and hashes, such as a refresh gives, is known by what an access token of
        this provider would say; or else by its audience, a client, and by naming neither scopes
        nor the client that may use it, as RFC 9068, section 2.2, has it.
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
            raise BadTokenError("it has the shape of an ID token: exchange it as one")

    async def _introspected(self, token: str) -> Mapping[str, object]:
        if self._introspect is None:
            raise BadTokenError("no JWT, and the provider is not asked about others")
        claims = await self._introspect(token)
        if claims is None:
            raise BadTokenError("the provider says that it is not active")
        judge_introspected(claims, self._wanted(self._provider.registration.issuer), self._clock())
        return claims

    def _judge_party(self, claims: Mapping[str, object]) -> None:
        """Refuse what was issued to somebody else's app: an audience may have many clients.

        Or any app could begin sessions of this one with what its users gave it for a while.
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
