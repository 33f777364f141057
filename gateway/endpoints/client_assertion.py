"""private_key_jwt: a client proves itself with a signature (RFC 7523, section 3)."""

from hashlib import sha256

from gateway.authserver.client import Client
from gateway.endpoints.oauth import OAuthError
from gateway.oidc.id_token import LEEWAY_S
from gateway.oidc.keys import FixedKeys
from gateway.oidc.numbers import finite
from gateway.oidc.tokens import BadTokenError, SignedToken, peek_claims, verify
from gateway.sealing.sealer import structured
from gateway.storage.store import Clock, Store

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384")
_MOST_S = 300.0
_MOST_ID_CHARS = 1024


def named_client(assertion: str) -> str:
    """The client that `assertion` says it is from; proves nothing.

    Raises:
        OAuthError: It names none.
    """
    try:
        subject = peek_claims(assertion).get("sub")
    except BadTokenError as error:
        raise _refused(str(error)) from error
    if not isinstance(subject, str):
        raise _refused("it has no sub")
    return subject


class ClientAssertions:
    """Verifies assertions, each once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def prove(self, client: Client, assertion: str, audiences: frozenset[str]) -> None:
        """Require that `client` signed `assertion` for one of `audiences`, just now.

        Raises:
            OAuthError: It did not, or sent it before.
            StoreUnavailableError: The store could not answer.
        """
        try:
            signed = await verify(assertion, FixedKeys(client.keys), ALGORITHMS)
        except BadTokenError as error:
            raise _refused(str(error)) from error
        now = self._clock()
        expires_at, token_id = _judged(signed, client.client_id, audiences, now)
        named = structured(client.client_id.encode(), token_id.encode("utf-8", "surrogatepass"))
        key = f"client-assertion:{sha256(named).hexdigest()}"
        if not await self._store.add_once(key, ttl_s=max(1.0, expires_at + LEEWAY_S - now)):
            raise _refused("it was used before")


def _judged(
    signed: SignedToken, client: str, audiences: frozenset[str], now: float
) -> tuple[float, str]:
    """When the assertion expires, and its ``jti``."""
    claims = signed.claims
    if claims.get("iss") != client or claims.get("sub") != client:
        raise _refused("iss and sub must be the client id")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(it, str) and it in audiences for it in named):
        raise _refused(f"aud must be {' or '.join(sorted(audiences))}")
    expires_at, issued_at = finite(claims.get("exp")), finite(claims.get("iat", now))
    starts_at = finite(claims.get("nbf", now))
    if expires_at is None or issued_at is None or starts_at is None:
        raise _refused("exp is missing, or a time is not a number")
    if expires_at + LEEWAY_S <= now:
        raise _refused("it has expired")
    if expires_at > now + _MOST_S + LEEWAY_S:
        raise _refused("exp is more than five minutes away")
    if max(issued_at, starts_at) - LEEWAY_S > now:
        raise _refused("it is not valid yet: is a clock wrong?")
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not 0 < len(token_id) <= _MOST_ID_CHARS:
        raise _refused("jti is missing")
    return expires_at, token_id


def _refused(detail: str) -> OAuthError:
    return OAuthError(
        "invalid_client", "wrong-client-assertion", detail=f"client assertion: {detail}", status=401
    )
