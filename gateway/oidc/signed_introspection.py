"""Introspection answers that the issuer signs (RFC 9701)."""

from collections.abc import Collection, Mapping

from gateway.errors import ProviderUnavailableError
from gateway.oidc.keys import KeySource
from gateway.oidc.numbers import finite
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import BadTokenError, SignedToken, verify

MEDIA_TYPE = "application/token-introspection+jwt"
_TYPES = frozenset({"token-introspection+jwt", MEDIA_TYPE})
# An older answer may say that a token is active which is not any more.
_MAX_AGE_S = 60.0


async def read_signed_answer(
    body: bytes,
    registration: Registration,
    keys: KeySource,
    algorithms: Collection[str],
    now: float,
) -> Mapping[str, object]:
    """The members of the answer in `body` (section 5).

    Raises:
        ProviderUnavailableError: it is not signed by the issuer, for this client, just now.
        GatewayError: the keys cannot be fetched.
    """
    try:
        signed = await verify(body.decode("latin-1"), keys, algorithms)
        return _judged(signed, registration, now)
    except BadTokenError as error:
        # The answer is about somebody's token, and is not quoted.
        raise ProviderUnavailableError(f"signed introspection: {error}") from error


def _judged(signed: SignedToken, registration: Registration, now: float) -> Mapping[str, object]:
    # Another kind of token of this issuer, perhaps for this client, must not pass for an answer.
    kind = signed.header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise BadTokenError(f"typ is {str(kind)[:100]!r}")
    claims = signed.claims
    if claims.get("iss") != registration.issuer:
        raise BadTokenError(f"iss is {str(claims.get('iss'))[:200]!r}")
    audience = claims.get("aud")
    if registration.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise BadTokenError(f"aud is {str(audience)[:200]!r}, not {registration.client_id!r}")
    issued_at = finite(claims.get("iat"))
    if issued_at is None or abs(now - issued_at) > _MAX_AGE_S:
        raise BadTokenError(f"iat is {str(claims.get('iat'))[:100]!r}: clock skew?")
    answer = claims.get("token_introspection")
    if not isinstance(answer, dict):
        raise BadTokenError("token_introspection is missing")
    return answer
