"""The parts of the authorization server."""

from dataclasses import dataclass

from gateway.authserver.clients import Clients
from gateway.authserver.codes import Codes
from gateway.authserver.consents import Consents
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
    resources: Resources
    tokens: TokenFamilies
