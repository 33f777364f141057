"""ID tokens (OpenID Connect Core 1.0, sections 2, 3.1.3.6 and 12.2)."""

from gateway.authserver.client import Client
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.person_claims import person_claims
from gateway.credentials.tokens import Issued
from gateway.oidc.id_token import access_token_hash
from gateway.storage.store import Clock

# Clients read it once, right after they got it.
ID_TOKEN_S = 600


class IdTokens:
    """Makes ID tokens."""

    def __init__(self, keys: IdTokenKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def issue(
        self,
        client: Client,
        issuer: str,
        issued: Issued,
        nonce: str | None = None,
    ) -> str:
        """The ID token for `client` that goes with `issued`; `nonce` is that of the request.

        Raises:
            StoreUnavailableError: The key cannot be read.
        """
        now, session = int(self._clock()), issued.session
        identity = session.identity
        claims: dict[str, object | None] = {
            "iss": issuer,
            "aud": client.client_id,
            "azp": client.client_id,
            "iat": now,
            "exp": now + ID_TOKEN_S,
            "auth_time": identity.authenticated_at or int(session.created_at),
            "nonce": nonce,
            "acr": identity.acr,
            "amr": list(identity.amr) or None,
            "sid": session.sign_in,
            "at_hash": access_token_hash(issued.access_token, client.signs_with),
            **person_claims(identity, issued.scopes),
        }
        found = {name: value for name, value in claims.items() if value is not None}
        return await self._keys.sign(found, client.signs_with)
