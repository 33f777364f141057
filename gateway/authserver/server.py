"""The parts of the authorization server."""

from dataclasses import dataclass

from gateway.authserver.clients import Clients
from gateway.authserver.codes import Codes
from gateway.authserver.consents import Consents
from gateway.authserver.devices import Devices
from gateway.authserver.resources import Resources
from gateway.credentials.tokens import TokenFamilies


@dataclass(frozen=True, slots=True)
class AuthServer:
    """What the endpoints need to sign people in for clients, and to give tokens.

    Attributes:
        tokens: The tokens that codes give.
    """

    clients: Clients
    codes: Codes
    consents: Consents
    devices: Devices
    resources: Resources
    tokens: TokenFamilies

    @property
    def serves_devices(self) -> bool:
        """Whether people can sign in for a client on another device."""
        return any(it.may_use_devices for it in self.clients.configured.values())
