"""Tokens that a provider signs for one client: ID tokens, and userinfo as a JWT."""

from collections.abc import Mapping

from gateway.errors import ProviderUnavailableError
from gateway.oidc.errors import InvalidIdTokenError, IssuerMismatchError
from gateway.oidc.id_token import judge_userinfo
from gateway.oidc.keys import KeySource
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import BadTokenError, SignedToken, is_symmetric, verify, verify_with_secret


async def verified(token: str, registration: Registration, keys: KeySource) -> SignedToken:
    """`token`, with a signature by one of `keys`, or by the client's secret if that is configured.

    Raises:
        BadTokenError: it has none.
        ProviderUnavailableError: the keys cannot be fetched.
    """
    if is_symmetric(token):
        secret = registration.client_secret or ""
        return verify_with_secret(token, secret, registration.algorithms)
    return await verify(token, keys, registration.algorithms)


async def read_signed_userinfo(
    token: str, registration: Registration, keys: KeySource
) -> Mapping[str, object]:
    """The claims of a signed userinfo response (OpenID Connect Core 1.0, section 5.3.2).

    Raises:
        ProviderUnavailableError: it is not the provider's, or for another client.
    """
    try:
        claims = (await verified(token, registration, keys)).claims
        judge_userinfo(claims, registration.issuers, registration.client_id)
    except (BadTokenError, InvalidIdTokenError, IssuerMismatchError) as error:
        raise ProviderUnavailableError(f"signed userinfo: {error}") from error
    return claims
