"""The client's private key, as it signs."""

from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.errors import ProviderUnavailableError
from gateway.settings.client_key import read_client_key

if TYPE_CHECKING:
    from joserfc.jwk import Key

_ALGORITHM_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


@lru_cache(maxsize=16)
def signing_key(text: str) -> tuple["Key", str | None]:
    """The key in `text`, and its id if it has one.

    Raises:
        ProviderUnavailableError: it cannot sign.
    """
    try:
        return read_client_key(text)
    except ValueError as error:
        raise ProviderUnavailableError(f"the client key {error}") from error


def algorithm_of(key: "Key") -> str:
    """The algorithm that `key` signs with (RFC 7518, section 3.1; RFC 8037)."""
    if key.key_type == "RSA":
        return "RS256"
    return _ALGORITHM_OF_CURVE[str(key.get("crv"))]
