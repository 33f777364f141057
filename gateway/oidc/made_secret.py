"""Client secrets that the client makes itself: JWTs signed with its key, as Apple wants them."""

from functools import lru_cache

from gateway.errors import ProviderUnavailableError
from gateway.oidc.registration import Registration
from gateway.oidc.signing_key import algorithm_of, signing_key
from gateway.oidc.tokens import sign

# Apple takes up to six months, but a copy should not be good for long.  Each is used for one period
# and stays good for another, so that no clock that is a little off refuses it.
PERIOD_S = 3600
_ALGORITHM = "ES256"


def made_secret(registration: Registration, now: float) -> str:
    """The secret of `registration` at `now`; the same for a whole period.

    Raises:
        ProviderUnavailableError: the key cannot sign it.
    """
    return _made(
        registration.client_key or "",
        registration.client_key_id,
        registration.team_id,
        registration.client_id,
        registration.key_signs_for,
        int(now // PERIOD_S) * PERIOD_S,
    )


@lru_cache(maxsize=16)
def _made(
    key_text: str, kid: str | None, team: str, client_id: str, audience: str, issued_at: int
) -> str:
    key, _ = signing_key(key_text)
    if algorithm_of(key) != _ALGORITHM:
        raise ProviderUnavailableError("the client key is not on the curve P-256 (ES256)")
    claims = {
        "iss": team,
        "iat": issued_at,
        "exp": issued_at + 2 * PERIOD_S,
        "aud": audience,
        "sub": client_id,
    }
    return sign(claims, key, _ALGORITHM, kid)
