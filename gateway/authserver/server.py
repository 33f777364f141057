"""The parts of the authorization server."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.authserver.client import Origin
from gateway.authserver.clients import Clients
from gateway.authserver.codes import Codes
from gateway.authserver.consents import Consents
from gateway.authserver.devices import Devices
from gateway.authserver.id_token import IdTokens
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.registrations import Registrations
from gateway.authserver.resources import Resources
from gateway.authserver.sign_ins import SignIns
from gateway.credentials.tokens import TokenFamilies


def _ignore(_origin: Origin) -> None:
    """Do not count clients."""


@dataclass(frozen=True, slots=True)
class AuthServer:
    """What the endpoints need to sign people in for clients, and to give tokens.

    Attributes:
        tokens: The tokens that codes give.
        id_token_keys: Sign ID tokens and logout tokens.
        registrations: Where clients register themselves; None if they may not.
        takes_documents: Whether a client may bring its metadata document.
        on_tokens: Called with the origin of each client that redeems a code.
    """

    clients: Clients
    codes: Codes
    consents: Consents
    devices: Devices
    resources: Resources
    tokens: TokenFamilies
    sign_ins: SignIns
    id_token_keys: IdTokenKeys
    id_tokens: IdTokens
    registrations: Registrations | None = None
    takes_documents: bool = False
    on_tokens: Callable[[Origin], None] = _ignore

    @property
    def serves_devices(self) -> bool:
        """Whether people can sign in for a client on another device."""
        return any(it.may_use_devices for it in self.clients.configured.values())
