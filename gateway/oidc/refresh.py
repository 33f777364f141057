"""Refreshes tokens at the provider, and updates the user's facts."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.errors import ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.claims import Person
from gateway.oidc.client import TokenAnswer
from gateway.oidc.errors import SubjectMismatchError, TenantRemovedError
from gateway.oidc.id_token import Expected
from gateway.oidc.signed_in import SignedIn
from gateway.oidc.tokens import peek_claims

if TYPE_CHECKING:
    from gateway.oidc.provider import Provider


_log = logging.getLogger(__name__)


async def refresh(
    provider: "Provider", refresh_token: str, previous: Identity, id_token: str | None
) -> SignedIn:
    """Get new tokens for `refresh_token`, and the user's current facts.

    The response often has no new refresh token or ID token; the old ones then stay valid.
    `id_token` is the last ID token; its claims are used if the response has none.  A refresh
    proves nothing about when and how the user signed in, so that stays as in `previous`.  If
    userinfo cannot be read now, all of `previous` stays.

    Raises:
        RefreshRefusedError: the grant has ended; end the session.
        SubjectMismatchError: the response is about another subject; end the session.
        TenantRemovedError: the user's tenant is not listed any more; end the session.
        SignInError: the new ID token is not acceptable; the session may continue.
        ProviderUnavailableError: no usable response came; the session may continue.
    """
    registration = provider.registration
    if registration.tenants and previous.issuer not in registration.issuers:
        raise TenantRemovedError(f"tenants: that of {previous.issuer!r} is not listed any more")
    metadata = await provider.metadata()
    tokens = await provider.client.refresh(metadata, refresh_token)
    claims = await _refreshed_claims(provider, tokens, previous, id_token)
    endpoint = metadata.userinfo_endpoint
    wants = tokens.id_token is None or provider.wants_userinfo(claims)
    asked = provider.groups(claims, tokens.access_token)
    try:
        if endpoint is not None and wants:
            found, groups = await asyncio.gather(
                provider.userinfo(endpoint, tokens.access_token, claims), asked
            )
        else:
            found, groups = {}, await asked
    except ProviderUnavailableError as error:
        _log.warning("provider %s: %s", registration.name, error)
        return SignedIn(previous, tokens)
    person = await provider.completed(Person(claims, {**groups, **found}), tokens.access_token)
    signed_in = provider.signed_in(person, tokens)
    found_now = signed_in.identity
    if "name" in found_now.unreadable and previous.name is not None:
        name, unreadable = previous.name, found_now.unreadable - {"name"}
        found_now = replace(found_now, name=name, unreadable=unreadable)
    identity = replace(
        found_now,
        authenticated_at=previous.authenticated_at,
        acr=previous.acr,
        amr=previous.amr,
        scopes=previous.scopes if tokens.scopes is None else tokens.scopes,
    )
    return replace(signed_in, identity=identity)


async def _refreshed_claims(
    provider: "Provider", tokens: TokenAnswer, previous: Identity, id_token: str | None
) -> Mapping[str, object]:
    if tokens.id_token is None:
        known = {"iss": previous.issuer, "sub": previous.subject}
        return known if id_token is None else peek_claims(id_token)
    registration = provider.registration
    expected = Expected(
        issuers=registration.issuers,
        clients=(registration.client_id,),
        nonce=None,
        access_token=tokens.access_token,
    )
    claims = (await provider.verify_id_token(tokens.id_token, expected)).claims
    # OpenID Connect Core 1.0, section 12.2.
    is_moved = bool(registration.tenants) and claims["iss"] != previous.issuer
    if claims["sub"] != previous.subject or is_moved:
        raise SubjectMismatchError("the refreshed ID token is about another subject")
    return claims
