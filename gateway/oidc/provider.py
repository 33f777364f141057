"""One OpenID provider: metadata, token verification and revocation.

`gateway.oidc.sign_in` and `gateway.oidc.refresh` obtain its tokens; `gateway.oidc.sign_out` ends
its session.
"""

import asyncio
import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import replace

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.claims import Person, make_identity
from gateway.oidc.client import KEPT_ACCESS, ProviderClient, TokenAnswer
from gateway.oidc.discovery import Discovery, Metadata
from gateway.oidc.errors import InvalidIdTokenError, UserinfoRefusedError
from gateway.oidc.facts import wants_userinfo
from gateway.oidc.flow import RandomBytes
from gateway.oidc.groups_overage import all_groups, groups_or_unread
from gateway.oidc.http import ProviderHttp
from gateway.oidc.id_token import Expected, judge_id_token
from gateway.oidc.keys import KeySource
from gateway.oidc.mutual_tls import METHOD
from gateway.oidc.notices import Notices
from gateway.oidc.own_access_token import with_own_access_token
from gateway.oidc.refresh import refresh
from gateway.oidc.registration import OFFLINE, Registration
from gateway.oidc.signed_in import SignedIn
from gateway.oidc.signed_userinfo import read_signed_userinfo, verified
from gateway.oidc.tenants import judge_tenant
from gateway.oidc.tokens import BadTokenError, SignedToken
from gateway.storage.store import Clock

_log = logging.getLogger(__name__)


class Provider:
    """Everything the gateway asks of one provider.  Makes no call before it is needed.

    Attributes:
        registration: The gateway's client registration.
        client: Calls the token, userinfo and revocation endpoints.
        keys: Its public keys.
        clock: Seconds since the epoch.
        http: The HTTP client; its errors name the provider.
    """

    def __init__(
        self,
        registration: Registration,
        http: ProviderHttp,
        clock: Clock,
        *,
        wanted_claims: Iterable[str] = (),
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Use `registration`; `wanted_claims` are the claims that rules and mappings use."""
        self.registration = registration
        self.clock = clock
        self.random_bytes = random_bytes
        self._wanted_claims = tuple(wanted_claims)
        self._who = f'provider "{registration.name}"'
        self._notices, http = Notices(self._who), http.named(self._who)
        self._discovery = Discovery(
            registration.addresses,
            http,
            clock,
            aliases=registration.issuer_aliases,
            mutual_tls=registration.client_auth == METHOD,
            given=registration.endpoints,
        )
        self.keys = KeySource(self._jwks_uri, http, clock)
        self.http = http
        self.client = ProviderClient(registration, http, clock)

    def for_app(self, client_id: str) -> "Provider":
        """The same provider, called as an app, which is a public client without a secret.

        Both share the cached metadata and keys.
        """
        other = copy(self)
        # The app chose its own scopes, so assume none that the provider does not confirm.
        other.registration = replace(
            self.registration,
            client_id=client_id,
            client_secret=None,
            client_key=None,
            client_assertion_file=None,
            groups_overage=None,
            client_auth="none",
            scopes=(),
            offline=False,
            authorize_params={},
        )
        other.client = ProviderClient(other.registration, self.http, self.clock)
        return other

    @property
    def failure(self) -> GatewayError | None:
        """Why its metadata or keys could not be fetched the last time; None if they could."""
        return self._discovery.failure or self.keys.failure

    @property
    def metadata_at(self) -> float | None:
        """When its metadata were fetched the last time; None if they never were."""
        return self._discovery.fetched_at

    async def metadata(self) -> Metadata:
        """The provider's metadata.

        Raises:
            ProviderUnavailableError: it could not be reached.
            IssuerMismatchError: it names another issuer.
        """
        found = await self._discovery.metadata()
        for member, demand in found.unmet:
            self._notices.say(member, f"{member}: {demand}")
        return found

    async def read_id_token(self, id_token: str, clients: Collection[str]) -> Mapping[str, object]:
        """The claims of an ID token that was issued to any of `clients`, for whatever sign-in.

        Raises:
            SignInError: it is not acceptable.
            ProviderUnavailableError: the keys cannot be fetched.
        """
        expected = Expected(issuers=self.registration.issuers, clients=clients, nonce=None)
        return (await self.verify_id_token(id_token, expected)).claims

    async def person(self, claims: Mapping[str, object], access_token: str | None) -> Person:
        """The person that the verified `claims` are about; asks userinfo if a fact is missing.

        Without an access token, or with one that userinfo refuses, missing facts are unreadable.

        Raises:
            SubjectMismatchError: userinfo is about another subject.
            ProviderUnavailableError: the provider cannot be reached, or userinfo failed twice.
        """
        try:
            return await self.ask_about(await self.metadata(), claims, access_token)
        except UserinfoRefusedError:
            return Person(claims, {}, userinfo_failed=True)

    async def prove(self, metadata: Metadata, tokens: TokenAnswer, expected: Expected) -> SignedIn:
        """Who signed in, by the `tokens` that a code was redeemed for.

        Raises:
            SignInError: the ID token is missing or not as `expected`.
            ProviderUnavailableError: the provider gave no usable response.
        """
        if tokens.id_token is None:
            raise InvalidIdTokenError("the token endpoint sent no ID token: is openid in scopes?")
        expected = replace(expected, access_token=tokens.access_token)
        claims = (await self.verify_id_token(tokens.id_token, expected)).claims
        if self.registration.offline and tokens.refresh_token is None:
            self._notices.say(OFFLINE, f"no refresh token came: {self.registration.offline_hint}")
        person = await self.ask_about(metadata, claims, tokens.access_token)
        return self.signed_in(person, tokens)

    def issued(self, token: str, issuer: str) -> bool:
        """Whether `token`, kept with a session of a user of `issuer`, is from this provider.

        A provider that has taken over the name of another one must not get its tokens.
        """
        return self.registration.knows_users_of(issuer) and not token.startswith(KEPT_ACCESS)

    async def refresh(
        self, refresh_token: str, previous: Identity, id_token: str | None
    ) -> SignedIn:
        """See `gateway.oidc.refresh.refresh`."""
        return await refresh(self, refresh_token, previous, id_token)

    async def revoke(self, token: str, kind: str = "refresh_token") -> None:
        """Revoke `token` if the provider supports it (RFC 7009).

        Raises:
            GatewayError: the provider did not confirm it.
        """
        await self.client.revoke(await self.metadata(), token, kind)

    async def _jwks_uri(self) -> str:
        return (await self.metadata()).jwks_uri

    async def verify_id_token(self, id_token: str, expected: Expected) -> SignedToken:
        """Verify the signature of an ID token, and check its claims against `expected`.

        Raises:
            SignInError: it is not acceptable.
            ProviderUnavailableError: the keys cannot be fetched.
        """
        try:
            token = await verified(id_token, self.registration, self.keys)
        except BadTokenError as error:
            raise InvalidIdTokenError(str(error)) from error
        judge_id_token(token, expected, self.clock())
        if self.registration.tenants:
            judge_tenant(token.claims, self.registration.issuer, self.registration.tenants)
        return token

    async def ask_about(
        self,
        metadata: Metadata,
        claims: Mapping[str, object],
        access_token: str | None,
    ) -> Person:
        """The person that `claims` are about; asks userinfo if they lack a fact.

        Raises:
            SubjectMismatchError: userinfo is about another subject.
            ProviderUnavailableError: userinfo failed twice.
        """
        endpoint = metadata.userinfo_endpoint
        if endpoint is None or not self.wants_userinfo(claims):
            groups = await groups_or_unread(self.groups(claims, access_token), self._who)
            return await self.completed(Person(claims, groups), access_token)
        if access_token is None:
            return Person(claims, {}, userinfo_failed=True)
        found, groups = await asyncio.gather(
            self._userinfo_or_again(endpoint, access_token, claims),
            groups_or_unread(self.groups(claims, access_token), self._who),
        )
        return await self.completed(Person(claims, {**groups, **found}), access_token)

    async def _userinfo_or_again(
        self, endpoint: str, access_token: str, claims: Mapping[str, object]
    ) -> Mapping[str, object]:
        try:
            return await self.userinfo(endpoint, access_token, claims)
        except ProviderUnavailableError:
            # Retry once.  If that fails too, fail the sign-in, because facts would be missing.
            return await self.userinfo(endpoint, access_token, claims)

    async def groups(
        self, claims: Mapping[str, object], access_token: str | None
    ) -> Mapping[str, object]:
        """See `all_groups`."""
        return await all_groups(claims, access_token, self.registration, self.http, self._notices)

    async def completed(self, person: Person, access_token: str | None) -> Person:
        """See `with_own_access_token`."""
        return await with_own_access_token(
            person, access_token, self.registration, self.keys, self.clock(), self._notices
        )

    def wants_userinfo(self, claims: Mapping[str, object]) -> bool:
        """Whether `claims` lack a fact that userinfo may have."""
        return wants_userinfo(
            claims,
            self.registration.claims,
            assume_email_verified=self.registration.assume_email_verified,
            wanted=self._wanted_claims,
        )

    async def userinfo(
        self, endpoint: str, access_token: str, claims: Mapping[str, object]
    ) -> Mapping[str, object]:
        """The claims from the userinfo `endpoint` about the subject of `claims`.

        Raises:
            SubjectMismatchError: it is about another subject.
            UserinfoRefusedError: it refuses the access token.
            ProviderUnavailableError: it gave no usable response.
        """
        try:
            return await self.client.userinfo(
                endpoint,
                access_token,
                str(claims["sub"]),
                lambda token: read_signed_userinfo(token, self.registration, self.keys),
            )
        except ProviderUnavailableError as error:
            _log.warning("userinfo failed: %s", error)
            raise

    def signed_in(self, person: Person, tokens: TokenAnswer) -> SignedIn:
        """The identity, tokens and provider session for `person`.

        Raises:
            UserMissingError: no claim names the user.
        """
        scopes = frozenset(self.registration.scopes) if tokens.scopes is None else tokens.scopes
        sid = person.id_token.get("sid")
        identity = self.identify(person, scopes)
        return SignedIn(identity, tokens, sid if isinstance(sid, str) else None)

    def identify(self, person: Person, scopes: frozenset[str]) -> Identity:
        """The identity of `person`.

        Raises:
            UserMissingError: no claim names the user.
        """
        registration = self.registration
        identity = make_identity(
            person,
            provider=registration.name,
            issuer=registration.issuer_in(person.id_token),
            names=registration.claims,
            assume_email_verified=registration.assume_email_verified,
            scopes=scopes,
            notice=self._notices,
        )
        if registration.name_in_answer and identity.name is None:
            # Not gone: the account knows it from the first sign-in.
            return replace(identity, unreadable=identity.unreadable | {"name"})
        return identity
