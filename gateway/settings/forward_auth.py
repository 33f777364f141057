"""Forward-auth: a proxy asks the gateway about each request, and forwards it itself."""

from typing import Literal

from pydantic import Field

from gateway.settings.scalars import Section


class ForwardAuthSettings(Section):
    """How the proxy in front describes the request that it asks about.

    Attributes:
        dialect: Only the fields of this one are read, and only from `server.trusted_proxies`.
    """

    dialect: Literal["nginx", "traefik", "caddy", "envoy"] = Field(
        description="The proxy in front, which selects the fields to read."
    )
