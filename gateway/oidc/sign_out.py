"""Signs a browser out at the provider (OpenID Connect RP-Initiated Logout 1.0)."""

from gateway.oidc.flow import with_query
from gateway.oidc.provider import Provider
from gateway.oidc.registration import POST_LOGOUT, Registration


async def sign_out_url(
    provider: Provider, id_token_hint: str | None, post_logout_redirect_uri: str, state: str
) -> str | None:
    """The URL that signs the browser out (section 2); None if the provider has none.

    Raises:
        GatewayError: the provider cannot be reached.
    """
    metadata = await provider.metadata()
    if metadata.end_session_endpoint is None:
        return None
    parameters = sign_out_parameters(provider.registration, post_logout_redirect_uri)
    if provider.registration.post_logout_parameter == POST_LOGOUT:
        parameters.append(("state", state))
        if id_token_hint is not None:
            parameters.insert(0, ("id_token_hint", id_token_hint))
    return with_query(metadata.end_session_endpoint, parameters)


def sign_out_parameters(registration: Registration, uri: str) -> list[tuple[str, str]]:
    """What every sign-out says: the client, and the `uri` to come back to."""
    return [("client_id", registration.client_id), (registration.post_logout_parameter, uri)]
