"""A provider of plain OAuth 2.0: no discovery and no ID tokens, so userinfo says who signed in.

A user is known by the id that the provider never changes.  No token proves whom it was issued for,
so only one that this gateway redeemed a code for is ever used to ask.
"""

import asyncio
import logging
import secrets
from dataclasses import replace

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.claims import Person
from gateway.oidc.client import KEPT_ACCESS, TokenAnswer
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import (
    RefreshRefusedError,
    StepUpImpossibleError,
    SubjectMismatchError,
    UserinfoRefusedError,
    UserinfoThrottledError,
)
from gateway.oidc.flow import RandomBytes
from gateway.oidc.http import ProviderHttp
from gateway.oidc.id_token import Expected
from gateway.oidc.oauth2_claims import apart, claims_of, subject_of
from gateway.oidc.oauth2_client import OAuth2Client, read_document, read_groups, read_roles
from gateway.oidc.provider import Provider
from gateway.oidc.registration import OAuth2, Registration
from gateway.oidc.signed_in import SignedIn
from gateway.storage.store import Clock

_log = logging.getLogger(__name__)

# However many pages the provider has, it must be done before the session's lock is given up, which
# also has to last for a refresh.
_DESCRIBED_S = 15.0


class OAuth2Provider(Provider):
    """Everything the gateway asks of one provider of plain OAuth 2.0."""

    def __init__(
        self,
        registration: Registration,
        oauth2: OAuth2,
        http: ProviderHttp,
        clock: Clock,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Use `registration`, with the endpoints of `oauth2`."""
        super().__init__(registration, http, clock, random_bytes=random_bytes)
        self._oauth2 = oauth2
        self.client: OAuth2Client = OAuth2Client(registration, self.http, clock)
        self._metadata = Metadata(
            issuer=registration.issuer,
            authorization_endpoint=oauth2.authorization_endpoint,
            token_endpoint=oauth2.token_endpoint,
            jwks_uri="",
            userinfo_endpoint=oauth2.userinfo_endpoint,
            revocation_endpoint=oauth2.revocation_endpoint or None,
            token_auth_methods=oauth2.client_auth,
            account_prompt=oauth2.account_prompt,
            login_prompt=oauth2.account_prompt,
        )

    async def metadata(self) -> Metadata:
        """The endpoints; asks nobody."""
        return self._metadata

    def issued(self, token: str, issuer: str) -> bool:
        """See `Provider.issued`."""
        return issuer == self.registration.issuer

    async def revoke(self, token: str, kind: str = "refresh_token") -> None:
        """Revoke what a session was kept with; see `Provider.revoke`."""
        if token.startswith(KEPT_ACCESS):
            token, kind = token.removeprefix(KEPT_ACCESS), "access_token"
        await super().revoke(token, kind)

    async def prove(self, metadata: Metadata, tokens: TokenAnswer, expected: Expected) -> SignedIn:
        """See `Provider.prove`; userinfo takes the place of the ID token."""
        del metadata
        if expected.max_age_s is not None:
            raise StepUpImpossibleError(
                "a plain OAuth 2.0 provider does not tell when users sign in"
            )
        try:
            return await self._described(tokens)
        except (UserinfoRefusedError, UserinfoThrottledError):
            raise
        except ProviderUnavailableError:
            return await self._described(tokens)

    async def refresh(
        self, refresh_token: str, previous: Identity, id_token: str | None
    ) -> SignedIn:
        """See `Provider.refresh`; without a refresh token, asks userinfo.

        If the user cannot be read after a refresh, all of `previous` stays, and so do the new
        tokens: the old refresh token may be used up.

        Raises:
            RefreshRefusedError, SubjectMismatchError, ProviderUnavailableError: as there.
        """
        del id_token
        is_refreshed = not refresh_token.startswith(KEPT_ACCESS)
        if is_refreshed:
            tokens = await self.client.refresh(self._metadata, refresh_token)
            tokens = replace(tokens, refresh_token=tokens.refresh_token or refresh_token)
        else:
            tokens = TokenAnswer(refresh_token.removeprefix(KEPT_ACCESS))
        try:
            found = await self._described(tokens)
        except UserinfoRefusedError as error:
            raise RefreshRefusedError(str(error)) from error
        except GatewayError as error:
            if not is_refreshed:
                raise
            _log.warning("provider %s: %s", self.registration.name, error)
            return SignedIn(previous, self._kept(tokens))
        if found.identity.subject != previous.subject:
            raise SubjectMismatchError("the access token is another user's by now")
        scopes = previous.scopes if tokens.scopes is None else tokens.scopes
        return replace(found, identity=replace(found.identity, scopes=scopes))

    async def _described(self, tokens: TokenAnswer) -> SignedIn:
        """The user whom the access token is of.

        Raises:
            UserinfoRefusedError: the token is refused.
            UserMissingError: the user has no id.
            ProviderUnavailableError: there is no readable answer.
        """
        oauth2, token = self._oauth2, tokens.access_token
        try:
            async with asyncio.timeout(_DESCRIBED_S):
                user, emails, groups = await asyncio.gather(
                    read_document(self.http, oauth2.userinfo_endpoint, token),
                    self._emails(token),
                    self._groups(token),
                )
        except TimeoutError as error:
            raise ProviderUnavailableError("the user could not be read in time") from error
        if not isinstance(user, dict):
            raise ProviderUnavailableError(f"{oauth2.userinfo_endpoint}: no user")
        claims = claims_of(
            user,
            subject_of(user, oauth2.subject),
            verified=oauth2.email_verified,
            emails=emails,
            groups=groups,
        )
        return self.signed_in(Person({"sub": claims["sub"]}, claims), self._kept(tokens))

    async def _groups(self, token: str) -> list[object] | None:
        """The user's groups, and the roles in some of them; None if there is no list of groups."""
        oauth2, http = self._oauth2, self.http
        lists = await asyncio.gather(*(read_groups(http, it, token) for it in oauth2.groups))
        groups = [name for names in lists for name in names]
        if oauth2.member_roles is not None:
            # Services answer 404 about a group that the user is not in, as about a wrong address.
            where, asked = oauth2.member_roles, [it for it in oauth2.roles_in if it in groups]
            roles = await asyncio.gather(*(read_roles(http, where, it, token) for it in asked))
            groups = apart(groups, oauth2.roles_in)
            groups += [name for names in roles for name in names]
        return groups if lists else None

    async def _emails(self, token: str) -> object:
        """The user's addresses; none if the token may not read them, None if there is no list."""
        if not self._oauth2.emails_endpoint:
            return None
        found = await read_document(self.http, self._oauth2.emails_endpoint, token)
        return [] if found is None else found

    def _kept(self, tokens: TokenAnswer) -> TokenAnswer:
        """`tokens` as a session keeps them: they are due when the user is to be asked about."""
        due = self.clock() + self._oauth2.recheck_s
        return replace(
            tokens,
            expires_at=due if tokens.expires_at is None else min(due, tokens.expires_at),
            refresh_token=tokens.refresh_token or KEPT_ACCESS + tokens.access_token,
            id_token=None,
        )
