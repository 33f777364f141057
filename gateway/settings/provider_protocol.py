"""How the gateway speaks with a provider of OpenID Connect beyond the plain code flow."""

from pydantic import Field

from gateway.settings.scalars import Flag, Section


class ProviderProtocolSettings(Section):
    """See the module."""

    pushed_authorization: Flag = Field(
        False,
        description="Sends the authorization request from the gateway to the provider (PAR, RFC"
        " 9126), not through the browser; also done for a provider that requires it.",
    )
