"""One OpenID provider: begin a sign-in, finish it, refresh, end."""

import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace

from gateway.errors import ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.cache import Clock
from gateway.oidc.claims import Person, make_identity, wants_userinfo
from gateway.oidc.client import ProviderClient, Tokens
from gateway.oidc.discovery import Discovery, Metadata
from gateway.oidc.errors import InvalidIdTokenError, SubjectMismatchError, UserinfoRefusedError
from gateway.oidc.flow import (
    Callback,
    Flow,
    RandomBytes,
    authorization_parameters,
    judge_callback,
    new_flow,
    with_query,
)
from gateway.oidc.http import ProviderHttp
from gateway.oidc.id_token import Expected, judge_id_token
from gateway.oidc.keys import KeySource
from gateway.oidc.notices import Notices
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import (
    BadTokenError,
    SignedToken,
    is_symmetric,
    peek_claims,
    verify,
    verify_with_secret,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a finished sign-in, or a refresh, proved.

    Attributes:
        provider_session: The provider's ``sid`` (OpenID Connect Front-Channel Logout 1.0).
    """

    identity: Identity
    tokens: Tokens = field(repr=False)
    provider_session: str | None = None


class Provider:
    """Everything the gateway asks of one provider.  Nothing is called before it is needed.

    Attributes:
        registration: How the gateway is known there.
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
        """Use `registration`; `wanted_claims` are those that policies and mappings look at."""
        self.registration = registration
        self._clock = clock
        self._wanted_claims = tuple(wanted_claims)
        self._random_bytes = random_bytes
        who = f'provider "{registration.name}"'
        self._notices, http = Notices(who), http.named(who)
        self._discovery = Discovery(
            registration.issuer, http, clock, aliases=registration.issuer_aliases
        )
        self.keys = KeySource(self._jwks_uri, http, clock)
        self._http = http
        self._client = ProviderClient(registration, http, clock)

    def for_app(self, client_id: str) -> "Provider":
        """The same provider as asked in the name of an app, which has no secret.

        What it publishes is asked for once for both.
        """
        other = copy(self)
        # What the app asked for is its own affair; nothing is taken for granted that is not said.
        other.registration = replace(
            self.registration,
            client_id=client_id,
            client_secret=None,
            client_key=None,
            client_auth="none",
            scopes=(),
            authorize_params={},
        )
        client = ProviderClient(other.registration, self._http, self._clock)
        other._client = client  # noqa: SLF001 - one of our own kind
        return other

    async def metadata(self) -> Metadata:
        """What the provider publishes about itself.

        Raises:
            ProviderUnavailableError: it could not be asked.
            IssuerMismatchError: it calls itself otherwise.
        """
        return await self._discovery.metadata()

    async def begin(
        self,
        redirect_uri: str,
        return_to: str,
        *,
        max_age_s: int | None = None,
        acr: tuple[str, ...] = (),
        note: str = "",
        other_account: bool = False,
    ) -> tuple[Flow, str]:
        """A new flow, to be kept by its browser, and the URL to send that browser to.

        `note` goes with the flow's state, after a full stop, and comes back with it.  With
        `other_account` the person may take another account than the one the provider knows.

        Raises:
            ProviderUnavailableError: the provider cannot be reached.
            IssuerMismatchError: it is not the one that is configured.
        """
        metadata = await self.metadata()
        flow = new_flow(
            provider=self.registration.name,
            redirect_uri=redirect_uri,
            return_to=return_to,
            now=self._clock(),
            random_bytes=self._random_bytes,
            max_age_s=max_age_s,
            acr=acr,
        )
        asked = self.registration.authorize_params
        if other_account:
            asked = {**asked, "prompt": _with_prompt(asked, metadata.account_prompt)}
        parameters = authorization_parameters(
            replace(flow, state=f"{flow.state}.{note}") if note else flow,
            client_id=self.registration.client_id,
            scopes=self.registration.scopes,
            extra=asked,
        )
        return flow, with_query(metadata.authorization_endpoint, parameters)

    async def finish(self, flow: Flow, parameters: Mapping[str, str]) -> SignedIn:
        """Judge the callback's `parameters`, redeem the code, verify and read the answer.

        Raises:
            SignInError: anything is not as it must be; each kind has its own reason.
            ProviderUnavailableError: the provider gave no usable answer.
        """
        metadata = await self.metadata()
        callback = Callback(
            provider=self.registration.name,
            issuers=self.registration.issuers,
            issuer_required=metadata.answers_with_issuer,
        )
        code = judge_callback(parameters, flow, callback, self._clock())
        expected = Expected(
            issuers=self.registration.issuers,
            clients=(self.registration.client_id,),
            nonce=flow.nonce,
            max_age_s=flow.max_age_s,
            asked_at=flow.started_at,
        )
        return await self._redeem(
            metadata, code, flow.redirect_uri, flow.code_verifier, expected=expected
        )

    async def relay(self, code: str, *, redirect_uri: str, code_verifier: str) -> SignedIn:
        """Redeem the code of a flow that an app began, which alone knows the verifier.

        The provider compares code, verifier and redirect URI (RFC 7636, section 4.6).  The nonce
        is the app's own: nobody but the provider has put the ID token into this answer.

        Raises:
            SignInError, ProviderUnavailableError: as `finish`.
        """
        expected = Expected(
            issuers=self.registration.issuers,
            clients=(self.registration.client_id,),
            nonce=None,
        )
        metadata = await self.metadata()
        return await self._redeem(metadata, code, redirect_uri, code_verifier, expected=expected)

    async def _redeem(
        self,
        metadata: Metadata,
        code: str,
        redirect_uri: str,
        code_verifier: str,
        *,
        expected: Expected,
    ) -> SignedIn:
        tokens = await self._client.redeem(
            metadata, code, redirect_uri=redirect_uri, code_verifier=code_verifier
        )
        if tokens.id_token is None:
            raise InvalidIdTokenError("the token endpoint gave no ID token: is openid in scopes?")
        expected = replace(expected, access_token=tokens.access_token)
        claims = (await self._verified(tokens.id_token, expected)).claims
        person = await self._ask_about(metadata, claims, tokens.access_token)
        return self._signed_in(person, tokens)

    async def read_id_token(self, id_token: str, clients: Collection[str]) -> Mapping[str, object]:
        """The claims of an ID token that was issued to any of `clients`, at some sign-in.

        Raises:
            SignInError: it is not acceptable.
            ProviderUnavailableError: the keys cannot be had.
        """
        expected = Expected(issuers=self.registration.issuers, clients=clients, nonce=None)
        return (await self._verified(id_token, expected)).claims

    async def person(self, claims: Mapping[str, object], access_token: str | None) -> Person:
        """What is known of whom verified `claims` are about; userinfo where one is missing.

        Without an access token, and with one that is not for userinfo, what it would say is not
        known.

        Raises:
            SubjectMismatchError: userinfo speaks of somebody else.
            ProviderUnavailableError: the provider cannot be reached, or userinfo failed twice.
        """
        try:
            return await self._ask_about(await self.metadata(), claims, access_token)
        except UserinfoRefusedError:
            return Person(claims, {}, userinfo_failed=True)

    async def refresh(
        self, refresh_token: str, previous: Identity, id_token: str | None
    ) -> SignedIn:
        """New tokens for `refresh_token`, and what the provider now says about the person.

        No new refresh token and no new ID token is normal: the old ones then stay.  `id_token` is
        the last one there was; its claims stand where the answer has none.  A refresh proves
        nothing about when and how the person signed in: that stays as in `previous`, and all of
        `previous` stays where the provider's userinfo cannot be read just now.

        Raises:
            RefreshRefusedError: the grant is over; end the session.
            SubjectMismatchError: the answer is about somebody else; end the session.
            SignInError: the new ID token is not acceptable; end the session.
            ProviderUnavailableError: no usable answer came; the session may go on.
        """
        metadata = await self.metadata()
        tokens = await self._client.refresh(metadata, refresh_token)
        claims = await self._refreshed_claims(tokens, previous.subject, id_token)
        endpoint = metadata.userinfo_endpoint
        found: Mapping[str, object] = {}
        if endpoint is not None and (tokens.id_token is None or self._wants_userinfo(claims)):
            try:
                found = await self._userinfo(endpoint, tokens.access_token, claims)
            except ProviderUnavailableError:
                return SignedIn(previous, tokens)
        person = Person(claims, found)
        signed_in = self._signed_in(person, tokens)
        identity = replace(
            signed_in.identity,
            authenticated_at=previous.authenticated_at,
            acr=previous.acr,
            amr=previous.amr,
            scopes=previous.scopes if tokens.scopes is None else tokens.scopes,
        )
        return replace(signed_in, identity=identity)

    async def _refreshed_claims(
        self, tokens: Tokens, subject: str, id_token: str | None
    ) -> Mapping[str, object]:
        if tokens.id_token is None:
            return {"sub": subject} if id_token is None else peek_claims(id_token)
        expected = Expected(
            issuers=self.registration.issuers,
            clients=(self.registration.client_id,),
            nonce=None,
            access_token=tokens.access_token,
        )
        claims = (await self._verified(tokens.id_token, expected)).claims
        # OpenID Connect Core 1.0, section 12.2.
        if claims["sub"] != subject:
            raise SubjectMismatchError("the refreshed ID token is about another subject")
        return claims

    async def revoke(self, token: str, kind: str = "refresh_token") -> None:
        """Have `token` revoked where the provider can (RFC 7009).

        Raises:
            GatewayError: the provider did not confirm it.
        """
        await self._client.revoke(await self.metadata(), token, kind)

    async def end_session_url(
        self, id_token_hint: str | None, post_logout_redirect_uri: str, state: str
    ) -> str | None:
        """Where to send the browser to sign out there too; None where the provider cannot.

        OpenID Connect RP-Initiated Logout 1.0, section 2.

        Raises:
            GatewayError: the provider cannot be reached.
        """
        metadata = await self.metadata()
        if metadata.end_session_endpoint is None:
            return None
        parameters = [
            ("client_id", self.registration.client_id),
            ("post_logout_redirect_uri", post_logout_redirect_uri),
            ("state", state),
        ]
        if id_token_hint is not None:
            parameters.insert(0, ("id_token_hint", id_token_hint))
        return with_query(metadata.end_session_endpoint, parameters)

    async def _jwks_uri(self) -> str:
        return (await self.metadata()).jwks_uri

    async def _verified(self, id_token: str, expected: Expected) -> SignedToken:
        registration = self.registration
        try:
            if is_symmetric(id_token):
                secret = registration.client_secret or ""
                token = verify_with_secret(id_token, secret, registration.algorithms)
            else:
                token = await verify(id_token, self.keys, registration.algorithms)
        except BadTokenError as error:
            raise InvalidIdTokenError(str(error)) from error
        judge_id_token(token, expected, self._clock())
        return token

    async def _ask_about(
        self,
        metadata: Metadata,
        claims: Mapping[str, object],
        access_token: str | None,
    ) -> Person:
        """Whom a sign-in is about; userinfo is asked where `claims` lack a fact.

        Raises:
            SubjectMismatchError: userinfo speaks of somebody else.
            ProviderUnavailableError: userinfo failed twice.
        """
        endpoint = metadata.userinfo_endpoint
        if endpoint is None or not self._wants_userinfo(claims):
            return Person(claims, {})
        if access_token is None:
            return Person(claims, {}, userinfo_failed=True)
        try:
            found = await self._userinfo(endpoint, access_token, claims)
        except ProviderUnavailableError:
            # One failure may be chance.  After two, nobody is signed in half known.
            found = await self._userinfo(endpoint, access_token, claims)
        return Person(claims, found)

    def _wants_userinfo(self, claims: Mapping[str, object]) -> bool:
        return wants_userinfo(
            claims,
            self.registration.claims,
            assume_email_verified=self.registration.assume_email_verified,
            wanted=self._wanted_claims,
        )

    async def _userinfo(
        self, endpoint: str, access_token: str, claims: Mapping[str, object]
    ) -> Mapping[str, object]:
        try:
            return await self._client.userinfo(endpoint, access_token, str(claims["sub"]))
        except ProviderUnavailableError as error:
            _log.warning("userinfo failed: %s", error)
            raise

    def _signed_in(self, person: Person, tokens: Tokens) -> SignedIn:
        scopes = frozenset(self.registration.scopes) if tokens.scopes is None else tokens.scopes
        sid = person.id_token.get("sid")
        identity = self.identify(person, scopes)
        return SignedIn(identity, tokens, sid if isinstance(sid, str) else None)

    def identify(self, person: Person, scopes: frozenset[str]) -> Identity:
        """Who `person` is here.

        Raises:
            UserMissingError: no claim says who the user is.
        """
        registration = self.registration
        return make_identity(
            person,
            provider=registration.name,
            issuer=registration.issuer,
            names=registration.claims,
            assume_email_verified=registration.assume_email_verified,
            scopes=scopes,
            notice=self._notices,
        )


def _with_prompt(asked: Mapping[str, str | tuple[str, ...]], prompt: str) -> str:
    """The prompts of the configuration and `prompt` (OpenID Connect Core 1.0, section 3.1.2.1)."""
    given = asked.get("prompt", "")
    words = given.split() if isinstance(given, str) else given
    return " ".join(dict.fromkeys([*(it for it in words if it != "none"), prompt]))
